"""For the page of troubles: every error text of the program as HTML, with the anchor that `--json` names.

What an f-string inserts is shown by its name. Texts that the code gets from elsewhere are counted.
"""

from __future__ import annotations

import html
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from altai_build.tools.error_texts import Entry, ErrorTexts
from altai_build.tools.text_rendering import CHOICE, INSERTED, has_words

# Folder or module of altai_build, and what it is about; the first that fits.
_AREAS = {
    "cli": "command line",
    "config": "repos.yaml and its neighbors",
    "tools/git": "git",
    "stages/discover": "components and specs",
    "tools/spec": "components and specs",
    "tools/rpm": "specs and packages, read by rpm",
    "stages/srpm": "source packages",
    "stages/sources": "source packages",
    "tools/openpgp": "keys and signatures",
    "stages/sign": "keys and signatures",
    "tools/http": "downloads",
    "tools/repo": "repositories and mirrors",
    "tools/solver": "dependencies",
    "pipeline/deps": "dependencies",
    "pipeline/lock": "dependencies",
    "stages/fetch": "dependencies",
    "stages/lock": "dependencies",
    "stages/lock_check": "dependencies",
    "tools/sandbox": "sandbox",
    "tools/mock": "buildroots of mock",
    "tools/chroot": "buildroots of the chroot builder",
    "tools/sbom": "SPDX and CycloneDX",
    "tools/unit_tests": "unit tests",
    "pipeline/unit_tests": "unit tests",
    "stages/unit_tests": "unit tests",
    "stages/coverage_report": "unit tests",
    "stages/coverage_store": "unit tests",
    "pipeline/bisect": "bisection",
    "pipeline/first_steps": "first steps",
    "stages/first_steps": "first steps",
    "pipeline/ci": "CI",
    "pipeline/ci_job": "CI",
    "pipeline/ci_pipeline": "CI",
    "stages/ci_pipeline": "CI",
    "pipeline/job_cache": "CI",
    "stages/cache_export": "CI",
    "stages/cache_import": "CI",
    "pipeline/build": "builds",
    "stages/build": "builds",
    "pipeline/release": "releases and channels: make, publish",
    "stages/publish": "releases and channels: make, publish",
    "stages/channel": "releases and channels: make, publish",
    "stages/tag": "releases and channels: make, publish",
    "stages/compose": "releases and channels: make, publish",
    "pipeline/published": "published releases: read, compare, verify",
    "rules": "published releases: read, compare, verify",
    "stages/download_release": "published releases: read, compare, verify",
    "stages/download_channel": "published releases: read, compare, verify",
    "stages/verify": "published releases: read, compare, verify",
    "stages": "other steps",
    "pipeline": "other steps",
    "workspace": "workspace",
    "ledger": "workspace",
    "model": "formats of files",
    "tools": "programs, files and processes",
    "api": "published releases: read, compare, verify",
    "errors": "any foreign content",
    "regular_files": "programs, files and processes",
}
_SEVERAL_AREAS = "several parts of the program"


def _find_area(module: str) -> str:
    """Raises KeyError for a module that _AREAS does not have."""
    parts = module.split("/")
    prefixes = ("/".join(parts[:length]) for length in range(len(parts), 0, -1))
    return _AREAS[next((prefix for prefix in prefixes if prefix in _AREAS), module)]


def as_html(text: str) -> str:
    """A text as HTML, with code and what is inserted marked."""
    text = text.translate({ord(mark): shown for mark, shown in zip(CHOICE, "(|)")})
    text = INSERTED.sub(r"<var>\1</var>", html.escape(text, quote=False))
    return re.sub("`([^`]*)`", r"<code>\1</code>", text).replace("\n", "<br>")


def describe_errors(package: Path) -> Iterator[str]:
    """All error texts of the package in this folder as Markdown, by exit code and area."""
    texts = ErrorTexts(package)
    groups: dict[tuple[int, str], dict[str, Entry]] = defaultdict(dict)
    for anchor, entry in texts.entries.items():
        areas = {_find_area(module) for module in entry.modules}
        area = areas.pop() if len(areas) == 1 else _SEVERAL_AREAS
        groups[entry.code, area][anchor] = entry
    yield (
        f"\n{len(texts.entries)} texts. {len(texts.unknown)} places in the code are not "
        "listed, because they pass on what another program or part said.\n"
    )
    for (code, area), entries in sorted(groups.items()):
        yield f"\n### Exit code {code}: {area}\n\n<dl>"
        for anchor, entry in sorted(entries.items()):
            yield from _describe_entry(anchor, entry)
        yield "</dl>\n"


def _describe_entry(anchor: str, entry: Entry) -> Iterator[str]:
    whats = "<br>".join(as_html(what) for what in entry.whats)
    yield f'<dt><a id="{anchor}" href="#{anchor}">{whats}</a></dt>'
    for why, todo in entry.hints:
        lines = [as_html(why)] if has_words(why) else []
        lines += [f"What to do: {as_html(todo)}"] if has_words(todo) else []
        if lines or len(entry.hints) == 1:
            yield f"<dd>{'<br>'.join(lines)}</dd>"
