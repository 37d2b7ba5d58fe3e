"""The stations of a register's way as home sees them, and why one of them does not work.

Pure but for the stops and pauses that stand in files.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from connectors.client import ABSENT, FAILED, PAUSED, RUNNING
from connectors.watch import health_folder, read_health
from data_embassy import causes
from data_embassy.config import Register, Site, paused
from data_embassy.status import Part
from operations.status.heard import age_of
from pipelines.memory import Remembered
from pipelines.pulse.slot import SlotTold
from pipelines.receipts import Heard, Receipt
from pipelines.stops import StopFiles
from pipelines.telling import Told

SILENT_SECONDS: Final = 20.0
"""An embassy that has not said anything for so long is silent: it speaks every five seconds."""
FORWARDER_SECONDS: Final = 15.0
PULSE_SECONDS: Final = 20.0
"""Who beats looks at the slot every few seconds."""
LINK_AWAY: Final = "the embassy's broker does not answer through the link"
BROKER_AWAY: Final = "home's broker does not answer"
SERVER_AWAY: Final = "the register's server does not answer"
CONNECT_AWAY: Final = "Kafka Connect does not answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was found out about one register; None where it could not be."""

    heard: Heard | None = None
    position: Receipt | None = None
    has_gone_back: bool = False
    home_end: int | None = None
    slot: tuple[bool, int | None] | None = None
    connector: str | None = None
    """As Kafka Connect says; "UNKNOWN" where this site has none."""
    notes: tuple[str, ...] = ()


def stations(
    site: Site,
    register: Register,
    seen: Seen,
    now: dt.datetime,
    *,
    told: Told | None,
    slot: SlotTold | None,
    remembered: Remembered | None,
) -> list[Part]:
    """All of them, in the order of the way: of several that do not work the first one is the cause."""
    return [
        _source(site, register, seen, now, slot),
        _capture(site, register, seen, now),
        _forward(site, register, now, told),
        _embassy(register, seen, now, remembered),
    ]


def _source(site: Site, register: Register, seen: Seen, now: dt.datetime, slot: SlotTold | None) -> Part:
    stop = StopFiles(site.state, "source").read(register.name)
    if stop is not None:
        return _stopped("source", register, stop.cause, stop.message, remedy=stop.remedy, since=stop.stopped_at)
    if SERVER_AWAY in seen.notes:
        return _away("source", register, "RegisterUnreachable")
    if seen.slot is not None and slot is not None and now.timestamp() - slot.at > PULSE_SECONDS:
        return _away("source", register, "PulseDown", state="down")
    detail = {} if seen.slot is None else {"slot_active": seen.slot[0]}
    return Part(name="source", state="unknown" if seen.slot is None else "live", detail=detail)


def _capture(site: Site, register: Register, seen: Seen, now: dt.datetime) -> Part:
    health = read_health(health_folder(site), register.name)
    state = seen.connector
    if BROKER_AWAY in seen.notes:  # Without it Kafka Connect cannot work, and often not answer.
        return _away("capture", register, "HomeBrokerDown")
    if CONNECT_AWAY in seen.notes:
        return _away("capture", register, "ConnectDown")
    if health is not None and health.cause_class is not None:
        reason = health.reason or causes.what_of(health.cause_class)
        return _stopped("capture", register, health.cause_class, reason, remedy=health.remedy)
    if state == FAILED:
        return _stopped("capture", register, "CaptureFailed", causes.what_of("CaptureFailed"))
    if state in PAUSED:
        return _stopped("capture", register, "CaptureStopped", causes.what_of("CaptureStopped"))
    if state == ABSENT and health is not None and health.is_missing(now.timestamp()):
        return _stopped("capture", register, "CaptureMissing", causes.what_of("CaptureMissing"))
    return Part(name="capture", state="live" if state == RUNNING else "unknown", detail={"connector": state})


def _forward(site: Site, register: Register, now: dt.datetime, told: Told | None) -> Part:
    stop = StopFiles(site.state).read(register.name)
    if stop is not None:
        return _stopped("forward", register, stop.cause, stop.message, remedy=stop.remedy, since=stop.stopped_at)
    if paused(site, register.name) is not None:
        return Part(name="forward", state="paused")
    if told is None or now.timestamp() - told.at > FORWARDER_SECONDS:
        return _away("forward", register, "ForwarderDown", state="down")
    return Part(name="forward", state="live", detail={"session": told.states.get(register.name)})


def _embassy(register: Register, seen: Seen, now: dt.datetime, remembered: Remembered | None) -> Part:
    heard, is_link_away = seen.heard, LINK_AWAY in seen.notes
    age = age_of(heard, now, remembered)
    if seen.has_gone_back:
        return _stopped("embassy", register, "ReceiptWentBack", causes.what_of("ReceiptWentBack"))
    if heard is None and is_link_away:
        return _away(
            "embassy", register, "LinkDown", state="unknown", reason=f"{LINK_AWAY}, and nothing was ever heard"
        )
    if heard is None or age is None:
        return Part(name="embassy", state="unknown", reason="the embassy has not said anything of it yet")
    if age > SILENT_SECONDS:
        spoke = f"the embassy last said something {age:.0f} s ago: it was {heard.state} then"
        if is_link_away:
            return _away("embassy", register, "LinkDown", state="unknown", reason=f"{LINK_AWAY}; {spoke}")
        return _away("embassy", register, "EmbassySilent", state="unknown", reason=spoke)
    if heard.cause is None:
        return Part(name="embassy", state=heard.state)
    return Part(
        name="embassy",
        state=heard.state,
        cause=heard.cause,
        reason=causes.what_of(heard.cause),
        remedy=causes.remedy_of(
            heard.cause, register=register.name, site="home", otherwise="at the embassy: embassy status"
        ),
    )


def _away(part: str, register: Register, cause: str, *, state: str = "waiting", reason: str | None = None) -> Part:
    """Somebody who should work does not."""
    remedy = causes.remedy_of(cause, register=register.name, site="home")
    return Part(name=part, state=state, cause=cause, reason=reason or causes.what_of(cause), remedy=remedy)


def _stopped(
    part: str, register: Register, cause: str, reason: str, *, remedy: str | None = None, since: str | None = None
) -> Part:
    words = causes.remedy_of(cause, register=register.name, site="home", otherwise=remedy or "embassy status")
    return Part(name=part, state="stopped", cause=cause, reason=reason, remedy=words, since=since)
