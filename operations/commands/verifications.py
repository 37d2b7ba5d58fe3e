"""`embassy register verifications NAME`: the signed reports that this site keeps."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from data_embassy.config import load_site, site_folder


def verifications(
    name: Annotated[str, typer.Argument(help="The register.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the verifications of a register whose signed reports this site keeps, oldest first."""
    from data_embassy.verifications import is_signed, reports
    from operations.signing import signer_of

    site = load_site(site_folder(None))
    register = site.register(name)
    signer = signer_of(site)
    rows = [
        {
            "finished_at": document["report"].get("finished_at"),
            "equal": document["report"].get("equal"),
            "position": document["report"].get("position"),
            "tables": len(document["report"].get("tables", ())),
            "signed": is_signed(document, signer),
            "file": str(path),
        }
        for path, document in reports(site.state, register.name)
    ]
    if as_json:
        print(json.dumps(rows))
        return
    for row in rows:
        word = "equal" if row["equal"] else "NOT EQUAL"
        signed = "" if row["signed"] else "  SIGNATURE DOES NOT FIT"
        print(f"{row['finished_at']}  {word:<9} at {row['position']}, {row['tables']} tables  {row['file']}{signed}")
