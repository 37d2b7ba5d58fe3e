"""A schema change that is tried, and what every one of them finds at the register."""

from dataclasses import dataclass

REPLAYS = "replays"
NOTHING = "nothing to do"
STOPS = "stops"

SCHEMA = """
CREATE TABLE base (id integer PRIMARY KEY, name text, amount numeric DEFAULT 0, at timestamptz DEFAULT now());
INSERT INTO base (id, name) SELECT n, 'person ' || n FROM generate_series(1, 20) n;
CREATE TABLE gone (a integer, b integer PRIMARY KEY, c text);
ALTER TABLE gone DROP COLUMN a;
INSERT INTO gone VALUES (1, 'x');
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO journal VALUES (TG_OP); RETURN NULL; END';
CREATE TABLE journal (op text);
CREATE FUNCTION next_month(d date) RETURNS date LANGUAGE sql IMMUTABLE AS 'SELECT (d + interval ''1 month'')::date';
CREATE FUNCTION dice() RETURNS integer LANGUAGE sql VOLATILE AS 'SELECT (random() * 6)::integer';
"""
"""What every case finds; cases make tables of their own beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Client strings run at the register, and what the standby does about the last schema change among them."""

    group: str
    title: str
    setup: tuple[str, ...] = ()
    run: tuple[str, ...]
    outcome: str = REPLAYS
    reason: str = ""
    """Part of what the stop says."""
    instead: str | None = None
    """SQL that an operator decides on to get past the stop; None: skip it."""
    is_equal: bool = True
    """False when the two sides differ on purpose; said in `note`."""
    note: str = ""


def table(name: str, columns: str = "id integer PRIMARY KEY, v text, n integer") -> tuple[str, ...]:
    """A table of a case's own, with five rows."""
    return (f"CREATE TABLE {name} ({columns})", f"INSERT INTO {name} (id) SELECT generate_series(1, 5)")
