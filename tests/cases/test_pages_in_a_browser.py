"""The pages of releases in a real browser: search, sort, links, no request, nothing that axe-core objects to."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from altai_build.model.release import ComponentOrigin
from altai_build.model.trust import ManifestTrust, TrustLevel
from altai_build.stages.coverage_report import write_coverage_page
from altai_build.stages.report.index import (
    DamagedRelease,
    IndexedRelease,
    IndexInputs,
    format_index,
    summarize_release,
)
from altai_build.stages.report.inputs import PreviousRelease, ReportInputs
from altai_build.stages.report.page import format_report
from tests.conftest import Require
from tests.kit.reports import make_inputs
from tests.kit.server import serving
from tests.stages.test_coverage_report import make_table

AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
PHONE = ViewportSize(width=390, height=844)
DESKTOP = ViewportSize(width=1280, height=900)
SIZE = 12  # packages; axe-core takes longer with more
EVIL = "</style><script>alert(1)</script><img src=x onerror=alert(2)>"


@dataclass
class Visit:
    """An open page, and what it did that it must not do."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def visible_rows(self, table: str) -> list[str]:
        """The first cells of the rows that are shown."""
        script = "rows => rows.filter(row => !row.hidden).map(row => row.cells[0].innerText.split(/\\s/)[0])"
        shown: list[str] = self.page.eval_on_selector_all(f"#{table} tbody tr", script)
        return shown


@pytest.fixture(scope="module")
def browser(require: Require) -> Iterator[Browser]:
    """One start of the browser for all tests here."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    require(program is not None, "there is no chromium: run scripts/setup")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, chromium_sandbox=os.geteuid() != 0)
        yield started
        started.close()


@contextmanager
def visiting(browser: Browser, url: str, **settings: Any) -> Iterator[Visit]:
    """Open a page in a context of its own."""
    context = browser.new_context(viewport=settings.pop("viewport", DESKTOP), **settings)
    page = context.new_page()
    page.set_default_timeout(20_000)
    visit = Visit(page)
    page.on("console", lambda message: visit.complaints.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: visit.complaints.append(f"error: {error}"))
    page.on("dialog", lambda dialog: visit.complaints.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: visit.requests.append(request.url))
    page.goto(url)
    yield visit
    context.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of releases with a page for each, the page of all, and a page of coverage."""
    folder = tmp_path_factory.mktemp("site")
    inputs = make_inputs(SIZE)
    report = folder / "1.0.1" / "report"
    (report / "logs").mkdir(parents=True)
    (report / "index.html").write_bytes(format_report(inputs, ".."))
    for build in inputs.manifest.builds:
        (folder / "1.0.1" / build.log).write_bytes(gzip.compress(b"make: done\n" * 5 + EVIL.encode()))
    (folder / "index.html").write_bytes(format_index(make_index(inputs)))
    write_coverage_page(folder / "coverage.html", make_table())
    return folder


def make_index(inputs: ReportInputs) -> IndexInputs:
    """Two releases and a damaged one."""
    assert isinstance(inputs.previous, PreviousRelease)
    pinned = ManifestTrust(TrustLevel.PINNED)
    own = ManifestTrust(TrustLevel.OWN_KEYS, "no pinned key signed it")
    first = summarize_release(inputs.previous.manifest, None, inputs.keys)
    second = summarize_release(inputs.manifest, inputs.previous.diff, inputs.keys)
    old = IndexedRelease("1.0.0", first, own, True)
    new = IndexedRelease("1.0.1", second, pinned, True)
    return IndexInputs("altai", "1.0.1", (old, DamagedRelease("0.9", "no JSON"), new))


def test_packages_are_searched_sorted_and_led_to_without_a_complaint_or_a_request(
    browser: Browser, site: Path
) -> None:
    url = (site / "1.0.1" / "report" / "index.html").as_uri()
    inputs = make_inputs(SIZE)
    with visiting(browser, url, offline=True) as visit:
        page = visit.page
        assert len(visit.visible_rows("package-table")) == SIZE
        wanted = inputs.manifest.packages[4]
        page.get_by_label("Search").fill(f"{wanted.repository} {wanted.name.upper()}")
        found = visit.visible_rows("package-table")
        assert wanted.name in found and len(found) < 10
        assert page.locator("#shown").inner_text() == f"{len(found)} of {SIZE} shown"
        page.get_by_label("Search").fill("no package has these words")
        assert visit.visible_rows("package-table") == []
        # A node of the picture leads to its row, also when the search hides that.
        page.locator("a.node.component").first.focus()
        assert page.locator("#graph-picture.choosing .edge.on").count() > 0
        page.keyboard.press("Enter")
        page.locator("tr:target").wait_for()
        assert page.get_by_label("Search").input_value() == ""
        # By the keyboard: the head of the column is a button.
        head = page.locator("#package-table thead th", has_text="size")
        head.get_by_role("button").focus()
        page.keyboard.press("Enter")
        sizes = page.eval_on_selector_all(
            "#package-table td[data-label=size]", "cells => cells.map(c => +c.dataset.sort)"
        )
        assert sizes == sorted(sizes) and head.get_attribute("aria-sort") == "ascending"
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == "descending"
        page.get_by_role("searchbox", name="Find").fill("nothing has this name")
        assert page.locator("#graph-status").inner_text().startswith("0 of ")
        targets = page.eval_on_selector_all(
            "a[href^='#']", "links => links.map(a => a.getAttribute('href').slice(1))"
        )
        assert page.evaluate("ids => ids.filter(id => !document.getElementById(id))", targets) == []
        assert (visit.complaints, visit.requests) == ([], [url, "data:,"][: len(visit.requests)])
    with visiting(browser, (site / "index.html").as_uri(), offline=True) as visit:
        visit.page.get_by_label("Search").fill("1.0.0")
        assert visit.visible_rows("release-table")[-1] == "1.0.0"
        assert visit.complaints == []


def test_a_log_is_shown_in_the_page_as_text(browser: Browser, site: Path) -> None:
    with serving(site) as server, visiting(browser, f"{server}/1.0.1/report/index.html") as visit:
        link = visit.page.locator("a.log").first
        link.click()
        text = visit.page.locator("dialog pre")
        assert text.inner_text().startswith("make: done\nmake: done\n") and EVIL in text.inner_text()
        visit.page.keyboard.press("Escape")
        visit.page.locator("dialog").wait_for(state="detached")
        assert visit.complaints == []
        assert [url for url in visit.requests if not url.startswith((server, "data:"))] == []


def list_violations(page: Page, options: str) -> list[str]:
    """What axe-core objects to."""
    found = page.evaluate(f"axe.run(document, {options})")
    assert found["passes"], "axe-core checked nothing"
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found["violations"]]


@pytest.mark.parametrize("name", ["1.0.1/report/index.html", "index.html", "coverage.html"])
def test_screen_readers_keyboards_and_phones_can_use_the_page(
    browser: Browser, site: Path, name: str
) -> None:
    """axe-core finds nothing: contrast, names, landmarks, headings; and nothing but tables scrolls sideways."""
    with visiting(browser, (site / name).as_uri(), offline=True, bypass_csp=True) as visit:
        page = visit.page
        page.evaluate(AXE.read_text("utf-8"))
        for viewport in (PHONE, DESKTOP):
            page.set_viewport_size(viewport)
            assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
            page.emulate_media(color_scheme="light")
            assert list_violations(page, "{resultTypes: ['violations']}") == [], viewport
            page.emulate_media(color_scheme="dark")
            assert list_violations(page, "{runOnly: ['color-contrast']}") == [], viewport


def test_without_scripts_and_on_paper_everything_is_there(browser: Browser, site: Path) -> None:
    url = (site / "1.0.1" / "report" / "index.html").as_uri()
    with visiting(browser, url, java_script_enabled=False) as visit:
        assert visit.page.locator("#package-table tbody tr").count() == SIZE
        assert not visit.page.get_by_label("Search").is_visible()
        visit.page.emulate_media(media="print")
        assert not visit.page.locator("nav").is_visible()
    with visiting(browser, url) as visit:
        visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert visit.page.locator("details:not([open])").count() == 0


def test_hostile_texts_run_nothing_and_the_policy_would_stop_them(browser: Browser, tmp_path: Path) -> None:
    inputs = make_inputs(3)
    origin = ComponentOrigin(EVIL, EVIL, "javascript:alert(3)", EVIL)
    packages = tuple(replace(one, name=EVIL, version=EVIL, origin=origin) for one in inputs.manifest.packages)
    page = format_report(
        replace(inputs, project=EVIL, manifest=replace(inputs.manifest, packages=packages)), ".."
    )
    (tmp_path / "page.html").write_bytes(page)
    with visiting(browser, (tmp_path / "page.html").as_uri()) as visit:
        assert visit.page.locator("img").count() == 0
        assert visit.page.locator("a[href^='javascript']").count() == 0
        assert visit.page.locator("h1").inner_text().startswith(EVIL)
        assert visit.complaints == []
    # As if a template had forgotten to escape.
    (tmp_path / "page.html").write_bytes(page.replace(b"<main", EVIL.encode() + b"<main", 1))
    with visiting(browser, (tmp_path / "page.html").as_uri()) as visit:
        assert visit.page.locator("img").count() == 1
        assert [one for one in visit.complaints if not one.startswith("console:")] == []
        assert all("Content Security Policy" in one for one in visit.complaints)
        assert {word for word in ("script-src", "img-src") if word in str(visit.complaints)} == {
            "script-src",
            "img-src",
        }
