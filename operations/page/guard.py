"""Who may look, and what a browser may do with what it gets.

Beyond loopback a page asks for a token or a certificate; that it does is decided where it is bound (`serve`). On
loopback it answers only to the names of this machine, so that a page from elsewhere cannot read it under a name that
leads here.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from data_embassy.config import Secret
from data_embassy.errors import ConfigError

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
OPEN_PATHS: Final = ("/healthz", "/readyz")
"""Asked by those that watch the process; they say nothing of the registers."""
HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Who is let in."""

    hosts: tuple[str, ...] = LOOPBACK_NAMES
    """Names under which the page answers; none: under every name."""
    token: Callable[[], Secret] | None = None
    """Read at each request, so that a changed one counts at once; None asks for none."""
    is_encrypted: bool = field(default=False)


class Guard:
    """Answers what may not be looked at, and sends strict headers with everything."""

    def __init__(self, app: ASGIApp, *, rules: Rules) -> None:
        self._app, self._rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                if self._rules.is_encrypted:
                    headers["strict-transport-security"] = "max-age=31536000"
            await send(message)

        await (self._refusal(scope) or self._app)(scope, receive, sending)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        if self._rules.hosts and _host(headers.get("host", "")) not in self._rules.hosts:
            return PlainTextResponse("this page does not answer to that name: see page.hosts\n", status_code=421)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("read-only\n", status_code=405, headers={"Allow": "GET, HEAD"})
        token = self._rules.token
        if token is None or scope["path"] in OPEN_PATHS:
            return None
        try:
            wanted = token().reveal()
        except ConfigError:
            return PlainTextResponse("the file of this page's token cannot be read\n", status_code=503)
        if _fits(headers.get("authorization", ""), wanted):
            return None
        ask = {"WWW-Authenticate": 'Basic realm="data embassy: the token is the password", charset="UTF-8"'}
        return PlainTextResponse("this page asks for its token\n", status_code=401, headers=ask)


def _host(header: str) -> str:
    """Without its port."""
    name, _, port = header.rpartition(":")
    return (name if name and port.isdigit() else header).lower()


def _fits(authorization: str, token: str) -> bool:
    """A bearer token, or a password with any user's name."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode(), token.encode())
