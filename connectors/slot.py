"""A register's replication slot, as the capture role sees it."""

from __future__ import annotations

import time
from typing import Final, Literal

import psycopg

from data_embassy.config import Source
from data_embassy.errors import TransportError
from data_embassy.postgres import Connection, connect

SlotState = Literal["absent", "idle", "active"]
_POLL_SECONDS: Final = 0.5
_NAME: Final = "data-embassy slot"


def slot_state(source: Source) -> SlotState:
    """Whether the slot exists and a capture task holds it; raises TransportError."""
    with connect(source.capture, application_name=_NAME, autocommit=True) as connection:
        return _state(connection, source.slot)


def drop_slot(source: Source, *, seconds: float) -> bool:
    """Drop the slot once nobody holds it; False when there was none. Raises TransportError, also at the deadline."""
    deadline = time.monotonic() + seconds
    with connect(source.capture, application_name=_NAME, autocommit=True) as connection:
        while (state := _state(connection, source.slot)) != "absent":
            try:
                if state == "idle":
                    connection.execute("SELECT pg_drop_replication_slot(%s)", (source.slot,))
                    return True
            except (psycopg.errors.ObjectInUse, psycopg.errors.UndefinedObject):
                continue  # Taken or dropped in between.
            if time.monotonic() > deadline:
                raise TransportError(
                    f"the slot {source.slot} is still held by a capture task", remedy="wait, then run this again"
                )
            time.sleep(_POLL_SECONDS)
    return False


def _state(connection: Connection, slot: str) -> SlotState:
    row = connection.execute("SELECT active FROM pg_replication_slots WHERE slot_name = %s", (slot,)).fetchone()
    if row is None:
        return "absent"
    return "active" if row[0] else "idle"
