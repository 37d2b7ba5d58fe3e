"""The status page in a real browser: what it says, that it says it to everybody, and that it says when it is old."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import get_args

import pytest
from playwright.sync_api import Browser, Page, expect

from data_embassy.errors import KeyringError
from data_embassy.status import STATES, Backlog, RegisterStatus
from tests.support.browser import Scheme, chromium, is_wider_than_its_window, opened, serious, shoot
from tests.support.staged_page import StagedSight, at_home, register, silent, staged, stopped, well

SCHEMES = get_args(Scheme)
LAND = 2


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def one_stopped() -> tuple[RegisterStatus, ...]:
    found = list(well())
    found[LAND] = stopped(found[LAND])
    late = replace(
        found[4], lag_seconds=412.0, is_objective_met=False, backlog=Backlog(envelopes=820), level_in_seconds=95.0
    )
    return (*found[:4], late, found[5])


def row(page: Page, name: str):
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name, exact=True))


def test_overview_says_first_how_the_registers_are(browser):
    with staged(StagedSight()) as site, opened(browser, site.url) as page:
        expect(page.get_by_role("heading", level=1)).to_have_text("All six registers are within their objectives.")
        expect(page.get_by_role("heading", level=2)).to_have_count(3)
        expect(row(page, "treasury")).to_contain_text("0.8 s of 30 s")
        expect(row(page, "treasury").get_by_role("img")).to_have_accessible_name(
            re.compile("at worst .* in the last 15")
        )
        expect(page.get_by_role("table", name=re.compile("Registers of tier 1"))).to_be_visible()
        expect(page.get_by_role("main")).to_be_visible()
        shoot(page, "overview")


def test_register_page_shows_where_the_time_goes(browser):
    with staged(StagedSight()) as site, opened(browser, site.url) as page:
        page.get_by_role("link", name="treasury").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(
            re.compile(r"treasury\s+0\.8 s\s+behind, of 30 s agreed")
        )
        expect(page.get_by_role("img", name=re.compile("^Lag by hop. In the last 1 hour at worst 36"))).to_be_visible()
        expect(page.get_by_role("img", name=re.compile("^Transactions per second"))).to_be_visible()
        expect(page.locator("#r-events")).to_contain_text("Ended with")
        expect(page.locator("#r-proofs")).to_contain_text("signed")
        expect(page.locator("#r-keys")).to_contain_text("has sealed 18\u202f204 envelopes so far")
        expect(page.get_by_role("list", name="Drills, newest first")).to_contain_text("Duty officer, M. Tamm")
        shoot(page, "register")
        page.get_by_text("The same as a table").first.click()
        expect(page.get_by_role("table", name="Lag by hop")).to_contain_text("home topic")
        page.get_by_role("link", name="7 days").click()
        expect(page.get_by_role("img", name=re.compile("In the last 7 days"))).to_be_visible()


def test_stop_shows_its_reason_and_the_command_that_ends_it(browser):
    with staged(StagedSight(registers=one_stopped())) as site, opened(browser, site.url) as page:
        expect(page.get_by_role("heading", level=1)).to_have_text("Land stands still.")
        expect(page.locator("#r-why-land")).to_contain_text("281,555 follows 281,551")
        expect(page.locator("#r-why-land code")).to_have_text("at home: embassy register snapshot land")
        shoot(page, "overview-stopped")
        page.get_by_role("link", name="land").click()
        expect(page.locator("#r-why")).to_contain_text("docs/runbooks/missing-records.md")
        shoot(page, "register-stopped")


def test_open_page_follows_what_happens(browser):
    """What is open stays open, what has the focus keeps it, and a change of state is said aloud once."""
    with staged(StagedSight()) as site, opened(browser, site.url) as page:
        page.get_by_role("link", name="court").focus()
        site.sight.registers = one_stopped()
        expect(page.get_by_role("heading", level=1)).to_have_text("Land stands still.")
        expect(row(page, "land")).to_contain_text("stopped")
        expect(page.locator("#said")).to_have_text("land: stopped. business: late")
        expect(page).to_have_title(re.compile("^stopped"))
        expect(page.get_by_role("link", name="court")).to_be_focused()
        site.sight.registers = well()
        expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^All six"))
        expect(page.locator("#r-why-land")).to_be_hidden()
        site.sight.registers = (*well(), register("fisheries", tier=1))
        expect(row(page, "fisheries")).to_contain_text("live")


def test_command_stays_selected_while_the_rest_is_renewed(browser):
    with staged(StagedSight(registers=one_stopped())) as site, opened(browser, site.url) as page:
        page.locator("#r-why-land code").select_text()
        for _ in range(3):
            expect(page.locator("#taken")).not_to_have_attribute(
                "data-ago", page.locator("#taken").get_attribute("data-ago")
            )
        assert page.evaluate("getSelection().toString()") == "at home: embassy register snapshot land"


def test_open_table_and_focus_stay_on_a_register_page(browser):
    with staged(StagedSight()) as site, opened(browser, f"{site.url}/registers/land") as page:
        summary = page.get_by_text("The same as a table").first
        summary.click()
        chart = page.locator("#r-charts path.line").get_attribute("d")
        expect(page.locator("#r-charts path.line")).not_to_have_attribute("d", chart)
        expect(page.get_by_role("table", name="Lag by hop")).to_be_visible()
        expect(page.get_by_text("The same as a table").first).to_be_focused()


def test_embassy_says_when_home_went_dark(browser):
    with staged(StagedSight()) as site, opened(browser, site.url) as page:
        site.sight.registers = silent(well(), 134.0)
        expect(page.get_by_role("heading", level=1)).to_have_text("Nothing has come from home for 2 min 14 s.")
        expect(page.locator("#r-state")).to_contain_text("All six standbys stand as home was at")
        expect(row(page, "treasury")).to_contain_text("late")
        site.sight.registers = silent(well(), 151.0)
        expect(page.get_by_role("heading", level=1)).to_have_text("Nothing has come from home for 2 min 31 s.")
        shoot(page, "embassy-home-dark")


def test_home_says_at_most_how_far_behind_a_silent_embassy_is(browser):
    sight = StagedSight(registers=at_home(well()), keeps_past=False)
    with staged(sight, role="home", site="capital") as site, opened(browser, site.url) as page:
        expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^All six"))
        shoot(page, "home")
        sight.registers = at_home(well(), heard_seconds=95.0)
        expect(page.get_by_role("heading", level=1)).to_have_text("Nothing has come from the embassy for 1 min 35 s.")
        expect(row(page, "business")).to_contain_text("≤ 1 min 38 s")
        expect(page.locator(".stop")).to_have_count(1)
        shoot(page, "home-embassy-silent")
        page.get_by_role("link", name="business").click()
        expect(page.locator("#r-charts")).to_contain_text("since this page was started")
        shoot(page, "home-register")


def test_page_says_that_its_own_data_is_old(browser):
    """A look that hangs, as on a database that does not answer: the page is there at once, and its age grows."""
    with staged(StagedSight()) as site, opened(browser, site.url) as page:
        site.sight.gate.clear()
        expect(page.locator("#r-notice")).to_contain_text("What stands here is old: it was seen 6 s ago")
        expect(page.locator("#r-notice")).to_contain_text("a new look has hung for")
        shoot(page, "stale")
        page.reload()
        expect(page.locator("#r-notice")).to_contain_text("What stands here is old")
        expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^All six"))
        site.sight.gate.set()
        expect(page.locator("#r-notice")).to_be_hidden()
        expect(page.locator("#as-of")).to_have_text("Seen just now")


def test_page_says_why_its_site_cannot_be_looked_at(browser):
    with staged(StagedSight()) as site, opened(browser, site.url) as page:
        site.sight.error = KeyringError("the key folder is gone", remedy="restore the key folder from its backup")
        expect(page.locator("#r-notice")).to_contain_text("the key folder is gone")
        expect(page.locator("#r-notice code")).to_have_text("restore the key folder from its backup")


def test_page_says_that_it_lost_its_server(browser):
    with staged(StagedSight()) as site:
        page_of = opened(browser, site.url)
        page = page_of.__enter__()
        expect(page.locator("#as-of")).to_have_text("Seen just now")
    try:
        expect(page.locator("#lost")).to_be_visible()
        expect(page.locator("#as-of")).to_have_text(re.compile(r"Seen [3-9] s ago"))
        shoot(page, "server-lost")
    finally:
        page_of.__exit__(None, None, None)


def test_telephone_needs_no_scrolling_sideways(browser):
    sight = StagedSight(registers=(*one_stopped(), register("a_register_with_quite_a_long_name_of_its_own_it_is")))
    with staged(sight) as site, opened(browser, site.url, width=320, device_scale_factor=2, is_mobile=True) as page:
        assert not is_wider_than_its_window(page)
        shoot(page, "narrow-overview")
        for name in ("land", "treasury", "a_register_with_quite_a_long_name_of_its_own_it_is"):
            page.goto(f"{site.url}/registers/{name}")
            expect(page.get_by_role("img", name=re.compile("^Lag by hop"))).to_be_visible()
            assert not is_wider_than_its_window(page)
        shoot(page, "narrow-register")


def test_page_is_whole_without_scripts(browser):
    with staged(StagedSight(registers=one_stopped())) as site, opened(browser, site.url, has_scripts=False) as page:
        expect(page.get_by_role("heading", level=1)).to_have_text("Land stands still.")
        expect(page.locator("#r-why-land code")).to_have_text("at home: embassy register snapshot land")
        expect(page.get_by_role("button")).to_have_count(0)
        expect(page.get_by_role("link", name="Look again")).to_be_visible()
        shoot(page, "without-scripts")
        page.get_by_role("link", name="land").click()
        expect(page.get_by_role("img", name=re.compile("^Lag by hop"))).to_be_visible()
        shoot(page, "without-scripts-register")


def test_dark_scheme_is_dark(browser):
    with staged(StagedSight(registers=one_stopped())) as site, opened(browser, site.url, scheme="dark") as page:
        expect(page.locator("body")).to_have_css("background-color", "rgb(20, 23, 27)")
        shoot(page, "overview-dark")
        page.goto(f"{site.url}/registers/treasury")
        expect(page.get_by_role("img", name=re.compile("^Lag by hop"))).to_be_visible()
        shoot(page, "register-dark")


def every_state() -> tuple[RegisterStatus, ...]:
    states = [
        register(state, state=state, cause=None, reason=f"it is {state}", remedy="embassy status") for state in STATES
    ]
    late = replace(one_stopped()[4], candidate=None, is_lag_trusted=False, clock_offset_seconds=3600.2)
    empty = register("nothing", state="empty", lag_seconds=None, position=None, age_seconds=None, hops={})
    return (*states, late, empty, *one_stopped()[:4])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_keeps_people_from_using_it(browser, scheme):
    """Axe, in every state and with what opens opened; in the dark, where only colours differ, what concerns colours."""
    rules = () if scheme == "light" else ("color-contrast", "link-in-text-block")
    with staged(StagedSight(registers=every_state())) as site, opened(browser, site.url, scheme=scheme) as page:
        assert serious(page, *rules) == []
        shoot(page, f"every-state-{scheme}")
        for name in ("land", "nothing"):
            page.goto(f"{site.url}/registers/{name}")
            expect(page.locator("#r-charts figure").first).to_be_visible()
            page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
            assert serious(page, *rules) == []
        site.sight.registers = ()
        site.sight.error = KeyringError("the key folder is gone", remedy="restore the key folder from its backup")
        page.goto(site.url)
        expect(page.locator("#r-notice")).to_be_visible()
        assert serious(page, *rules) == []


def test_keyboard_goes_past_the_head_to_the_content(browser):
    with staged(StagedSight()) as site, opened(browser, site.url) as page:
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.get_by_role("main")).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="treasury")).to_be_focused()


def test_nothing_foreign_runs_in_the_page(browser):
    with staged(StagedSight()) as site:
        context = browser.new_context()
        page = context.new_page()
        page.goto(site.url)
        page.evaluate(
            "() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
            " document.body.append(s); const i = document.createElement('img'); i.src = 'http://127.0.0.1:9/x';"
            " i.setAttribute('onerror', 'window.ran = 2'); document.body.append(i); }"
        )
        assert page.evaluate("window.ran") is None
        context.close()
