"""HTML of the pages: whole, and as the parts of which open pages are told when they change."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup

from operations.page.overview import overview
from operations.page.register import register_page
from operations.page.snapshot import Snapshot, Span
from operations.page.words import Moment, age, ago, day_and_clock

FOLDER: Final = Path(__file__).parent
STALE_SECONDS: Final = 5.0
"""A snapshot older than this, and than two looks take beside, is spoken of: it is gathered once a second or so."""
Regions = Mapping[str, str]
"""Parts of a page by their names; with another set of names the page's whole frame is told anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A page's title, frame and regions."""

    title: str
    frame: str
    """HTML of the page around its regions."""
    regions: Regions
    says: Mapping[str, str]
    """What is said aloud when it changes, by name."""


class Renderer:
    """The templates of this package."""

    def __init__(self) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {"age": age, "ago": ago, "iso": _iso}

    def overview(self, snapshot: Snapshot, now: dt.datetime) -> Rendered:
        """The first page."""
        view = overview(snapshot, now)
        parts = self._template("overview_parts.html")
        regions = {"state": parts.top(view), "notice": self._notice(snapshot, now)}
        for tier in view.tiers:
            for row in tier.rows:
                regions[f"row-{row.name}"] = parts.row(row)
                regions[f"why-{row.name}"] = parts.why(row)
        frame = self._environment.get_template("overview.html").render(view=view, regions=regions)
        says = {row.name: f"{row.name}: {row.state}" for tier in view.tiers for row in tier.rows}
        return Rendered(
            title=f"{_count(view.headline.tone)}{snapshot.site}", frame=frame, regions=_texts(regions), says=says
        )

    def register(self, snapshot: Snapshot, name: str, span: Span, now: dt.datetime) -> Rendered | None:
        """A register's page; None when there is no such register."""
        one = snapshot.register(name)
        if one is None:
            return None
        view = register_page(snapshot, one, span, now)
        parts = self._template("register_parts.html")
        names = ("top", "why", "hops", "charts", "numbers", "position", "events", "proofs", "drills", "keys", "notes")
        regions = {part: getattr(parts, part)(view) for part in names}
        regions["notice"] = self._notice(snapshot, now)
        frame = self._environment.get_template("register.html").render(view=view, regions=regions)
        return Rendered(
            title=f"{name} · {snapshot.site}",
            frame=frame,
            regions=_texts(regions),
            says={name: f"{name}: {view.state}"},
        )

    def page(self, snapshot: Snapshot, rendered: Rendered, now: dt.datetime, *, events: str) -> str:
        """The whole document; `events` is where its changes are told."""
        return self._environment.get_template("base.html").render(
            snapshot=snapshot,
            rendered=rendered,
            frame=Markup(rendered.frame),  # noqa: S704 (made by templates that escape)
            events=events,
            now=now,
            now_words=day_and_clock(now),
            taken=taken(snapshot, now),
        )

    def missing(self, snapshot: Snapshot, now: dt.datetime, *, text: str) -> str:
        """A document for an address at which nothing stands."""
        frame = self._environment.get_template("missing.html").render(text=text)
        return self.page(snapshot, Rendered(title="Not here", frame=frame, regions={}, says={}), now, events="")

    def _notice(self, snapshot: Snapshot, now: dt.datetime) -> Markup:
        """About the page's own data, when it is not fresh."""
        old = snapshot.age_seconds(now)
        parts = self._template("notice_parts.html")
        is_stale = old is None or old > STALE_SECONDS + 2 * snapshot.took_seconds
        found: Markup = parts.notice(snapshot, taken(snapshot, now), is_stale, _looking(snapshot, now))
        return found

    def _template(self, name: str) -> Any:
        return self._environment.get_template(name).module


def taken(snapshot: Snapshot, now: dt.datetime) -> Moment | None:
    """When the snapshot was taken."""
    if snapshot.taken_at is None:
        return None
    seconds = max(0.0, (now - snapshot.taken_at).total_seconds())
    return Moment(at=round(snapshot.taken_at.timestamp(), 1), seconds=seconds, words=day_and_clock(snapshot.taken_at))


def _looking(snapshot: Snapshot, now: dt.datetime) -> Moment | None:
    """When the look began that has not ended, if that is long ago."""
    since = snapshot.looking_since
    if since is None or (now - since).total_seconds() < STALE_SECONDS:
        return None
    return Moment(at=round(since.timestamp(), 1), seconds=(now - since).total_seconds(), words=day_and_clock(since))


def _iso(at: float) -> str:
    return dt.datetime.fromtimestamp(at, tz=dt.UTC).isoformat(timespec="seconds")


def _count(tone: str) -> str:
    return "" if tone == "live" else f"{tone} · "


def _texts(regions: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(text).strip() for name, text in regions.items()}
