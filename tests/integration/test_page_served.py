"""The status page over HTTP: who may look, what it says of itself, and how soon it answers."""

import contextlib
import gc
import json
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from data_embassy.config import Page, PasswordFile
from data_embassy.errors import ConfigError, KeyringError, TransportError
from data_embassy.status import Part
from deploy.local.certificates import ensure_certificates
from deploy.local.machine import wait_until, write_private
from operations.page.gather import Gatherer
from operations.page.render import Renderer
from operations.page.serve import rules_of
from operations.page.snapshot import SPANS
from tests.support.staged_page import Staged, StagedSight, many, now, past, register, staged, stopped, well

TOKEN = "f0e1d2c3b4a5968778695a4b3c2d1e0f"
RENDER_SECONDS_MAX = 0.05


@pytest.fixture(scope="module")
def site() -> Iterator[Staged]:
    with staged(StagedSight()) as running:
        yield running


def get(url: str, **more: Any) -> requests.Response:
    return requests.get(url, timeout=30, allow_redirects=False, **more)


def told(response: requests.Response) -> Iterator[dict[str, Any]]:
    """Events of a stream."""
    for line in response.iter_lines(decode_unicode=True):
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def test_everything_comes_with_strict_headers(site):
    for path in ("/", "/registers/land", "/static/page.css", "/static/page.js", "/healthz", "/nowhere", "/events"):
        with get(site.url + path, stream=True) as answer:
            policy = answer.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
            assert "unsafe" not in policy
            assert (answer.headers["cache-control"], answer.headers["x-frame-options"]) == ("no-store", "DENY")
            assert "server" not in answer.headers


def test_page_needs_nothing_from_elsewhere(site):
    for path in ("/", "/registers/land"):
        text = get(site.url + path).text
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text
        assert " style=" not in text
        assert "<script>" not in text


def test_page_is_read_only(site):
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert requests.request(method, site.url, timeout=10).status_code == 405


def test_page_answers_to_its_own_names_only(site):
    """Another site's page in the same browser must not read this one under a name that leads to loopback."""
    port = site.url.rpartition(":")[2]
    assert get(site.url, headers={"Host": f"rebound.example:{port}"}).status_code == 421
    assert get(site.url, headers={"Host": f"localhost:{port}"}).status_code == 200


def test_unknown_addresses_are_said_to_be_unknown(site):
    answer = get(site.url + "/registers/<script>alert(1)</script>")
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text
    assert get(site.url + "/static/../app.py").status_code == 404
    assert "Nothing stands here" in get(site.url + "/registers/nobody").text


def test_words_of_the_world_are_no_html():
    hostile = replace(
        register("land"), state="stopped", cause="Gapped", reason="<img src=x onerror=alert(1)>",
        notes=("<b>note</b>",), remedy='" onmouseover="alert(1)', parts=(Part(name="<i>capture", state="live"),),
    )  # fmt: skip
    with staged(StagedSight(registers=(hostile,))) as site:
        for path in ("/", "/registers/land"):
            text = get(site.url + path).text
            assert "<img" not in text
            assert 'onmouseover="' not in text
            assert "<b>note" not in text
            assert "<i>capture" not in text


def test_health_is_of_the_process_and_readiness_of_what_it_saw():
    with staged(StagedSight()) as site:
        assert (get(site.url + "/healthz").text, get(site.url + "/readyz").status_code) == ("ok\n", 200)
        site.sight.gate.clear()
        site.gatherer.snapshot = replace(site.gatherer.snapshot, taken_at=now().replace(year=2020))
        assert get(site.url + "/healthz").status_code == 200
        ready = get(site.url + "/readyz")
        assert ready.status_code == 503
        assert ready.text.startswith("old: seen")


def test_stream_tells_only_what_changed_and_everything_when_a_register_comes():
    sight = StagedSight(registers=tuple(replace(one, age_seconds=None) for one in well()))
    with staged(sight) as site, get(site.url + "/events", stream=True) as answer:
        stream = told(answer)
        assert answer.headers["content-type"].startswith("text/event-stream")
        first = next(stream)
        assert {"state", "notice", "row-land", "why-land"} <= first["regions"].keys()
        sight.registers = tuple(stopped(one) if one.register == "land" else one for one in sight.registers)
        changed = next(one for one in stream if "why-land" in one["regions"])
        assert not any(name.startswith("why-") and name != "why-land" for name in changed["regions"])
        assert changed["says"]["land"] == "land: stopped"
        assert "frame" not in changed
        sight.registers = (*sight.registers, register("fisheries"))
        assert "fisheries" in next(one for one in stream if "frame" in one)["frame"]


def test_stream_goes_on_telling_how_old_things_are():
    with staged(StagedSight()) as site, get(site.url + "/events", stream=True) as answer:
        site.sight.gate.clear()
        ages = [one["now"] - one["taken"] for one, _ in zip(told(answer), range(4), strict=False)]
        assert ages[-1] - ages[0] > 1.5


def test_a_page_is_there_at_once_while_a_look_hangs():
    with staged(StagedSight()) as site:
        site.sight.gate.clear()
        began = time.monotonic()
        assert "treasury" in get(site.url).text
        assert get(site.url + "/registers/treasury").status_code == 200
        assert time.monotonic() - began < 10


def says(site: Staged, word: str) -> bool:
    return word in get(site.url).text


def test_any_failure_of_a_look_is_said_and_the_next_one_is_tried():
    with staged(StagedSight()) as site:
        for error, word in (
            (KeyringError("no key", remedy="bring it"), "bring it"),
            (ZeroDivisionError(), "report it"),
        ):
            site.sight.error = error
            wait_until(partial(says, site, word), seconds=20, what="the page says it")
            assert "treasury" in get(site.url).text
        site.sight.error = None
        wait_until(lambda: site.gatherer.snapshot.trouble is None, seconds=20, what="it looks again")


def test_history_that_cannot_be_read_is_replaced_by_what_was_seen():
    sight = StagedSight(past_error=TransportError("away", remedy="wait"))
    with staged(sight) as site:
        text = get(site.url + "/registers/land").text
        assert "the kept history cannot be read now" in text
        assert 'class="line"' in text


def test_too_many_open_pages_are_refused():
    with staged(StagedSight()) as site, contextlib.ExitStack() as stack:
        codes = [stack.enter_context(get(site.url + "/events", stream=True)).status_code for _ in range(65)]
        assert codes.count(503) == 1
        assert get(site.url).status_code == 200


@pytest.mark.parametrize("path", ["/", "/registers/register_00"])
def test_thirty_registers_are_rendered_in_time(path):
    """The best of several: what the machine does beside it is not the page's time."""
    sight = StagedSight(registers=many(30))
    gatherer = Gatherer(sight, site="embassy", role="embassy", clock=now)
    gatherer.step()
    trends = {one.register: tuple(float(at % 7) for at in range(60)) for one in sight.registers}
    pasts = {("register_00", "hour"): past("register_00", SPANS["hour"], now())}
    snapshot, renderer = replace(gatherer.snapshot, trends=trends, pasts=pasts), Renderer()

    def render() -> float:
        began = time.perf_counter()
        if path == "/":
            rendered = renderer.overview(snapshot, now())
        else:
            found = renderer.register(snapshot, "register_00", SPANS["hour"], now())
            assert found is not None
            rendered = found
        assert len(renderer.page(snapshot, rendered, now(), events="/events")) > 10_000
        return time.perf_counter() - began

    assert min(render() for _ in range(20)) < RENDER_SECONDS_MAX


# -- beyond loopback --------------------------------------------------------------------------------------------------


def token_file(folder: Path, text: str = TOKEN) -> PasswordFile:
    write_private(folder / "token", text)
    return PasswordFile(path=folder / "token")


@pytest.mark.parametrize("bind", ["0.0.0.0", "192.0.2.1", "::", "embassy.example"])
def test_page_is_not_bound_to_others_unguarded(tmp_path, bind):
    with pytest.raises(ConfigError, match="everybody") as refused:
        rules_of(Page(bind=bind))
    assert "page.token_file" in refused.value.remedy
    with pytest.raises(ConfigError, match="in the clear"):
        rules_of(Page(bind=bind, token=token_file(tmp_path)))
    with pytest.raises(ConfigError, match="has none itself"):
        rules_of(Page(bind=bind, client_ca_file=tmp_path / "ca.pem"))
    with pytest.raises(ConfigError, match="fewer than"):
        rules_of(Page(bind=bind, token=token_file(tmp_path, "short"), cert_file=tmp_path / "cert.pem"))
    assert rules_of(Page(bind=bind, token=token_file(tmp_path), cert_file=tmp_path / "cert.pem")).hosts == ()


@pytest.mark.parametrize("bind", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_loopback_needs_no_guard(bind):
    assert "localhost" in rules_of(Page(bind=bind)).hosts


def test_token_is_asked_for_everything_but_health(tmp_path):
    with staged(StagedSight(), page=Page(token=token_file(tmp_path))) as site:
        for path in ("/", "/registers/land", "/events", "/static/page.css"):
            refused = get(site.url + path)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"].startswith("Basic")
            assert "land" not in refused.text
        assert get(site.url + "/healthz").status_code == 200
        assert get(site.url, auth=("anybody", TOKEN)).status_code == 200
        assert get(site.url, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        for wrong in ("", "x", TOKEN[:-1], TOKEN + "x", "é"):
            assert get(site.url, auth=("anybody", wrong.encode())).status_code == 401
        for header in ("Basic", "Basic !!", "Bearer", "Digest abc", "Basic /w=="):
            assert get(site.url, headers={"Authorization": header}).status_code == 401
        write_private(tmp_path / "token", TOKEN.upper())
        assert get(site.url, auth=("anybody", TOKEN)).status_code == 401
        (tmp_path / "token").unlink()
        assert get(site.url, auth=("anybody", TOKEN)).status_code == 503


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_client_certificate_is_asked_for(tmp_path):
    """asyncio leaves the transport of a refused handshake to the garbage collector, which complains: here, and now."""
    embassy, home = tmp_path / "embassy", tmp_path / "home"
    embassy.mkdir()
    home.mkdir()
    ensure_certificates(embassy, home, now=now())
    page = Page(cert_file=embassy / "broker.pem", key_file=embassy / "broker.pem", client_ca_file=embassy / "ca.pem")
    with staged(StagedSight(), page=page) as site:
        shown = (str(home / "home.pem"), str(home / "home.key"))
        answer = get(site.url, cert=shown, verify=str(home / "ca.pem"))
        assert answer.status_code == 200
        assert "strict-transport-security" in answer.headers
        with pytest.raises((requests.ConnectionError, ssl.SSLError)):
            get(site.url, verify=str(home / "ca.pem"))
    gc.collect()
