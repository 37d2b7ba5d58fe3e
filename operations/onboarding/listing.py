"""The registers of a site as its files tell: contracts, pauses, stops, and what its workers last said."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.watch import health_folder, read_health
from consumers.stops import StopFiles as EmbassyStops
from consumers.telling import ToldFiles
from data_embassy.config import Pause, Register, Site, paused
from operations.onboarding.contract import removing_path
from pipelines.stops import StopFiles as HomeStops


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One line. `lane`, `tier` are None for a contract that cannot be used; `source` also at the embassy."""

    name: str
    state: str
    """stopped, paused, removing, or what the workers last said; `added` before they said anything."""
    tier: int | None
    lane: str | None
    source: str | None
    paused: Pause | None
    cause: str | None
    """Of a stop."""

    def lines(self) -> list[str]:
        """For people."""
        found = f"{self.name:<24} {self.state:<12}"
        if self.lane is not None:
            found += f" tier {self.tier}  lane {self.lane}  {self.source or ''}"
        if self.cause is not None:
            found += f"\n  {self.cause}; embassy status tells its remedy"
        if self.paused is not None:
            reason = "" if self.paused.reason is None else f": {self.paused.reason}"
            found += f"\n  paused since {self.paused.at}{reason}; embassy register resume {self.name}"
        return [line.rstrip() for line in found.splitlines()]


def list_registers(site: Site) -> list[Listed]:
    """All registers of this site, also those whose contract cannot be used or that are being removed."""
    removing = {path.stem for path in removing_path(site, "any").parent.glob("*.toml")}
    names = site.registers.keys() | site.faults.keys() | removing
    return [_listed(site, name, is_removing=name in removing) for name in sorted(names)]


def _listed(site: Site, name: str, *, is_removing: bool) -> Listed:
    register, pause = site.registers.get(name), paused(site, name)
    cause = _cause(site, name)
    if is_removing and register is None:
        state = "removing"
    elif cause is not None:
        state = "stopped"
    else:
        state = "paused" if pause is not None else _said(site, name)
    return Listed(
        name=name,
        state=state,
        tier=None if register is None else register.tier,
        lane=None if register is None else register.lane,
        source=None if register is None else _source(register),
        paused=pause,
        cause=cause,
    )


def _cause(site: Site, name: str) -> str | None:
    if name in site.faults:
        return site.faults[name].cause_class
    if site.role == "embassy":
        return next((stop.cause for stop in EmbassyStops(site.state).read(name)), None)
    found = HomeStops(site.state, "forward").read(name) or HomeStops(site.state, "source").read(name)
    return None if found is None else found.cause


def _said(site: Site, name: str) -> str:
    if site.role == "embassy":
        told = ToldFiles(site.state).read(name)
        return "added" if told is None else told.state
    health = read_health(health_folder(site), name)
    if health is None or health.state in ("ABSENT", "UNKNOWN"):
        return "added"
    return "capturing" if health.state == "RUNNING" else f"capture {health.state.lower()}"


def _source(register: Register) -> str | None:
    if register.source is None:
        return None
    source = register.source.capture
    return f"{source.host}:{source.port}/{source.database}"
