"""`embassy keys`: this site's keys and whom it trusts (envelope-v1 section 8)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from data_embassy.config import load_site, site_folder
from data_embassy.keys import (
    Bundle,
    KeyMissing,
    Keyring,
    Role,
    SecretKey,
    activate,
    encode_bundle,
    import_bundle,
    init_keys,
    init_recovery,
    load_keyring,
    read_public,
    rotate,
    write_public,
)
from data_embassy.keys.errors import KeyForeign

app = typer.Typer(help="This site's keys, and whose keys it trusts.", no_args_is_help=True)
Folder = Annotated[
    Path | None,
    typer.Option("--folder", help="A folder of keys instead of the site's: that of a recovery recipient."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def init(
    recovery: Annotated[
        Path | None, typer.Option(help="At home: also make a recovery recipient in this folder, to be moved off-line.")
    ] = None,
    recovery_name: Annotated[str, typer.Option(help="Name of the recovery recipient.")] = "recovery",
    *,
    as_json: AsJson = False,
) -> None:
    """Make this site's first keys; with --recovery keys that exist already stay."""
    site = load_site(site_folder(None))
    role = Role(site.role)
    if recovery is not None and role is not Role.HOME:
        raise KeyForeign("a recovery recipient is made at home", remedy="run it with home's folder as --site")
    has_keys = site.keys.is_dir() and any(site.keys.glob("*.key"))
    made = [] if recovery is not None and has_keys else [init_keys(site.keys, role=role, site=site.name)]
    bundles = [ring.bundle() for ring in made]
    if recovery is not None:
        bundles.append(init_recovery(recovery, home=site.keys, site=recovery_name))
    if as_json:
        print(json.dumps([_bundle(bundle) for bundle in bundles]))
        return
    for bundle in bundles:
        print(f"{bundle.role} {bundle.site}: keys made, fingerprint {bundle.fingerprint}")
    if recovery is not None:
        print(f"move {recovery} off-line now: whoever holds it can open every lane")


@app.command()
def export(
    out: Annotated[Path | None, typer.Option(help="Where to write; by default into the current folder.")] = None,
    folder: Folder = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Write this site's public keys to a file for the other site; tell its fingerprint by another way."""
    bundle = load_keyring(_folder(folder)).bundle()
    path = out if out is not None else Path(bundle.name)
    write_public(path, encode_bundle(bundle))
    print(
        json.dumps({"file": str(path), **_bundle(bundle)}) if as_json else f"{path}\nfingerprint {bundle.fingerprint}"
    )


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="The other site's bundle.")],
    fingerprint: Annotated[str, typer.Option(help="Its fingerprint, as the other site told it.")],
    folder: Folder = None,
) -> None:
    """Trust another site's public keys; they replace an older bundle of that site."""
    bundle = import_bundle(_folder(folder), read_public(file), fingerprint=fingerprint, where=str(file))
    print(f"{bundle.role} {bundle.site}: {len(bundle.keys)} keys trusted")


@app.command(name="list")
def list_(folder: Folder = None, *, as_json: AsJson = False) -> None:
    """Show this site's keys by id, its fingerprint, and the bundles it trusts."""
    ring = load_keyring(_folder(folder))
    if as_json:
        print(json.dumps(_ring(ring), indent=2))
        return
    print(f"{ring.role} {ring.site}  fingerprint {ring.bundle().fingerprint}")
    for key in ring.keys:
        print(f"  {key.kind:26} {key.serial:3}  {'in use' if key.is_active else 'not yet used':12} {key.id.hex()}")
    for bundle in ring.peers:
        print(f"trusts {bundle.role} {bundle.site}  fingerprint {bundle.fingerprint}")
        for public in bundle.keys:
            print(f"  {public.kind:26} {public.serial:3}  {public.id.hex()}")


@app.command(name="rotate")
def rotate_(folder: Folder = None) -> None:
    """Make new keys beside the old ones, which stay to read what was sealed before."""
    for key in rotate(_folder(folder)):
        print(f"{key.kind} {key.serial} {key.id.hex()}{'' if key.is_active else '  not yet used'}")
    print("next: embassy keys export, import it at the other site, then here: embassy keys activate")


@app.command(name="activate")
def activate_(folder: Folder = None) -> None:
    """Begin to use the signing keys that `rotate` made, from each process's next start."""
    keys: list[SecretKey] = activate(_folder(folder))
    if not keys:
        raise KeyMissing("no key waits for its first use", remedy="embassy keys rotate")
    for key in keys:
        print(f"{key.kind} {key.serial} {key.id.hex()}  in use")


def _folder(folder: Path | None) -> Path:
    return folder if folder is not None else load_site(site_folder(None)).keys


def _bundle(bundle: Bundle) -> dict[str, Any]:
    keys = [{"kind": key.kind.value, "serial": key.serial, "id": key.id.hex()} for key in bundle.keys]
    return {"role": bundle.role.value, "site": bundle.site, "fingerprint": bundle.fingerprint, "keys": keys}


def _ring(ring: Keyring) -> dict[str, Any]:
    own = [
        {"kind": key.kind.value, "serial": key.serial, "id": key.id.hex(), "active": key.is_active} for key in ring.keys
    ]
    return {**_bundle(ring.bundle()), "keys": own, "trusts": [_bundle(bundle) for bundle in ring.peers]}
