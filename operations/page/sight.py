"""What each site can be asked for its page: its status, its signed reports, its keys, its history."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import psycopg

from consumers.control import Control
from consumers.history.read import events, samples
from consumers.status import embassy_status
from data_embassy.config import LiveSite, Site
from data_embassy.drills import DRILLS, drills
from data_embassy.errors import DataEmbassyError, TransportError
from data_embassy.keys import load_keyring
from data_embassy.shelf import Shelf, Signer
from data_embassy.verifications import VERIFICATIONS, is_signed, reports
from operations.page.gather import EVENTS_MAX, Clock
from operations.page.snapshot import Key, Past, Practice, Proof, Seen, Span
from operations.signing import signer_of
from operations.status.ears import KafkaEars
from operations.status.home import home_status
from pipelines.telling import read_told

PROOFS_MAX: Final = 20
POINTS_MAX: Final = 360
R = TypeVar("R")


class HomeSight:
    """Home: what it asks here, and the embassy by its signed receipts. It keeps no history."""

    def __init__(self, site: Site, *, clock: Clock) -> None:
        self._live, self._clock = LiveSite(site), clock
        self._records, self._ring = _Recorded(), _Ring()
        self._ears: KafkaEars | None = None

    def look(self) -> Seen:
        """The site as it is now."""
        site = self._live.look()
        if self._ears is None:
            self._ears = KafkaEars(site)
        told, ring = read_told(site.state), self._ring.of(site.keys)
        return Seen(
            registers=tuple(home_status(site, clock=self._clock, ears=self._ears)),
            proofs=self._records.proofs.of(site),
            drills=self._records.drills.of(site),
            keys=ring.keys,
            trusts=ring.trusts,
            link_bytes_per_second=None if told is None else told.link_bytes_per_second,
        )

    def past(self, register: str, span: Span, now: dt.datetime) -> Past | None:  # noqa: ARG002
        """None: only this process remembers."""
        return None

    def close(self) -> None:
        """Leave both brokers."""
        if self._ears is not None:
            self._ears.close()
            self._ears = None


class EmbassySight:
    """The embassy: its own databases, files and broker. It needs nothing of home."""

    def __init__(self, site: Site, *, clock: Clock) -> None:
        self._live, self._clock = LiveSite(site), clock
        self._records, self._ring = _Recorded(), _Ring()

    def look(self) -> Seen:
        """The site as it is now."""
        site = self._live.look()
        ring = self._ring.of(site.keys)
        return Seen(
            registers=tuple(embassy_status(site, clock=self._clock)),
            proofs=self._records.proofs.of(site),
            drills=self._records.drills.of(site),
            keys=ring.keys,
            trusts=ring.trusts,
        )

    def past(self, register: str, span: Span, now: dt.datetime) -> Past | None:
        """As the control database keeps it; raises TransportError."""
        postgres, since = self._live.site.postgres, now - span.length
        assert postgres is not None
        try:
            with closing(Control.open(postgres, role="page")) as control:
                found = samples(control, register, since=since, until=now, points_max=POINTS_MAX)
                what = events(control, register, since=since, until=now, limit=EVENTS_MAX)
        except psycopg.Error as error:
            raise TransportError("the history cannot be read", remedy="embassy status") from error
        return Past(span=span, since=since, until=now, samples=tuple(found), events=tuple(what))

    def close(self) -> None:
        """Nothing is kept open."""


def sight_of(site: Site, *, clock: Clock) -> HomeSight | EmbassySight:
    """What this site can be asked."""
    return HomeSight(site, clock=clock) if site.role == "home" else EmbassySight(site, clock=clock)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ids:
    keys: tuple[Key, ...] = ()
    trusts: tuple[str, ...] = ()


class _Ring:
    """Reads the ids of keys again only when their folder changed; the keys themselves are not kept."""

    def __init__(self) -> None:
        self._changed = 0
        self._ids = _Ids()

    def of(self, folder: Path) -> _Ids:
        with suppress(OSError, DataEmbassyError):
            changed = folder.stat().st_mtime_ns
            if changed != self._changed:
                self._ids = _ids(folder)
                self._changed = changed
        return self._ids


def _ids(folder: Path) -> _Ids:
    ring = load_keyring(folder)
    return _Ids(
        keys=tuple(
            Key(
                kind=key.kind.value,
                serial=key.serial,
                is_active=key.is_active,
                id=key.id.hex(),
                made_at=_made_at(folder / f"{key.kind}.{key.serial}.key"),
            )
            for key in ring.keys
        ),
        trusts=tuple(
            bundle.site if bundle.site == bundle.role else f"{bundle.site} ({bundle.role})" for bundle in ring.peers
        ),
    )


def _made_at(path: Path) -> dt.datetime | None:
    with suppress(OSError):
        return dt.datetime.fromtimestamp(path.stat().st_mtime, tz=dt.UTC)
    return None


class _Records(Generic[R]):
    """Reads a register's signed records again only when their folder changed."""

    def __init__(self, shelf: Shelf, read: Callable[[Site, str, Signer], tuple[R, ...]]) -> None:
        self._shelf, self._read = shelf, read
        self._known: dict[str, tuple[int, tuple[R, ...]]] = {}

    def of(self, site: Site) -> Mapping[str, tuple[R, ...]]:
        known = {}
        for name in site.registers:
            with suppress(OSError):
                changed = self._shelf.folder_of(site.state, name).stat().st_mtime_ns
                seen = self._known.get(name)
                if seen is None or seen[0] != changed:
                    seen = (changed, self._read(site, name, signer_of(site)))
                known[name] = seen
        self._known = known
        return {name: found for name, (_, found) in known.items()}


def _practices(site: Site, register: str, signer: Signer) -> tuple[Practice, ...]:
    found = drills(site.state, register)[-PROOFS_MAX:]
    return tuple(Practice(drill=one, is_signed=DRILLS.is_signed(document, signer)) for one, document in reversed(found))


def _proofs(site: Site, register: str, signer: Signer) -> tuple[Proof, ...]:
    documents = [document for _, document in reports(site.state, register)][-PROOFS_MAX:]
    return tuple(_proof(document, signer) for document in reversed(documents))


class _Recorded:
    """What both sites have on record."""

    def __init__(self) -> None:
        self.proofs = _Records(VERIFICATIONS, _proofs)
        self.drills = _Records(DRILLS, _practices)


def _proof(document: Mapping[str, Any], signer: Signer) -> Proof:
    # Only what names no table and no row: keys of differing rows may stand in a report.
    report = document["report"]
    return Proof(
        finished_at=str(report.get("finished_at") or ""),
        is_equal=report.get("equal") is True,
        position=str(report.get("position") or "?"),
        tables=len(report.get("tables", ())),
        is_signed=is_signed(document, signer),
    )
