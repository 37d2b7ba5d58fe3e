"""Kafka Connect's answers become states and errors with a remedy."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from connectors.client import CaptureStop, ConnectClient, ConnectorStatus, read_cause, read_status
from data_embassy.errors import ConfigError, TransportError

TRACE = """org.apache.kafka.connect.errors.ConnectException: capture stopped
\tat dataembassy.capture.RegisterTask.poll(RegisterTask.java:1)
Caused by: dataembassy.capture.CaptureException: SlotMissing: the slot is gone. Remedy: take a snapshot
\tat dataembassy.capture.SlotClaim.take(SlotClaim.java:1)
Caused by: org.postgresql.util.PSQLException: something
\t... 3 more
"""


class Answers(HTTPServer):
    """Gives the prepared answers in order and remembers what was asked."""

    def __init__(self) -> None:
        self.prepared: list[tuple[int, object]] = []
        self.asked: list[tuple[str, str, object]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    server: Answers

    def _answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        self.server.asked.append((self.command, self.path, body))
        code, answer = self.server.prepared.pop(0)
        content = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 (names of the base class)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def answers() -> Iterator[Answers]:
    with Answers() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_failed_task_makes_a_failed_connector_with_its_cause() -> None:
    tasks = [{"id": 0, "state": "FAILED", "worker_id": "w", "trace": TRACE}]
    status = read_status({"connector": {"state": "RUNNING", "worker_id": "w"}, "tasks": tasks})
    assert (status.state, status.cause) == ("FAILED", "SlotMissing: the slot is gone. Remedy: take a snapshot")
    assert status.stop == CaptureStop(cause_class="SlotMissing", reason="the slot is gone", remedy="take a snapshot")


def test_a_connector_without_a_task_does_not_run() -> None:
    assert not read_status({"connector": {"state": "RUNNING"}, "tasks": []}).is_running


def test_a_foreign_trace_shows_its_innermost_cause() -> None:
    assert read_cause("a.B: outer\n\tat x\nCaused by: c.D: inner\n\t... 1 more\n") == "c.D: inner"
    assert ConnectorStatus(state="FAILED", cause="c.D: inner").stop is None


def test_an_absent_connector_is_a_state(answers: Answers) -> None:
    answers.prepared = [(404, {"message": "no"}), (404, {"message": "no"})]
    with ConnectClient(answers.url) as client:
        assert client.status("capture.x").state == "ABSENT"
        assert not client.remove("capture.x")


def test_a_configuration_is_put_under_its_name(answers: Answers) -> None:
    answers.prepared = [(201, {"name": "capture.x"})]
    with ConnectClient(answers.url) as client:
        client.put("capture.x", {"a": "b"})
    assert answers.asked == [("PUT", "/connectors/capture.x/config", {"a": "b"})]


def test_a_rebalance_is_waited_for(answers: Answers) -> None:
    answers.prepared = [(409, {"message": "rebalance"}), (204, None)]
    pauses: list[float] = []
    with ConnectClient(answers.url, sleep=pauses.append) as client:
        assert client.remove("capture.x")
    assert len(pauses) == 1


def test_a_refused_configuration_is_a_configuration_error(answers: Answers) -> None:
    answers.prepared = [(400, {"message": "Invalid value"})]
    with ConnectClient(answers.url) as client, pytest.raises(ConfigError, match="Invalid value"):
        client.put("capture.x", {})


def test_a_failure_of_connect_is_worth_retrying(answers: Answers) -> None:
    answers.prepared = [(500, {"message": "oops"})]
    with ConnectClient(answers.url) as client, pytest.raises(TransportError, match="500: oops"):
        client.status("capture.x")


def test_silence_is_a_transport_error_with_a_remedy() -> None:
    with ConnectClient("http://127.0.0.1:1") as client, pytest.raises(TransportError) as caught:
        client.status("capture.x")
    assert "site.toml" in caught.value.remedy


def test_who_only_looks_does_not_wait_for_a_rebalance(answers):
    answers.prepared = [(409, {"message": "a rebalance"})] * 3
    client = ConnectClient(answers.url, answer_seconds=2.0, sleep=lambda _: time.sleep(1.0))
    with client, pytest.raises(TransportError):
        client.status("land")
    assert len(answers.asked) == 3


def test_a_stopped_connector_is_resumed(answers):
    answers.prepared = [(202, None)]
    with ConnectClient(answers.url) as client:
        client.resume("land")
    assert answers.asked == [("PUT", "/connectors/land/resume", None)]
