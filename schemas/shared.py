"""SQL that both sites ask of their own catalogs, word for word: their answers are compared."""

from __future__ import annotations

from importlib.resources import files
from typing import Final


def shared_sql(name: str) -> str:
    """The text of a file beside this one."""
    return files("schemas").joinpath(name).read_text(encoding="utf-8")


DDL_DEFINITION: Final = shared_sql("ddl_definition.sql")
"""What the object $2 of the catalog $1 is now, as JSON."""
CATALOG_FINGERPRINT: Final = shared_sql("catalog_fingerprint.sql")
"""All tables, columns, indexes and enums in one text, independent of order and oids."""
