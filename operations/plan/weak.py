"""What is weak in the sites themselves: too near to each other, or one of a kind. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from data_embassy.config import Place, Site

EARTH_KM: Final = 6371.0088
"""Mean radius (IUGG)."""
KM_MIN: Final = 150.0
"""Below it one flood, one grid or one army may reach both sites."""
KM_ENOUGH: Final = 1000.0
Severity = Literal["stop", "warning", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weakness:
    """One finding, as the preflight words it."""

    severity: Severity
    what: str
    remedy: str


def distance_km(a: Place, b: Place) -> float:
    """Great-circle distance on a sphere (haversine): within 0.5 % of the earth's."""
    lat_a, lat_b = math.radians(a.latitude), math.radians(b.latitude)
    half = math.sin((lat_b - lat_a) / 2) ** 2
    half += math.cos(lat_a) * math.cos(lat_b) * math.sin(math.radians(b.longitude - a.longitude) / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(half)))


def weaknesses(site: Site, *, replicas: Mapping[str, int]) -> Iterator[Weakness]:
    """Of a home site. `replicas` are those of the home topics by register, as far as the broker could be asked."""
    yield from _distance(site)
    yield from _brokers(site, replicas)
    yield from _shared_servers(site)
    for name, register in site.registers.items():
        if register.terms.rpo_seconds is None:
            yield Weakness(
                severity="note",
                what=f"{name} has no objective: nobody agreed how far behind its standby may be",
                remedy="write [objectives] rpo_seconds into its contract",
            )
        for one in register.terms.excluded:
            yield Weakness(
                severity="note",
                what=f"rows of {one.table} in {name} stay at home: {one.reason}; after a promotion: {one.promotion}",
                remedy="ask its owner whether that still holds",
            )


def _distance(site: Site) -> Iterator[Weakness]:
    there = None if site.link is None else site.link.place
    if site.place is None or there is None:
        yield Weakness(
            severity="warning",
            what="it is not known how far the sites are apart",
            remedy="write latitude and longitude into [site] and [link] of site.toml",
        )
        return
    apart = distance_km(site.place, there)
    if apart < KM_MIN:
        yield Weakness(
            severity="stop",
            what=f"the sites are {apart:,.0f} km apart, less than {KM_MIN:,.0f}: one disaster may reach both",
            remedy="choose another place for the embassy",
        )
    elif apart < KM_ENOUGH:
        yield Weakness(
            severity="warning",
            what=f"the sites are {apart:,.0f} km apart; more than {KM_ENOUGH:,.0f} is what others chose",
            remedy="weigh whether what can happen here can happen there as well",
        )


def _brokers(site: Site, replicas: Mapping[str, int]) -> Iterator[Weakness]:
    alone = sorted(name for name, count in replicas.items() if count < 2)
    if alone:
        yield Weakness(
            severity="warning",
            what=f"home topics with one replica: {', '.join(alone)}; a lost disk costs a new snapshot of each",
            remedy="run three brokers at home and give the topics three replicas, min.insync.replicas=2; "
            "kafka.replicas in site.toml says so for new ones",
        )
    for who, bootstrap in (("home", site.kafka.bootstrap), ("the embassy", site.link.bootstrap if site.link else "")):
        if bootstrap and "," not in bootstrap:
            yield Weakness(
                severity="warning",
                what=f"one broker of {who} is named: while it is away nothing is forwarded",
                remedy="name several in bootstrap",
            )


def _shared_servers(site: Site) -> Iterator[Weakness]:
    servers: dict[tuple[str, int], list[str]] = {}
    for name, register in site.registers.items():
        if register.source is not None:
            servers.setdefault((register.source.capture.host, register.source.capture.port), []).append(name)
    for (host, port), names in servers.items():
        if len(names) > 1:
            yield Weakness(
                severity="note",
                what=f"{len(names)} registers share the server {host}:{port}: {', '.join(sorted(names))}",
                remedy="know that its loss is the loss of all of them at home",
            )
