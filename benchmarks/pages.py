#!/usr/bin/env python3
"""The page of a release: making it, its size, and opening it in chromium, from the click to the drawn page."""

from __future__ import annotations

import os
import shutil
import sys
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from altai_build.model.quantity import format_size  # noqa: E402
from altai_build.stages.report.page import format_report  # noqa: E402
from benchmarks import measure  # noqa: E402
from benchmarks.measure import Variant, ratios  # noqa: E402
from tests.kit.reports import make_inputs  # noqa: E402

_MOST_BYTES = 2_000_000
# Two frames after the load event: then the page is on the screen.
_DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def open_page(browser: Browser, page: Path) -> None:
    """Open a page in a new window of a browser that runs, until it is drawn."""
    window = browser.new_page(viewport={"width": 1280, "height": 900})
    window.goto(page.as_uri())
    window.evaluate(_DRAWN)
    window.close()


def list_variants(folder: Path, browser: Browser, packages: int) -> list[Variant]:
    """An empty page, the page of a release with so many packages, and making that page."""
    inputs = make_inputs(packages)
    empty, page = folder / "empty.html", folder / f"{packages}.html"
    empty.write_text("<!DOCTYPE html><title>empty</title>")
    page.write_bytes(format_report(inputs, ".."))
    return [
        Variant("open an empty page", partial(open_page, browser, empty)),
        Variant("open", partial(open_page, browser, page)),
        Variant("make", partial(format_report, inputs, "..")),
    ]


def main() -> None:
    """Measure, and print the results beside the targets."""
    parser = measure.make_parser(__doc__, rounds=7)
    measure.add_number(parser, "--packages", 700, "binary packages of the release")
    measure.add_sizes(parser, "25,100,300,700", "packages")
    arguments = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        parser.error("there is no chromium")
    with measure.scratch("pages", "chromium") as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, chromium_sandbox=os.geteuid() != 0)
        times = measure.take_turns(list_variants(folder, browser, arguments.packages), arguments.rounds)
        size = (folder / f"{arguments.packages}.html").stat().st_size
        title = f"The page of a release with {arguments.packages} packages: {format_size(size)}"
        measure.print_times(title, times, "open an empty page")
        # The base is a time and no program.
        times["1 s"] = [1.0] * arguments.rounds
        targets = [
            ("open the page / 1 s", ratios(times, "open", "1 s"), 1.0),
            (f"size / {format_size(_MOST_BYTES)}", [size / _MOST_BYTES], 1.0),
        ]
        variants = partial(list_variants, folder, browser)
        curves = measure.measure_growth(arguments.sizes, variants, max(3, arguments.rounds // 2))
        measure.print_growth("Opening and making the page", "packages", curves, arguments.svg)
        browser.close()
    measure.print_targets(targets)


if __name__ == "__main__":
    main()
