"""`embassy register drills NAME`: the drills that are on this site's record."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from data_embassy.config import open_site, site_folder


def drills(
    name: Annotated[str, typer.Argument(help="The register.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the drills of a register that are on this site's record, oldest first."""
    from data_embassy.drills import DRILLS
    from data_embassy.drills import drills as found
    from operations.signing import signer_of

    site = open_site(site_folder(None))
    site.require(name)
    signer = signer_of(site)
    rows = [
        {
            "at": one.at.isoformat(),
            "result": one.result,
            "by": one.by,
            "note": one.note,
            "registers": list(one.registers),
            "signed": DRILLS.is_signed(document, signer),
            "file": document["file"],
        }
        for one, document in found(site.state, name)
    ]
    if as_json:
        print(json.dumps(rows))
        return
    for row in rows:
        note = f": {row['note']}" if row["note"] else ""
        signed = "" if row["signed"] else "  SIGNATURE DOES NOT FIT"
        print(f"{row['at']}  {row['result']}  by {row['by']}{note}  {row['file']}{signed}")
