"""Every vector of envelope-v1 is judged as its file says."""

import dataclasses
import hashlib
from pathlib import Path

import pytest

from data_embassy.envelope import REASONS, LaneOpener, Refused, verify_receipt
from data_embassy.envelope import cipher as cipher_module
from data_embassy.keys import EmbassyKeys, RecoveryKeys
from data_embassy.keys.tagged import tagged
from tests.support.sealing import EPOCH_AT, LANE
from tests.vectors.envelope.cases import FOLDER, Case, load_case, load_sites

PATHS = sorted(FOLDER.glob("*.vector"))
SITES = load_sites()


def keys_of(case: Case) -> EmbassyKeys | RecoveryKeys:
    sites = SITES["home"]
    stranger = dataclasses.replace(SITES["foreign"].embassy, signers=sites.embassy.signers)
    known: dict[str, EmbassyKeys | RecoveryKeys] = {
        "embassy": sites.embassy,
        "recovery": sites.recovery,
        "stranger": stranger,
    }
    return known[case.keys]


def judge(case: Case) -> list[bytes]:
    """Content of the case, or the refusal."""
    if case.kind == "receipt":
        return [verify_receipt(SITES["home"].home, case.data)]
    opener = LaneOpener(lane=LANE, keys=keys_of(case))
    if case.kind == "epoch":
        return opener.open_epoch(case.data, EPOCH_AT).schemas
    opener.open_epoch(load_case(FOLDER / f"{case.epoch}.vector").data, EPOCH_AT)
    opened = opener.open(case.data)
    return [part for pair in zip(opened.keys, opened.values, strict=True) for part in pair]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_vector_is_judged_as_its_file_says(path: Path):
    case = load_case(path)
    if case.expect == "ok":
        assert hashlib.sha256(tagged(b"content", *judge(case))).hexdigest() == case.content
        return
    with pytest.raises(Refused) as refusal:
        judge(case)
    assert refusal.value.reason == case.expect
    assert refusal.value.remedy


def test_every_reason_of_opening_has_a_vector():
    # Unsealable happens at home before anything is sealed; a receipt's payload is judged by its reader.
    expected = set(REASONS) - {"unsealable", "receipt_malformed"}
    assert {load_case(path).expect for path in PATHS} == expected | {"ok"}


def test_the_body_of_two_keys_would_open_without_the_commitment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cipher_module.EpochKey, "check_commitment", lambda *_: None)
    key, value = judge(load_case(FOLDER / "two-keys.vector"))
    assert len(key) == 17
    assert len(value) == 96
