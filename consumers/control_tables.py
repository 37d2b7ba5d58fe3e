"""Tables of the control database."""

from __future__ import annotations

from typing import Final

TABLES: Final = """
CREATE TABLE IF NOT EXISTS public.standbys (
    register text NOT NULL,
    database text NOT NULL,
    generation bigint NOT NULL,
    attempt bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('loading', 'replayed', 'live', 'retired')),
    incarnation bigint NOT NULL,
    begin_home_offset bigint NOT NULL,
    begin_lane_offset bigint NOT NULL,
    begin_record bytea NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (register, database)
);
CREATE UNIQUE INDEX IF NOT EXISTS standbys_one_live ON public.standbys (register) WHERE state = 'live';
CREATE TABLE IF NOT EXISTS public.stops (
    register text NOT NULL,
    database text NOT NULL,
    cause text NOT NULL,
    message text NOT NULL,
    remedy text NOT NULL,
    position text NOT NULL,
    lane_offset bigint,
    stopped_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (register, database)
);
CREATE TABLE IF NOT EXISTS public.history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    register text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    event text NOT NULL,
    detail text NOT NULL
);
"""
