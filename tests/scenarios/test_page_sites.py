"""Both sites' pages in a browser while the whole system works, and while nothing passes the link."""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from deploy.local.apart import enter_command
from deploy.local.machine import wait_until
from deploy.local.processes import answers_at, run_command
from deploy.local.system import LocalSystem
from tests.support.browser import chromium, opened, serious, shoot
from tests.support.scenario import POPULATION, Registers

START_SECONDS_MAX = 120
SITES = ("home", "embassy")


@contextlib.contextmanager
def served(system: LocalSystem, site: str) -> Iterator[str]:
    """A site's page as its operator starts it, unless the system has it already; yields its address."""
    port = getattr(system.layout.ports, f"{site}_page")
    if system.layout.has_pages:
        yield f"http://127.0.0.1:{port}/"
        return
    log = system.layout.logs / f"{site}-page.log"
    command = [*enter_command(system.layout, site), *run_command(system.layout, site, "page")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EMBASSY_SITE")}
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, env=environment) as process:
        try:
            wait_until(lambda: answers_at(port, "/readyz"), seconds=START_SECONDS_MAX, what=f"{site}'s page is ready")
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) in (0, -signal.SIGTERM), log.read_text()


def heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(words), timeout=90_000)


def row(page: Page) -> str:
    return page.locator(f"#r-row-{POPULATION}").inner_text()


@pytest.fixture
def addresses(registers: Registers) -> Iterator[dict[str, str]]:
    registers.wait_level()
    with contextlib.ExitStack() as stack:
        yield {site: stack.enter_context(served(registers.system, site)) for site in SITES}


def test_pages_follow_a_cut_link_by_themselves(registers, addresses):
    """Nobody reloads anything: both pages are open all the time."""
    with chromium() as browser, contextlib.ExitStack() as stack:
        home, embassy = (stack.enter_context(opened(browser, addresses[site])) for site in SITES)
        for page in (home, embassy):
            heading(page, "kept warm|within their objectives")
            expect(page.locator(f"#r-row-{POPULATION}")).to_contain_text("live")
        registers.system.link.cut()
        try:
            heading(home, "^Nothing has come from the embassy for")
            heading(embassy, "^Nothing has come from home for")
            assert "≤" in row(home)
            expect(home.locator("#r-state")).to_contain_text("LinkDown")
            for site, page in zip(SITES, (home, embassy), strict=True):
                shoot(page, f"system-{site}-link-cut")
        finally:
            registers.system.link.mend()
        for page in (home, embassy):
            heading(page, "kept warm|within their objectives")
        for site, page in zip(SITES, (home, embassy), strict=True):
            page.goto(f"{addresses[site]}registers/{POPULATION}")
            expect(page.get_by_role("img", name=re.compile("^Lag"))).to_be_visible()
            assert serious(page) == []
            shoot(page, f"system-{site}-register")
        expect(embassy.locator("#r-hops")).to_contain_text("apply")
        expect(embassy.locator("#r-numbers")).to_contain_text("Transactions applied")
        expect(home.locator("#r-position")).to_contain_text("forward")
