"""What schema changes do to a standby: every case is tried, and docs/reference/ddl.md is made of them."""

from tests.support.ddl_case import NOTHING, REPLAYS, SCHEMA, STOPS, Case
from tests.support.ddl_objects import OBJECTS
from tests.support.ddl_relations import RELATIONS

__all__ = ["CASES", "NOTHING", "REPLAYS", "SCHEMA", "STOPS", "Case"]

CASES = (*RELATIONS, *OBJECTS)
