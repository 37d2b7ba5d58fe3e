"""The status as text: 80 columns, the lag first, commands whole on lines of their own, colours only when asked."""

from dataclasses import replace

import pytest

from data_embassy.config import Excluded, Terms
from data_embassy.status import HOPS, Backlog, Part, Position, RegisterStatus, meets
from operations.status.table import table

POSITION = Position(
    commit_lsn="16/B3748AC0", source_committed_at="2026-01-01T00:00:00+00:00", home_offset=9, generation=3, attempt=1
)
LIVE = RegisterStatus(
    register="population", lane="00" * 8, tier=1, state="live", lag_seconds=0.42, is_lag_trusted=True, age_seconds=0.3,
    position=POSITION, backlog=Backlog(records=0, envelopes=0),
)  # fmt: skip
STOPPED = RegisterStatus(
    register="land", lane="11" * 8, tier=2, state="stopped", lag_seconds=7_500.0, is_lag_trusted=False,
    clock_offset_seconds=3600.2, age_seconds=2.0, position=POSITION, backlog=Backlog(envelopes=12_345),
    cause="Gapped", reason="the lane jumps from home offset 17 to 4711: records are missing",
    remedy="at home: embassy register snapshot land",
    candidate=Part(
        name="generation 4.1", state="loading", detail={"rows": 1_200_000, "bytes": 340_000_000, "tables_done": 3}
    ),
)  # fmt: skip
HALF = RegisterStatus(
    register="treasury", lane="22" * 8, tier=3, state="live", lag_seconds=1.0, age_seconds=1.0, position=POSITION,
    candidate=Part(
        name="generation 5.1", state="stopped", cause="LoadDivergence", reason="table 3 holds other rows",
        remedy="at home: embassy register snapshot treasury",
    ),
)  # fmt: skip
EMPTY = RegisterStatus(
    register="courts", lane="33" * 8, tier=9, state="empty",
    notes=("the lane cannot be read: this site has no such topic yet, or its broker does not answer",),
)  # fmt: skip

EXPECTED = """\
     LAG REGISTER   STATE      BACKLOG   SEEN  POSITION
   0.4 s population live             0  0.3 s  16/B3748AC0 generation 3
    2 h? land       stopped     12,345  2.0 s  16/B3748AC0 generation 3
         Gapped: the lane jumps from home offset 17 to 4711: records are missing
         -> at home: embassy register snapshot land
         generation 4.1: loading, 3 tables, 1,200,000 rows, 340 MB
   1.0 s treasury   live             -  1.0 s  16/B3748AC0 generation 3
         generation 5.1: stopped
         LoadDivergence: table 3 holds other rows
         -> at home: embassy register snapshot treasury
       - courts     empty            -      -  -
         the lane cannot be read: this site has no such topic yet, or its broker
           does not answer
? the clocks of the sites differ by about +3,600.2 s (the embassy's minus
home's): set them; lags are not to be trusted\
"""


def test_the_table_at_80_columns():
    text = table("embassy", "embassy", [LIVE, STOPPED, HALF, EMPTY])
    assert text == EXPECTED
    assert max(len(line) for line in text.splitlines()) <= 80


def test_an_objective_that_is_not_met_is_said():
    slow = replace(LIVE, hops=dict.fromkeys(HOPS, 0.5) | {"link": 9.5}, runs_out_seconds={"lane": 1e6, "slot": 600.0})
    text = table("home", "home", [slow])
    assert "of the 12.0 s of its newest pulse, 9.5 s on the hop link" in text
    assert "the slot loses what is still needed in about 10 min" in text
    assert f"-> embassy connector apply {slow.register}; to win time, raise max_slot_wal_keep_size" in text
    assert "the lane" not in text
    soon = table("embassy", "embassy", [replace(LIVE, runs_out_seconds={"lane": 80_000.0, "home": 600.0})])
    assert f"--entity-name changes.{LIVE.register} --add-config retention.ms=-1" in soon
    assert "the lane loses what is still needed in about 22 h" in soon
    assert f"lane.{LIVE.lane}" not in soon, "there is time"
    late = replace(LIVE, lag_seconds=90.0, objective_seconds=10, is_objective_met=False)
    assert "         further behind than the 10.0 s of its objective" in table("home", "home", [late]).splitlines()


def test_a_lag_at_home_grows_while_the_embassy_is_silent():
    silent = replace(LIVE, state="unknown", age_seconds=600.0)
    assert table("home", "home", [silent]).splitlines()[1].startswith(" \u226410 min population unknown")
    assert table("embassy", "embassy", [silent]).splitlines()[1].startswith("   0.4 s population unknown")


@pytest.mark.parametrize(
    ("held", "level", "said"),
    [
        (True, 125.0, "tier 1 waits: the link carries registers of higher tiers first; level in about 2 min"),
        (True, None, "tier 1 waits: the link carries registers of higher tiers first"),
        (False, 42.0, "catching up; level in about 42.0 s"),
    ],
)
def test_who_waits_for_the_link_says_for_how_long(held, level, said):
    text = table("home", "home", [replace(LIVE, is_held=held, level_in_seconds=level)], width=200)
    assert said in text


@pytest.mark.parametrize(
    ("objective", "behind", "expected"), [(None, 5.0, None), (10, 10.0, True), (10, 10.1, False), (10, None, False)]
)
def test_an_objective_is_met_only_by_what_is_known(objective, behind, expected):
    assert meets(objective, behind) is expected


def test_home_says_when_it_heard():
    assert " HEARD " in table("home", "home", [LIVE])


def test_colours_only_on_a_terminal():
    assert "\x1b[" not in table("home", "home", [LIVE, STOPPED])
    colored = table("home", "home", [LIVE, STOPPED], is_colored=True)
    assert "\x1b[32mlive" in colored
    assert "\x1b[31;1mstopped" in colored


def test_a_command_is_never_broken():
    remedy = "at home: embassy register snapshot " + "x" * 60
    one = RegisterStatus(register="x" * 48, lane="", tier=1, state="stopped", cause="Gapped", reason="r", remedy=remedy)
    assert f"-> {remedy}" in table("home", "home", [one])


def test_a_site_without_registers_says_so():
    assert table("home", "home", []) == "home (home): no registers"


def test_what_stays_at_home_is_named():
    agreed = Excluded(table="public.session", reason="who is logged in", promotion="they log in again")
    one = replace(LIVE, terms=Terms(institution="Maa-amet", excluded=(agreed,)))
    assert "stay at home: public.session (who is logged in)" in table("abroad", "embassy", [one])
    said = one.as_json()["terms"]
    assert (said["institution"], said["excluded"][0]["promotion"]) == ("Maa-amet", "they log in again")
