"""A folder of keys: made, loaded, exchanged, rotated, and refused for everything that can be wrong with it."""

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from data_embassy.envelope import HomeSealer, LaneOpener, Refused, sign_receipt, verify_receipt
from data_embassy.keys import (
    Bundle,
    FingerprintMismatch,
    KeyDamaged,
    KeyExposed,
    KeyForeign,
    KeyKind,
    KeyMissing,
    KeyNotOwned,
    KeyRefused,
    KeysPresent,
    PeerMissing,
    RecoveryMissing,
    Role,
    activate,
    decode_bundle,
    documents,
    encode_bundle,
    import_bundle,
    init_keys,
    init_recovery,
    keyfile,
    load_embassy_keys,
    load_home_keys,
    load_keyring,
    load_recovery_keys,
    rotate,
    signing_key_file,
)
from data_embassy.keys.documents import decode_key_file
from tests.support.sealing import EPOCH_AT, LANE, Stream, make_records

SIGN_FILE = "sign-ed25519.1.key"


def give(giver: Path, taker: Path) -> Bundle:
    """Exchange a bundle as operators do."""
    bundle = load_keyring(giver).bundle()
    return import_bundle(taker, encode_bundle(bundle), fingerprint=bundle.fingerprint)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Home's folder, with an embassy and a recovery recipient known; theirs lie beside it."""
    for role in (Role.HOME, Role.EMBASSY):
        init_keys(tmp_path / role, role=role, site=role.value, random=Stream(role))
    init_recovery(tmp_path / "recovery", home=tmp_path / "home", random=Stream("recovery"))
    give(tmp_path / "home", tmp_path / "embassy")
    give(tmp_path / "embassy", tmp_path / "home")
    return tmp_path / "home"


def seal(home: Path) -> tuple[bytes, bytes]:
    sealer = HomeSealer(lane=LANE, keys=load_home_keys(home), incarnation=1)
    epoch = sealer.begin_epoch(next_offset=0, schemas=[], generation=None)
    sealer.epoch_acknowledged(EPOCH_AT)
    return epoch, sealer.seal(make_records([b"x"]))


def open_at_embassy(home: Path, sealed: tuple[bytes, bytes]) -> list[bytes]:
    opener = LaneOpener(lane=LANE, keys=load_embassy_keys(home.with_name("embassy")))
    opener.open_epoch(sealed[0], EPOCH_AT)
    return opener.open(sealed[1]).values


def test_sites_that_exchanged_keys_understand_each_other(home: Path):
    assert open_at_embassy(home, seal(home)) == [b"x"]
    receipt = sign_receipt(load_embassy_keys(home.with_name("embassy")), b"payload")
    assert verify_receipt(load_home_keys(home), receipt) == b"payload"


def test_the_recovery_recipient_opens_the_lane(home: Path):
    epoch, envelope = seal(home)
    opener = LaneOpener(lane=LANE, keys=load_recovery_keys(home.with_name("recovery")))
    opener.open_epoch(epoch, EPOCH_AT)
    assert opener.open(envelope).values == [b"x"]


def test_only_the_owner_may_read_what_was_made(home: Path):
    for path in (home, *home.rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)
    assert {path.name for path in home.iterdir() if path.is_file()} == {
        SIGN_FILE,
        "sign-ml-dsa-65.1.key",
        "digest-hmac-sha-256.1.key",
    }


def test_modes_do_not_depend_on_the_umask(tmp_path: Path):
    before = os.umask(0)
    try:
        init_keys(tmp_path / "keys", role=Role.HOME, site="home")
    finally:
        os.umask(before)
    assert load_keyring(tmp_path / "keys").site == "home"


def test_two_sites_never_get_the_same_keys(tmp_path: Path):
    rings = [init_keys(tmp_path / str(i), role=Role.HOME, site="home") for i in range(2)]
    assert not {key.seed for key in rings[0].keys} & {key.seed for key in rings[1].keys}


def test_keys_that_exist_are_never_overwritten(home: Path):
    before = {path: path.read_bytes() for path in home.iterdir() if path.is_file()}
    with pytest.raises(KeysPresent):
        init_keys(home, role=Role.HOME, site="home")
    assert before == {path: path.read_bytes() for path in home.iterdir() if path.is_file()}


def test_a_run_killed_while_it_made_keys_leaves_nothing_in_the_way(tmp_path: Path):
    (tmp_path / ".keys.new").mkdir()
    (tmp_path / ".keys.new" / "half").write_bytes(b"")
    init_keys(tmp_path / "keys", role=Role.HOME, site="home")
    assert not (tmp_path / ".keys.new").exists()


def test_an_empty_folder_may_become_the_keys(tmp_path: Path):
    (tmp_path / "keys").mkdir()
    assert init_keys(tmp_path / "keys", role=Role.EMBASSY, site="abroad").site == "abroad"


@pytest.mark.parametrize("name", ["", "Home", "a b", "../x", "x" * 64])
def test_a_site_needs_a_plain_name(tmp_path: Path, name: str):
    with pytest.raises(KeyForeign):
        init_keys(tmp_path / "keys", role=Role.HOME, site=name)


def _expose_file(home: Path) -> None:
    (home / SIGN_FILE).chmod(0o640)


def _expose_folder(home: Path) -> None:
    home.chmod(0o755)


def _expose_peers(home: Path) -> None:
    (home / "peers").chmod(0o777)


def _remove(home: Path) -> None:
    (home / SIGN_FILE).unlink()


def _remove_folder(home: Path) -> None:
    home.rename(home.with_name("elsewhere"))


def _remove_all(home: Path) -> None:
    for path in home.glob("*.key"):
        path.unlink()


def _truncate(home: Path) -> None:
    os.truncate(home / SIGN_FILE, 200)


def _empty(home: Path) -> None:
    os.truncate(home / SIGN_FILE, 0)


def _file_for_folder(home: Path) -> None:
    home.rename(home.with_name("elsewhere"))
    home.write_bytes(b"")


def _folder_for_file(home: Path) -> None:
    (home / SIGN_FILE).unlink()
    (home / SIGN_FILE).mkdir(0o700)


def _pipe_for_file(home: Path) -> None:
    (home / SIGN_FILE).unlink()
    os.mkfifo(home / SIGN_FILE, 0o600)


def _huge(home: Path) -> None:
    os.truncate(home / SIGN_FILE, (1 << 20) + 1)


def _change(**fields: object) -> Callable[[Path], None]:
    """Change fields of a key file without its checksum."""

    def change(home: Path) -> None:
        data = json.loads((home / SIGN_FILE).read_bytes())
        keyfile.write_private(home / SIGN_FILE, json.dumps({**data, **fields}).encode())

    return change


def _other_home(home: Path) -> None:
    init_keys(home.with_name("other"), role=Role.HOME, site="other", random=Stream("other"))
    keyfile.write_private(home / SIGN_FILE, (home.with_name("other") / SIGN_FILE).read_bytes())


def _embassy_key(home: Path) -> None:
    name = "receipt-ed25519.1.key"
    keyfile.write_private(home / name, (home.with_name("embassy") / name).read_bytes())


def _copy_key(home: Path) -> None:
    keyfile.write_private(home / "copy.key", (home / SIGN_FILE).read_bytes())


def _home_as_peer(home: Path) -> None:
    bundle = load_keyring(home).bundle()
    keyfile.write_private(home / "peers" / bundle.name, encode_bundle(bundle))


def _peer_renamed(home: Path) -> None:
    (home / "peers" / "embassy.embassy.public.json").rename(home / "peers" / "x.embassy.public.json")


def _peer_damaged(home: Path) -> None:
    os.truncate(home / "peers" / "embassy.embassy.public.json", 100)


def _no_recovery(home: Path) -> None:
    (home / "peers" / "recovery.recovery.public.json").unlink()


def _no_embassy(home: Path) -> None:
    (home / "peers" / "embassy.embassy.public.json").unlink()


def _no_peers(home: Path) -> None:
    (home / "peers").rename(home / "forgotten")


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (_expose_file, KeyExposed),
        (_expose_folder, KeyExposed),
        (_expose_peers, KeyExposed),
        (_remove, KeyMissing),
        (_remove_folder, KeyMissing),
        (_remove_all, KeyMissing),
        (_truncate, KeyDamaged),
        (_empty, KeyDamaged),
        (_file_for_folder, KeyDamaged),
        (_folder_for_file, KeyDamaged),
        (_pipe_for_file, KeyDamaged),
        (_huge, KeyDamaged),
        (_change(serial=2), KeyDamaged),
        (_change(seed="AAAA"), KeyDamaged),
        (_change(surplus=1), KeyDamaged),
        (_change(checksum=None), KeyDamaged),
        (_copy_key, KeyDamaged),
        (_other_home, KeyForeign),
        (_embassy_key, KeyForeign),
        (_home_as_peer, KeyForeign),
        (_peer_renamed, KeyForeign),
        (_peer_damaged, KeyDamaged),
        (_no_recovery, RecoveryMissing),
        (_no_embassy, PeerMissing),
        (_no_peers, RecoveryMissing),
    ],
)
def test_whatever_is_wrong_with_the_folder_is_named(
    home: Path, damage: Callable[[Path], None], expected: type[KeyRefused]
):
    load_home_keys(home)
    damage(home)
    with pytest.raises(KeyRefused) as refusal:
        load_home_keys(home)
    assert type(refusal.value) is expected
    assert refusal.value.remedy


def test_keys_of_another_user_are_refused(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: home.stat().st_uid + 1)
    with pytest.raises(KeyNotOwned):
        load_home_keys(home)


def test_a_folder_of_another_role_or_site_is_foreign(home: Path):
    for load in (load_embassy_keys, load_recovery_keys):
        with pytest.raises(KeyForeign):
            load(home)
    with pytest.raises(KeyForeign):
        load_home_keys(home, site="elsewhere")


def test_an_embassy_without_home_is_told_so(tmp_path: Path):
    init_keys(tmp_path / "keys", role=Role.EMBASSY, site="embassy")
    with pytest.raises(PeerMissing):
        load_embassy_keys(tmp_path / "keys")


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "other"},
        {"serial": 0},
        {"serial": True},
        {"site": "No Name"},
        {"site": 5},
        {"role": "other"},
        {"seed": "!!!"},
        {"seed": "AAAA"},
        {"seed": 7},
        {"id": "00" * 16},
        {"active": "yes"},
        {"format": "other"},
        {"kind": ["x"]},
    ],
    ids=str,
)
def test_a_key_file_with_a_right_checksum_may_still_be_malformed(home: Path, fields: dict[str, object]):
    data = {**json.loads((home / SIGN_FILE).read_bytes()), **fields}
    data.pop("checksum")
    data["checksum"] = documents._checksum(data)
    with pytest.raises(KeyDamaged):
        decode_key_file(json.dumps(data).encode(), where="file")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"5", b"{}", b"[" * 100_000, b"\xff"])
def test_what_is_no_document_is_damaged(data: bytes):
    for decode in (decode_key_file, decode_bundle):
        with pytest.raises(KeyDamaged):
            decode(data, where="file")


def test_a_bundle_needs_the_fingerprint_that_was_told(home: Path):
    bundle = load_keyring(home.with_name("embassy")).bundle()
    for told in ("", "00" * 32, bundle.fingerprint[:-1], bundle.fingerprint + "0"):
        with pytest.raises(FingerprintMismatch) as refusal:
            import_bundle(home, encode_bundle(bundle), fingerprint=told)
        assert bundle.fingerprint not in refusal.value.diagnostics()


def test_a_fingerprint_may_be_written_in_groups(home: Path):
    bundle = load_keyring(home.with_name("embassy")).bundle()
    groups = " ".join(bundle.fingerprint[i : i + 4].upper() for i in range(0, 64, 4))
    assert import_bundle(home, encode_bundle(bundle), fingerprint=groups) == bundle
    assert import_bundle(home, encode_bundle(bundle), fingerprint=groups.replace(" ", ":")) == bundle


def test_a_bundle_of_a_role_without_use_is_foreign(home: Path):
    with pytest.raises(KeyForeign):
        give(home, home)
    with pytest.raises(KeyForeign):
        give(home.with_name("recovery"), home.with_name("embassy"))


def test_an_altered_bundle_is_damaged(home: Path):
    bundle = load_keyring(home.with_name("embassy")).bundle()
    fields = json.loads(encode_bundle(bundle))
    stranger = init_keys(home.with_name("stranger"), role=Role.EMBASSY, site="embassy").bundle()
    other = json.loads(encode_bundle(stranger))
    alterations = [
        {"keys": other["keys"]},
        {"keys": []},
        {"keys": "x"},
        {"keys": [1]},
        {"site": "other"},
        {"role": "home"},
    ]
    for alteration in alterations:
        with pytest.raises(KeyDamaged):
            decode_bundle(json.dumps({**fields, **alteration}).encode(), where="file")


def test_a_bundle_must_hold_every_kind_of_its_role_and_valid_keys(home: Path):
    bundle = load_keyring(home.with_name("embassy")).bundle()
    recipient, receipt = bundle.keys
    broken = dataclasses.replace(recipient, public=b"\xff" * len(recipient.public))
    for keys in ((recipient,), (recipient, receipt, receipt), (broken, receipt)):
        wrong = dataclasses.replace(bundle, keys=keys)
        with pytest.raises(KeyDamaged):
            decode_bundle(encode_bundle(wrong), where="file")


def test_secrets_never_show(home: Path):
    ring = load_keyring(home)
    shown = repr(ring) + repr(load_home_keys(home)) + repr(load_embassy_keys(home.with_name("embassy")))
    for key in ring.keys:
        assert key.seed.hex() not in shown
        assert repr(key.seed) not in shown
        assert key.id.hex() in shown


def test_bundles_hold_no_secret(home: Path):
    bundle = encode_bundle(load_keyring(home).bundle()).decode()
    for path in home.glob("*.key"):
        assert json.loads(path.read_bytes())["seed"] not in bundle
    assert KeyKind.DIGEST.value not in bundle


def test_a_recovery_recipient_is_not_silently_replaced(home: Path):
    with pytest.raises(KeysPresent):
        init_recovery(home.with_name("second"), home=home)
    assert not home.with_name("second").exists()
    init_recovery(home.with_name("second"), home=home, site="second")
    assert len(load_home_keys(home).recipients) == 3


def test_a_rotated_signing_key_is_used_only_after_activation(home: Path):
    embassy, before = home.with_name("embassy"), seal(home)
    assert {key.kind for key in rotate(home)} == {KeyKind.SIGN, KeyKind.SIGN_PQ}
    assert open_at_embassy(home, seal(home)) == [b"x"]
    assert {key.serial for key in activate(home)} == {2}
    after = seal(home)
    with pytest.raises(Refused) as refusal:
        open_at_embassy(home, after)
    assert refusal.value.reason == "unknown_signer"
    assert "keys import" in refusal.value.remedy
    give(home, embassy)
    assert open_at_embassy(home, after) == open_at_embassy(home, before) == [b"x"]
    assert activate(home) == []


@pytest.mark.parametrize(("folder", "kind"), [("home", "sign-ed25519"), ("embassy", "receipt-ed25519")])
def test_the_file_of_the_signing_key_is_that_of_the_one_in_use(home: Path, folder: str, kind: str):
    keys = home.with_name(folder)
    assert signing_key_file(keys) == keys / f"{kind}.1.key"
    rotate(keys)
    assert signing_key_file(keys) == keys / f"{kind}.1.key"
    activate(keys)
    assert signing_key_file(keys) == keys / f"{kind}.2.key"
    assert signing_key_file(keys).is_file()


def test_a_rotated_recipient_still_opens_what_was_sealed_before(home: Path):
    embassy, before = home.with_name("embassy"), seal(home)
    rotate(embassy)
    assert open_at_embassy(home, seal(home)) == [b"x"]
    give(embassy, home)
    after = seal(home)
    assert load_home_keys(home).recipients[0].public.id == load_keyring(embassy).current(KeyKind.RECIPIENT).id
    assert open_at_embassy(home, after) == open_at_embassy(home, before) == [b"x"]


def test_a_retired_recipient_key_that_is_lost_is_named(home: Path):
    embassy, before = home.with_name("embassy"), seal(home)
    rotate(embassy)
    (embassy / "recipient-mlkem768-x25519.1.key").unlink()
    with pytest.raises(Refused) as refusal:
        open_at_embassy(home, before)
    assert refusal.value.reason == "not_a_recipient"
    assert "restore" in refusal.value.remedy


def test_rotation_keeps_the_digest_key(home: Path):
    before = load_home_keys(home).digest_key.id
    rotate(home)
    activate(home)
    assert load_home_keys(home).digest_key.id == before


def test_receipts_of_a_rotated_key_need_the_new_bundle(home: Path):
    embassy = home.with_name("embassy")
    rotate(embassy)
    activate(embassy)
    receipt = sign_receipt(load_embassy_keys(embassy), b"payload")
    with pytest.raises(Refused):
        verify_receipt(load_home_keys(home), receipt)
    give(embassy, home)
    assert verify_receipt(load_home_keys(home), receipt) == b"payload"
