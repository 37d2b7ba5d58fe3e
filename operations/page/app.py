"""The page's addresses. Everything that is answered comes from the last snapshot; nothing here asks the site anything.

/                     overview
/registers/NAME       one register, ?span=hour|day|week
/events               changes of one page, as server-sent events
/healthz, /readyz     whether this process lives; whether its snapshot is fresh
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from operations.page.gather import Clock, Gatherer
from operations.page.guard import Guard, Rules
from operations.page.render import FOLDER, Rendered, Renderer
from operations.page.snapshot import SPANS, Snapshot, Span

READY_SECONDS: Final = 10.0
"""A snapshot older than this is not ready to be relied upon."""
STREAMS_MAX: Final = 64
FIRST_PAST_SECONDS: Final = 1.0
"""A register's page waits so long for its history, the first time."""
TICK_SECONDS: Final = 1.0
"""Open pages hear at least so often, also while nothing new is seen: then how old it is."""
_AGE: Final = re.compile(r"(<time [^>]*>)[^<]*")


@dataclass(frozen=True, slots=True)
class Address:
    """Which page: the overview, or a register over a span."""

    register: str | None
    span: Span

    @property
    def events(self) -> str:
        """Where its changes are told."""
        return "/events" if self.register is None else f"/events?register={self.register}&span={self.span.name}"


class Pages:
    """The pages of one site, rendered from what its gatherer published last."""

    def __init__(self, gatherer: Gatherer, *, clock: Clock, is_ending: Callable[[], bool]) -> None:
        self._gatherer, self._clock, self._is_ending = gatherer, clock, is_ending
        self._renderer = Renderer()
        self._news = News()
        self._streams = 0
        gatherer.listen(self._news.tell)

    @asynccontextmanager
    async def alive(self, _: Starlette) -> AsyncIterator[None]:
        """Gathers while the app lives."""
        self._news.loop = asyncio.get_running_loop()
        self._gatherer.start()
        try:
            yield
        finally:
            self._gatherer.end()
            self._news.loop = None

    async def show(self, request: Request) -> Response:
        """The overview, or a register."""
        address = _address(request)
        if address.register is not None:
            await self._past_of(address.register, address.span)
        snapshot, now = self._gatherer.snapshot, self._clock()
        rendered = self._rendered(address, snapshot, now)
        if rendered is None:
            text = "There is no register of this name at this site."
            return HTMLResponse(self._renderer.missing(snapshot, now, text=text), status_code=404)
        return HTMLResponse(self._renderer.page(snapshot, rendered, now, events=address.events))

    async def missing(self, request: Request, _: Exception) -> Response:
        """Any other address."""
        text = f"This page has no address {request.url.path[:80]}."
        return HTMLResponse(self._renderer.missing(self._gatherer.snapshot, self._clock(), text=text), status_code=404)

    async def events(self, request: Request) -> Response:
        """What changes of a page, until its reader goes."""
        address = _address(request)
        if self._streams >= STREAMS_MAX:
            return PlainTextResponse("too many pages are open; this one stands still\n", status_code=503)
        headers = {"X-Accel-Buffering": "no"}
        return StreamingResponse(self._stream(address), media_type="text/event-stream", headers=headers)

    async def health(self, _: Request) -> Response:
        """This process answers."""
        return PlainTextResponse("ok\n")

    async def readiness(self, _: Request) -> Response:
        """Whether what the pages show is fresh."""
        snapshot = self._gatherer.snapshot
        old = snapshot.age_seconds(self._clock())
        if old is None:
            return PlainTextResponse("nothing was seen yet\n", status_code=503)
        is_ready = old <= READY_SECONDS
        return PlainTextResponse(f"{'ok' if is_ready else 'old'}: seen {old:.1f} s ago\n", 200 if is_ready else 503)

    async def _past_of(self, register: str, span: Span) -> None:
        """Ask for a chart and give it a moment: a page without scripts would not get it later."""
        if self._gatherer.snapshot.register(register) is None:
            return
        self._gatherer.want(register, span.name)
        deadline = asyncio.get_running_loop().time() + FIRST_PAST_SECONDS
        while (register, span.name) not in self._gatherer.snapshot.pasts:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return
            await self._news.wait(left)

    def _rendered(self, address: Address, snapshot: Snapshot, now: dt.datetime) -> Rendered | None:
        if address.register is None:
            return self._renderer.overview(snapshot, now)
        return self._renderer.register(snapshot, address.register, address.span, now)

    async def _stream(self, address: Address) -> AsyncIterator[str]:
        """Each time those parts of the page that are not as this reader heard them last."""
        self._streams += 1
        known: dict[str, str] = {}
        try:
            while not self._is_ending():
                if address.register is not None:
                    self._gatherer.want(address.register, address.span.name)
                snapshot, now = self._gatherer.snapshot, self._clock()
                rendered = self._rendered(address, snapshot, now)
                if rendered is not None:
                    yield f"data: {json.dumps(_told(snapshot, rendered, now, known))}\n\n"
                await self._news.wait(TICK_SECONDS)
        finally:
            self._streams -= 1


class News:
    """Wakes the streams of one event loop when the gathering thread has something new."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        """From any thread."""
        loop = self.loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._wake)

    async def wait(self, seconds: float) -> None:
        """Until there is news, but no longer."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        await asyncio.wait((future,), timeout=seconds)
        self._waiting.discard(future)

    def _wake(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()


def _told(snapshot: Snapshot, rendered: Rendered, now: dt.datetime, known: dict[str, str]) -> Mapping[str, Any]:
    """What to tell a reader who knows `known`, which is brought up to date."""
    told: dict[str, Any] = {
        "now": now.timestamp(),
        "taken": None if snapshot.taken_at is None else round(snapshot.taken_at.timestamp(), 1),
        "title": rendered.title,
        "says": dict(rendered.says),
    }
    # Ages grow by themselves at the reader: they alone are no news.
    fresh = {name: _AGE.sub(r"\1", html) for name, html in rendered.regions.items()}
    if known and known.keys() != fresh.keys():
        told |= {"frame": rendered.frame, "regions": {}}
    else:
        told["regions"] = {name: rendered.regions[name] for name in fresh if fresh[name] != known.get(name)}
    known.clear()
    known.update(fresh)
    return told


def _address(request: Request) -> Address:
    span = SPANS.get(request.query_params.get("span", "hour"), SPANS["hour"])
    return Address(request.path_params.get("register") or request.query_params.get("register"), span)


def make_app(
    gatherer: Gatherer, *, clock: Clock, rules: Rules, is_ending: Callable[[], bool] = lambda: False
) -> Starlette:
    """The application of one site."""
    pages = Pages(gatherer, clock=clock, is_ending=is_ending)
    return Starlette(
        routes=[
            Route("/", pages.show),
            Route("/registers/{register}", pages.show),
            Route("/events", pages.events),
            Route("/healthz", pages.health),
            Route("/readyz", pages.readiness),
            Mount("/static", StaticFiles(directory=FOLDER / "static")),
        ],
        middleware=[Middleware(Guard, rules=rules)],
        exception_handlers={404: pages.missing},
        lifespan=pages.alive,
    )
