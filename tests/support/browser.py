"""Debian's Chromium, driven by Playwright; nothing is downloaded."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from deploy.local.debian import CHROMIUM, ensure, how
from deploy.local.machine import checkout, is_root

SHOTS = checkout() / "artefacts" / "page"
WAIT_SECONDS = 30
_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_SERIOUS = ("serious", "critical")
Scheme = Literal["light", "dark"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; skips the test where there is none, and says how to get it."""
    if ensure([CHROMIUM], say=print):
        pytest.skip(f"browser tests are left out: no Chromium here. To have them: {how([CHROMIUM])}")
    expect.set_options(timeout=WAIT_SECONDS * 1000)
    arguments = ["--no-sandbox"] if is_root() else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(
    browser: Browser, url: str, *, scheme: Scheme = "light", width: int = 1280, has_scripts: bool = True, **more: Any
) -> Iterator[Page]:
    """A page of its own; at its end nothing was asked of another host, and nothing went wrong in it."""
    context: BrowserContext = browser.new_context(
        color_scheme=scheme, java_script_enabled=has_scripts, viewport={"width": width, "height": 900},
        reduced_motion="reduce", **more,
    )  # fmt: skip
    context.set_default_timeout(WAIT_SECONDS * 1000)
    page = context.new_page()
    wrong: list[str] = []
    origin = "/".join(url.split("/")[:3])
    page.on("request", lambda request: None if request.url.startswith(origin) else wrong.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    try:
        page.goto(url)
        yield page
        assert not [one for one in wrong if "ERR_CONNECTION" not in one and "ERR_INCOMPLETE" not in one], wrong
    finally:
        context.close()


def shoot(page: Page, name: str) -> Path:
    """Keep what the page looks like."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    path = SHOTS / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    return path


def serious(page: Page, *rules: str) -> list[str]:
    """What axe finds on the page that would keep people from using it, by all of its rules unless some are named."""
    page.evaluate(AXE_SCRIPT)
    chosen = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": list(_TAGS)}
    found = page.evaluate("only => axe.run(document, {runOnly: only, resultTypes: ['violations']})", chosen)[
        "violations"
    ]
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:160]}: {node['failureSummary'][:300]}"
        for one in found
        if one["impact"] in _SERIOUS
        for node in one["nodes"]
    ]


def is_wider_than_its_window(page: Page) -> bool:
    """True when one would have to scroll sideways."""
    found: bool = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return found
