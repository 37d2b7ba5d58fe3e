"""What somebody on duty could see of both sites, once a second: pages as text, figures, alerts, and who is rung up."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final, Self

import requests

from deploy.local.machine import LOOPBACK
from deploy.local.system import LocalSystem
from deploy.monitoring.model import BOTH

LOOK_SECONDS: Final = 1.0
OF_PROCESSES: Final = ("ProcessDown", "TargetDown")
_ANSWER_SECONDS: Final = 5.0
_BLOCKS: Final = {"h1", "h2", "p", "div", "dl", "tr", "td", "section", "table", "main"}
_VOID: Final = {"br", "meta", "link", "input", "hr", "img", "path", "rect", "circle", "polyline"}
_SKIPPED: Final = {"svg", "script", "style", "head", "header", "footer", "button", "thead", "caption", "noscript"}

Query = tuple[str, str]
"""A site and an expression that its Prometheus is asked."""


@dataclass(frozen=True, slots=True, order=True)
class Alarm:
    """An alert of one site; `register` is empty for one of the whole site, the process for one of OF_PROCESSES."""

    site: str
    name: str
    register: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One moment; `at` is seconds since 1970."""

    at: float
    pages: Mapping[str, tuple[str, ...]]
    """Lines of each site's overview; none of a page that does not answer."""
    alarms: Mapping[Alarm, str]
    """pending or firing."""
    rings: frozenset[Alarm] = frozenset()
    """Alerts of severity page that no other alert keeps from being told."""
    values: Mapping[Query, float | None] = field(default_factory=dict)
    """What each query found; None for nothing."""


class Watch:
    """Looks in a thread of its own from enter to exit."""

    def __init__(self, system: LocalSystem) -> None:
        ports = system.layout.ports
        self._pages = {site: f"http://{LOOPBACK}:{getattr(ports, f'{site}_page')}/" for site in BOTH}
        self._prometheus = {site: f"http://{LOOPBACK}:{getattr(ports, f'{site}_prometheus')}" for site in BOTH}
        self._managers = {site: f"http://{LOOPBACK}:{getattr(ports, f'{site}_alertmanager')}" for site in BOTH}
        self._session = requests.Session()
        self._session.trust_env = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.queries: Sequence[Query] = ()
        """What is asked at each look."""
        self.looks: list[Look] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(60)

    def since(self, at: float) -> list[Look]:
        """Looks from a time on."""
        return [look for look in self.looks if look.at >= at]

    def value(self, query: Query) -> float | None:
        """What a site's Prometheus answers now; the largest where there are several."""
        answer = self._json(self._prometheus[query[0]], "/api/v1/query", query=query[1])
        found = answer["data"]["result"] if isinstance(answer, dict) else ()
        return max((float(one["value"][1]) for one in found), default=None)

    def _run(self) -> None:
        while not self._ended.is_set():
            began = time.monotonic()
            self.looks.append(self._look())
            self._ended.wait(max(0.1, LOOK_SECONDS - (time.monotonic() - began)))

    def _look(self) -> Look:
        pages = {site: self._page(address) for site, address in self._pages.items()}
        alarms, rings = {}, set()
        for site in BOTH:
            answer = self._json(self._prometheus[site], "/api/v1/alerts")
            for one in answer["data"]["alerts"] if isinstance(answer, dict) else ():
                alarm = _alarm(site, one["labels"])
                # Several of one name differ in labels that do not matter here: the worst counts.
                alarms[alarm] = "firing" if alarms.get(alarm) == "firing" else one["state"]
            told = self._json(self._managers[site], "/api/v2/alerts", inhibited="false", filter='severity="page"')
            rings |= {_alarm(site, one["labels"]) for one in told or () if one["status"]["state"] == "active"}
        values = {query: self.value(query) for query in self.queries}
        return Look(at=time.time(), pages=pages, alarms=alarms, rings=frozenset(rings), values=values)

    def _page(self, address: str) -> tuple[str, ...]:
        try:
            answer = self._session.get(address, timeout=_ANSWER_SECONDS)
        except requests.RequestException:
            return ()
        return lines(answer.text) if answer.ok else ()

    def _json(self, address: str, path: str, **parameters: str) -> object:
        try:
            return self._session.get(address + path, params=parameters, timeout=_ANSWER_SECONDS).json()
        except (requests.RequestException, ValueError):
            return None


def _alarm(site: str, labels: Mapping[str, str]) -> Alarm:
    name = labels["alertname"]
    of = labels.get("job", "") if name in OF_PROCESSES else labels.get("register", "")
    return Alarm(site=site, name=name, register=of)


def lines(html: str) -> tuple[str, ...]:
    """What a page shows to a reader, a line for each paragraph, cell or heading."""
    reader = _Reader()
    reader.feed(html)
    reader.flush()
    return tuple(reader.lines)


class _Reader(HTMLParser):
    """Leaves out what is hidden."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._words: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            return
        known = dict(attrs)
        is_hidden = tag in _SKIPPED or "hidden" in known or (known.get("class") or "") in ("unseen", "skip")
        if self._hidden or is_hidden:
            self._hidden.append(tag)
        elif tag in _BLOCKS:
            self.flush()

    def handle_endtag(self, tag: str) -> None:
        if self._hidden:
            if tag in self._hidden:
                while self._hidden.pop() != tag:
                    pass
        elif tag in _BLOCKS:
            self.flush()

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._words += data.split()

    def flush(self) -> None:
        """End a line."""
        if self._words:
            self.lines.append(" ".join(self._words))
        self._words = []
