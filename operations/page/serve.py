"""Binds a site's page: to loopback as it is, to any other address only with TLS and with a token or certificates."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from typing import Any, Final

import uvicorn

from data_embassy.config import Page, Site
from data_embassy.errors import ConfigError
from operations.page.app import make_app
from operations.page.gather import Gatherer
from operations.page.guard import LOOPBACK_NAMES, Rules
from operations.page.sight import sight_of

TOKEN_CHARACTERS_MIN: Final = 24
SHUTDOWN_SECONDS: Final = 2


def serve(site: Site) -> None:
    """Serve this site's page until SIGTERM; raises ConfigError for what must not be bound."""
    page = site.page
    rules = rules_of(page)
    gatherer = Gatherer(sight_of(site, clock=_now), site=site.name, role=site.role, clock=_now)
    server: uvicorn.Server | None = None
    app = make_app(gatherer, clock=_now, rules=rules, is_ending=lambda: server is not None and server.should_exit)
    server = uvicorn.Server(uvicorn.Config(app, host=page.bind, port=page.port, **settings(page)))
    server.run()


def settings(page: Page) -> dict[str, Any]:
    """How uvicorn is to serve: TLS as the site says, no logs of addresses, no word about itself."""
    chosen: dict[str, Any] = {
        "log_config": None, "access_log": False, "server_header": False, "date_header": True, "lifespan": "on",
        "proxy_headers": False, "timeout_graceful_shutdown": SHUTDOWN_SECONDS, "h11_max_incomplete_event_size": 16_384,
        "limit_concurrency": 256, "ws": "none",
    }  # fmt: skip
    if page.cert_file is not None:
        chosen |= {
            "ssl_certfile": str(page.cert_file),
            "ssl_keyfile": None if page.key_file is None else str(page.key_file),
        }
    if page.client_ca_file is not None:
        chosen |= {"ssl_ca_certs": str(page.client_ca_file), "ssl_cert_reqs": ssl.CERT_REQUIRED}
    return chosen


def rules_of(page: Page) -> Rules:
    """Who is let in; raises ConfigError where everybody would be, or where a secret would travel in the clear."""
    is_local = is_loopback(page.bind)
    token = None
    if page.token is not None:
        token = page.token.read
        if len(token().reveal()) < TOKEN_CHARACTERS_MIN:
            raise ConfigError(
                f"the page's token has fewer than {TOKEN_CHARACTERS_MIN} characters",
                remedy=f"openssl rand -hex 32 > {page.token.path}",
            )
    if page.client_ca_file is not None and page.cert_file is None:
        raise ConfigError(
            "the page asks for certificates but has none itself", remedy="set page.cert_file and page.key_file"
        )
    if not is_local and token is None and page.client_ca_file is None:
        raise ConfigError(
            f"the page would show every register to everybody who reaches {page.bind}",
            remedy='set page.token_file or page.client_ca_file, or page.bind = "127.0.0.1" and look through ssh -L',
        )
    if not is_local and page.cert_file is None:
        raise ConfigError(
            f"the page would send its content, and the token, in the clear to {page.bind}",
            remedy='set page.cert_file and page.key_file, or page.bind = "127.0.0.1" and look through ssh -L',
        )
    hosts = (*LOOPBACK_NAMES, *(name.lower() for name in page.hosts)) if is_local or page.hosts else ()
    return Rules(hosts=hosts, token=token, is_encrypted=page.cert_file is not None)


def is_loopback(bind: str) -> bool:
    """True for an address that only this machine reaches; a name other than localhost is none."""
    try:
        return ipaddress.ip_address(bind).is_loopback
    except ValueError:
        return bind == "localhost"


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
