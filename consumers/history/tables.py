"""Tables of the history, made once: their locks would otherwise wait for each other at every look."""

from __future__ import annotations

from typing import Final

HISTORY_TABLES: Final = """
DO $make$ BEGIN
IF to_regclass('public.lag_minutes') IS NULL THEN
    CREATE TABLE public.lag_samples (
        register text NOT NULL,
        at timestamptz NOT NULL,
        span_seconds real NOT NULL,
        known_seconds real NOT NULL,
        met_seconds real NOT NULL,
        lag_seconds real,
        worst_at timestamptz NOT NULL,
        hops real[],
        transactions bigint,
        backlog_envelopes bigint,
        objective_seconds integer,
        state text NOT NULL,
        cause text,
        PRIMARY KEY (register, at)
    );
    CREATE TABLE public.lag_minutes (LIKE public.lag_samples INCLUDING ALL);
    CREATE VIEW public.lags AS SELECT * FROM public.lag_samples UNION ALL SELECT * FROM public.lag_minutes;
    CREATE TABLE public.sampled (register text PRIMARY KEY, since timestamptz NOT NULL);
    ALTER TABLE public.history
        ADD COLUMN ended_at timestamptz,
        ADD COLUMN subject text,
        ADD COLUMN cause text,
        ADD COLUMN remedy text,
        ADD COLUMN facts jsonb;
    CREATE INDEX history_of_register ON public.history (register, at);
END IF;
END $make$;
"""
"""A sample stands for the `span_seconds` before `at`. Of these the lag was known for `known_seconds`, and within the
objective for `met_seconds`; `lag_seconds` is the worst, seen at `worst_at`, and hops (in the order of HOPS), state and
cause are of then. `lag_samples` has the last two days, `lag_minutes` what is older: no moment is in both."""
