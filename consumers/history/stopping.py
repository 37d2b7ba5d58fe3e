"""Stops as events that last: they begin and end in the transactions that store and clear them."""

from __future__ import annotations

from typing import Final

from data_embassy.errors import DataEmbassyError
from data_embassy.postgres import Connection

_END: Final = (
    "UPDATE public.history SET ended_at = clock_timestamp() WHERE register = %(register)s AND event = 'stop'"
    " AND ended_at IS NULL AND (%(database)s::text IS NULL OR subject = %(database)s)"
    " AND cause IS DISTINCT FROM %(but)s"
)
_BEGIN: Final = (
    "INSERT INTO public.history (register, event, detail, subject, cause, remedy, facts)"
    " SELECT %(register)s, 'stop', %(message)s, %(database)s, %(cause)s, %(remedy)s,"
    " jsonb_build_object('position', %(position)s::text) WHERE NOT EXISTS ("
    "  SELECT FROM public.history WHERE register = %(register)s AND event = 'stop' AND ended_at IS NULL"
    "  AND subject = %(database)s)"
)


def stop_begins(connection: Connection, register: str, database: str, error: DataEmbassyError, position: str) -> None:
    """Note a stop. One that was tried again in vain goes on; another cause ends it and begins anew."""
    stop_ends(connection, register, database, but=error.cause_class)
    connection.execute(
        _BEGIN,
        {
            "register": register,
            "database": database,
            "message": error.message,
            "cause": error.cause_class,
            "remedy": error.remedy,
            "position": position,
        },
    )


def stop_ends(connection: Connection, register: str, database: str | None, *, but: str | None = None) -> None:
    """End a standby's stops, or those of all of a register's; `but` is a cause that goes on."""
    connection.execute(_END, {"register": register, "database": database, "but": but})
