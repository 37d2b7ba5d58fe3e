"""The edge to Kafka Connect's REST interface. Configurations name password files, so no secret passes here."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import quote

import requests

from data_embassy.errors import ConfigError, TransportError

_TIMEOUT_SECONDS: Final = (3.05, 30.0)
_BUSY_SECONDS_MAX: Final = 60.0
_BUSY_PAUSE_SECONDS: Final = 0.5
_MESSAGE_CHARS_MAX: Final = 2000
_CAUSE_CHARS_MAX: Final = 600
ABSENT: Final = "ABSENT"
RUNNING: Final = "RUNNING"
FAILED: Final = "FAILED"
PAUSED: Final = ("PAUSED", "STOPPED")
"""Somebody told Kafka Connect so."""
_STOP: Final = re.compile(r"\A([A-Z][A-Za-z]+): (.*)\. Remedy: (.*)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureStop:
    """What the capture plugin says of its own end (CaptureException.java)."""

    cause_class: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorStatus:
    """A connector as Kafka Connect sees it; `state` is the worst of the connector's and its task's."""

    state: str
    worker: str | None = None
    cause: str | None = None

    @property
    def is_running(self) -> bool:
        """True when connector and task run."""
        return self.state == RUNNING

    @property
    def stop(self) -> CaptureStop | None:
        """The plugin's own words taken apart; None for anything else that Kafka Connect tells."""
        found = _STOP.match(self.cause or "")
        return None if found is None else CaptureStop(cause_class=found[1], reason=found[2], remedy=found[3])


class ConnectClient:
    """Requests to one Kafka Connect cluster."""

    def __init__(
        self, url: str, *, sleep: Callable[[float], None] = time.sleep, answer_seconds: float | None = None
    ) -> None:
        """`answer_seconds`: for one who only looks, and would rather know soon that nobody answers."""
        self._url = url.rstrip("/")
        self._sleep = sleep
        self._timeout = _TIMEOUT_SECONDS if answer_seconds is None else (answer_seconds, answer_seconds)
        self._busy_seconds = _BUSY_SECONDS_MAX if answer_seconds is None else answer_seconds
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connections."""
        self._session.close()

    def put(self, name: str, config: Mapping[str, str]) -> None:
        """Create the connector or change it; nothing happens when it is so already."""
        self._ask("PUT", f"/connectors/{quote(name)}/config", json=dict(config))

    def remove(self, name: str) -> bool:
        """Delete the connector; False when there was none."""
        return self._ask("DELETE", f"/connectors/{quote(name)}") is not None

    def restart_failed(self, name: str) -> None:
        """Restart the connector and its task if they failed."""
        self._ask("POST", f"/connectors/{quote(name)}/restart?includeTasks=true&onlyFailed=true")

    def resume(self, name: str) -> None:
        """Let a connector run that somebody paused or stopped; nothing happens to one that runs."""
        self._ask("PUT", f"/connectors/{quote(name)}/resume")

    def config(self, name: str) -> dict[str, str] | None:
        """The connector's configuration; None when there is none."""
        found: dict[str, str] | None = self._ask("GET", f"/connectors/{quote(name)}/config")
        return found

    def status(self, name: str) -> ConnectorStatus:
        """The connector's state."""
        found = self._ask("GET", f"/connectors/{quote(name)}/status")
        return ConnectorStatus(state=ABSENT) if found is None else read_status(found)

    def _ask(self, method: str, path: str, *, json: object = None) -> Any:
        """The answer's JSON, `{}` without a body, None for 404; waits while a rebalance is on (409)."""
        deadline = time.monotonic() + self._busy_seconds
        while True:
            answer = self._send(method, path, json)
            if answer.status_code != requests.codes.conflict or time.monotonic() > deadline:
                break
            self._sleep(_BUSY_PAUSE_SECONDS)
        if answer.status_code == requests.codes.not_found and method != "PUT":
            return None
        if answer.status_code == requests.codes.bad_request:
            raise ConfigError(
                f"Kafka Connect refuses the connector: {_message(answer)}",
                remedy="correct the register's contract, then: embassy connector apply NAME",
            )
        if not answer.ok:
            raise TransportError(
                f"Kafka Connect answers {answer.status_code}: {_message(answer)}", remedy="see Kafka Connect's log"
            )
        return answer.json() if answer.content else {}

    def _send(self, method: str, path: str, json: object) -> requests.Response:
        try:
            return self._session.request(method, self._url + path, json=json, timeout=self._timeout)
        except requests.RequestException as error:
            raise TransportError(
                f"Kafka Connect does not answer at {self._url} ({type(error).__name__})",
                remedy="start Kafka Connect, or correct connect.url in site.toml",
            ) from error


def read_status(found: Mapping[str, Any]) -> ConnectorStatus:
    """Connect's status document, in short. A connector without a task is still being assigned."""
    connector = found["connector"]
    tasks = found.get("tasks") or [{"state": "UNASSIGNED"}]
    worst = next((part for part in (connector, *tasks) if part["state"] != RUNNING), tasks[0])
    trace = worst.get("trace")
    return ConnectorStatus(
        state=worst["state"],
        worker=worst.get("worker_id"),
        cause=None if trace is None else read_cause(trace),
    )


def read_cause(trace: str) -> str:
    """What a person needs of a Java stack trace: the plugin's own words, otherwise the innermost cause."""
    heads = [
        line.strip() for line in trace.splitlines() if line.strip() and not line.lstrip().startswith(("at ", "..."))
    ]
    own = [head for head in heads if "dataembassy.capture.CaptureException" in head]
    chosen = own[0] if own else (heads[-1] if heads else "unknown cause")
    text = chosen.removeprefix("Caused by: ").removeprefix("dataembassy.capture.CaptureException: ")
    return text[:_CAUSE_CHARS_MAX]


def _message(answer: requests.Response) -> str:
    try:
        text = str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        text = answer.reason
    return text[:_MESSAGE_CHARS_MAX]
