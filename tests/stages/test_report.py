"""The report of a release: what it shows, that it loads nothing from elsewhere, that no name can write HTML."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from altai_build.model.findings import Finding, Severity, VerificationReport
from altai_build.model.release import (
    BuildRecord,
    ComponentOrigin,
    Manifest,
    MirrorOrigin,
    ReleasedPackage,
    ReleasedRepository,
    Signer,
    SkippedComponent,
    SuperprojectPin,
)
from altai_build.model.release_files import REPORT_PATH
from altai_build.stages.report import make_report_view, write_report

INTACT = VerificationReport(release="1.0.1", findings=())
VOID = {"meta", "link", "br", "input", "img", "hr"}


class Page(HTMLParser):
    """A page as a browser reads it: text, cells of each table row, links, what it loads. Every tag must close."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.tags: list[str] = []
        self.rows: list[list[str]] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        if tag == "a":
            self.links.append(values["href"] or "")
        self.loaded += [str(values[name]) for name in ("src", "data", "xlink:href") if name in values]
        if tag == "link":
            self.loaded.append(str(values.get("href")))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data
        if self._open and self._open[-1] != "title" and {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data.strip()


def package(name: str, version: str, digest: str = "0", **changes: object) -> ReleasedPackage:
    made = ReleasedPackage(
        name=name,
        epoch=0,
        version=version,
        release="1.el6",
        arch="noarch",
        file=f"{name}-{version}-1.el6.noarch.rpm",
        repository="centos6",
        sha256=digest * 64,
        size=250_000,
        signer=Signer(key_id="DEADBEEF01234567", fingerprint="F" * 40),
        sourcerpm=f"{name}-{version}-1.el6.src.rpm",
        origin=ComponentOrigin(
            path=f"repos/altai/{name}", commit="c0ffee" * 6, url="https://example.org/x.git", build_key="k"
        ),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def manifest(version: str, *packages: ReleasedPackage, previous: str | None = None) -> Manifest:
    return Manifest(
        version=version,
        created="2013-02-28T12:00:00Z",
        superproject=SuperprojectPin(url="https://example.org/altai.git", commit="a" * 40, tag=None),
        previous=previous,
        target="centos6",
        tool_version="0.1.0",
        signed_by="altai",
        repositories=(
            ReleasedRepository(name="centos6", source=False, key="altai", fingerprints=("F" * 40,)),
        ),
        packages=packages,
        builds=(
            BuildRecord(
                component="focus",
                status="built",
                reason="source package changed",
                seconds=2.5,
                buildroot="b",
                log="report/logs/focus.log.gz",
                source="focus-1.1-1.el6.src.rpm",
                needs=("bunch",),
            ),
            BuildRecord(
                component="bunch", status="reused", reason="the same", seconds=0.0, buildroot="b", log=""
            ),
        ),
        skipped=(SkippedComponent(component="docs", reason="it has no spec file"),),
    )


@pytest.fixture
def page(tmp_path: Path) -> Page:
    old = manifest("1.0.0", package("focus", "1.0", "1"), package("bunch", "1.0", "2"), package("gone", "3"))
    new = manifest(
        "1.0.1",
        package("focus", "1.1", "4"),
        package("bunch", "1.0", "2"),
        package(
            "erlang",
            "14",
            "5",
            origin=MirrorOrigin(url="https://example.org/erlang.rpm", sha256="5" * 64, needed_by=("focus",)),
        ),
        package("focus", "1.1", "6", arch="src", file="focus-1.1-1.el6.src.rpm", repository="misc-srpms"),
        previous="1.0.0",
    )
    return Page(write_report(tmp_path, new, INTACT, project="altai", previous=old))


def test_the_report_is_written_into_the_release(tmp_path: Path) -> None:
    path = write_report(tmp_path, manifest("1.0.0"), INTACT, project="altai", previous=None)
    assert path == tmp_path / REPORT_PATH == tmp_path / "report" / "index.html"


def test_every_package_has_its_origin_and_its_change(page: Page) -> None:
    tail = ["centos6", "250 kB", "DEADBEEF01234567"]
    focus = [
        "focus",
        "1.1-1.el6",
        "noarch",
        "changedwas 1.0-1.el6",
        *tail,
        "repos/altai/focus at c0ffeec0ffee",
        "rpmsourceprovenance",
    ]
    origin = "repos/altai/bunch at c0ffeec0ffee"
    bunch = ["bunch", "1.0-1.el6", "noarch", "unchanged", *tail, origin, "rpmprovenance"]
    erlang = ["erlang", "14-1.el6", "noarch", "new", *tail, "mirrored, needed by focus", "rpm"]
    (sources,) = [row for row in page.rows if row[0] == "focus" and row[2] == "src"]
    assert [row for row in page.rows if len(row) == len(focus)][1:] == [bunch, erlang, focus, sources]
    assert "Removed since 1.0.0:\ngone-3-1.el6.noarch." in page.words


def test_every_package_links_to_its_files(page: Page) -> None:
    file = "focus-1.1-1.el6.noarch.rpm"
    links = [f"../centos6/{file}", "../misc-srpms/focus-1.1-1.el6.src.rpm"]
    assert {*links, f"../provenance/slsa/centos6/{file}.json", "../centos6/erlang-14-1.el6.noarch.rpm"} <= {
        *page.links
    }
    assert not [link for link in page.links if "slsa" in link and "erlang" in link]


def test_tables_scroll_on_a_narrow_screen_and_can_be_sorted(tmp_path: Path) -> None:
    finding = Finding(rule="r", severity=Severity.WARNING, subject="s", message="m", fix="f")
    verification = VerificationReport(release="1", findings=(finding,))
    path = write_report(tmp_path, manifest("1"), verification, project="altai", previous=None)
    text = path.read_text()
    tables = re.findall(r"(.*)\n<table([^>]*)>", text)
    assert len(tables) == 3
    assert all(before == '<div class="scroll">' and "sortable" in tag for before, tag in tables)
    assert "@media (max-width: 640px)" in text and "No package contains all of these words." in text


def test_every_component_has_its_reason_and_its_log(page: Page) -> None:
    assert ["focus", "focus-1.1-1.el6.src.rpm", "built", "2.5", "source package changed", "log"] in page.rows
    assert ["bunch", "-", "reused", "-", "the same", ""] in page.rows
    assert ["docs", "-", "skipped", "-", "it has no spec file", ""] in page.rows
    assert "../report/logs/focus.log.gz" in page.links


def test_the_graph_shows_what_each_component_needs(page: Page) -> None:
    assert "focus needs bunch" in page.words
    assert page.tags.count("rect") == 2


def test_the_graph_shows_the_change_of_each_component() -> None:
    old = manifest("1.0.0", package("focus", "1.0", "1"))
    new = manifest("1.0.1", package("focus", "1.1", "2"), previous="1.0.0")
    changes = make_report_view(new, INTACT, project="altai", previous=old).changes
    assert changes == {"focus": "changed", "bunch": "reused"}
    assert make_report_view(new, INTACT, project="altai", previous=None).changes["focus"] == "built"


def test_nothing_is_loaded_from_anywhere(page: Page, tmp_path: Path) -> None:
    # An empty icon: without one browsers ask the server for /favicon.ico.
    assert page.loaded == ["data:,"]
    text = (tmp_path / REPORT_PATH).read_text()
    assert not re.search(r"@import|url\(|XMLHttpRequest", text)
    # A log of this release, when it is clicked.
    assert re.findall(r"fetch\(.*?\)", text) == ["fetch(address)"]
    assert re.findall(r"readLog\(.*?\)", text) == ["readLog(address)", "readLog(link.href)"]
    # What a server sends instead of a log is none.
    assert "if (!answer.ok) throw" in text


def test_findings_are_listed_and_counted_in_the_headline(tmp_path: Path) -> None:
    finding = Finding(
        rule="package-signatures",
        severity=Severity.WARNING,
        subject="a.rpm",
        message="SHA1 hash",
        fix="sign it again",
    )
    report = VerificationReport(release="1.0.1", findings=(finding,))
    page = Page(write_report(tmp_path, manifest("1.0.1"), report, project="altai", previous=None))
    assert ["warning", "package-signatures", "a.rpm", "SHA1 hash", "sign it again"] in page.rows
    assert "1 finding" in page.words
    assert "no findings" not in page.words


def test_no_name_can_write_html_or_a_link_that_runs(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    bad = package(
        evil,
        "1",
        origin=ComponentOrigin(path=evil, commit=evil, url="javascript:alert(1)", build_key="k"),
    )
    release = manifest("1.0.1", bad)
    release = replace(release, skipped=(SkippedComponent(component=evil, reason='"><img src=x>'),))
    page = Page(write_report(tmp_path, release, INTACT, project=evil, previous=None))
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert not [link for link in page.links if link.startswith("javascript:")]


def test_a_report_written_elsewhere_links_to_the_release(tmp_path: Path) -> None:
    release, other = tmp_path / "a release", tmp_path / "page.html"
    release.mkdir()
    page = Page(write_report(release, manifest("1.0.1"), INTACT, project="altai", previous=None, page=other))
    assert "a%20release/report/logs/focus.log.gz" in page.links
    assert not (release / REPORT_PATH).exists()


def test_a_graph_of_too_many_components_is_not_drawn() -> None:
    build = manifest("1.0.1").builds[0]
    many = replace(manifest("1.0.1"), builds=tuple(replace(build, component=f"c{n}") for n in range(81)))
    assert make_report_view(many, INTACT, project="altai", previous=None).build_graph is None


def test_a_release_without_a_previous_one_has_no_changes() -> None:
    view = make_report_view(
        manifest("1.0.0", package("focus", "1.0")), INTACT, project="altai", previous=None
    )
    assert ([row.change for row in view.packages], view.removed, view.has_previous) == ([""], (), False)


def test_source_packages_are_compared_with_source_packages() -> None:
    source = package("focus", "1.0", "1", arch="src", repository="sources")
    old, new = manifest("1.0.0", source), manifest("1.0.1", source, package("focus", "1.0", "2"))
    view = make_report_view(new, INTACT, project="altai", previous=old)
    assert [(row.package.arch, row.change) for row in view.packages] == [
        ("noarch", "new"),
        ("src", "unchanged"),
    ]
    assert view.repositories[0].new_size == 250_000
