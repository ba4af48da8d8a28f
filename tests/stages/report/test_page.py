"""The page of a release: what it shows, that it loads nothing from elsewhere, that no name can write HTML."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from altai_build.model.bill_of_materials import PackageDescription
from altai_build.model.commit import Commit
from altai_build.model.findings import Finding, Severity, VerificationReport
from altai_build.model.gitlink import CommitId
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
from altai_build.model.release_changes import ChangeKind, ComponentChange, ComponentNotes, ReleaseNotes
from altai_build.model.release_files import REPORT_PATH
from altai_build.model.unknown import Unknown
from altai_build.model.upgrade import UpgradeReport
from altai_build.stages.diff import compare_releases
from altai_build.stages.report.inputs import ClientFiles, PreviousRelease, ReleaseKey, ReportInputs
from altai_build.stages.report.page import MOST_COMMITS, format_report, make_report_view, write_report
from tests.kit.reports import WAIVER, make_inputs

INTACT = VerificationReport(release="1.0.1", findings=())
VOID = {"meta", "link", "br", "input", "img", "hr"}
EVIL = "<script>alert(1)</script>"


class Page(HTMLParser):
    """A page as a browser reads it: text, cells of each table row, links, what it loads. Every tag must close."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
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
        self.ids.add(values.get("id") or "")
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


def inputs(
    release: Manifest,
    *,
    previous: Manifest | None = None,
    verification: VerificationReport = INTACT,
    project: str = "altai",
    notes: ReleaseNotes | Unknown | None = None,
) -> ReportInputs:
    """The inputs of a page, of which nothing else is known."""
    unknown = Unknown("nobody asked")
    compared = None
    if previous is not None:
        compared = PreviousRelease(
            manifest=previous,
            diff=compare_releases(previous, release),
            notes=notes or ReleaseNotes(previous.version, release.version, (), ()),
            descriptions=unknown,
        )
    return ReportInputs(
        project=project,
        manifest=release,
        verification=verification,
        previous=compared,
        upgrades=unknown,
        descriptions=unknown,
        keys=unknown,
        client=unknown,
        documents=(),
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
    return Page(write_report(tmp_path, inputs(new, previous=old)))


def test_the_report_is_written_into_the_release(tmp_path: Path) -> None:
    path = write_report(tmp_path, inputs(manifest("1.0.0")))
    assert path == tmp_path / REPORT_PATH == tmp_path / "report" / "index.html"


def test_every_package_has_its_origin_and_its_change(page: Page) -> None:
    signer = "01234567"
    focus = [
        "focusnoarch",
        "1.1-1.el6",
        "upgradedwas 1.0-1.el6",
        "centos6",
        "250 kB",
        "unknown",
        "repos/altai/focus at c0ffeec0ffee",
        signer,
        "unknown",
        "rpmsourceprovenance",
    ]
    bunch = ["bunchnoarch", "1.0-1.el6", "unchanged", "centos6", "250 kB", "unknown"]
    bunch += ["repos/altai/bunch at c0ffeec0ffee", signer, "unknown", "rpmprovenance"]
    erlang = ["erlangnoarch", "14-1.el6", "added", "centos6", "250 kB", "unknown", "mirrored", signer]
    erlang += ["focus", "rpm"]
    (sources,) = [row for row in page.rows if row[0] == "focussrc" and len(row) == len(focus)]
    assert [row for row in page.rows if len(row) == len(focus)][1:] == [bunch, erlang, focus, sources]
    assert ["removed", "gone", "3-1.el6.noarch", "none", "centos6", "-250 kB"] in page.rows


def test_every_package_links_to_its_files(page: Page) -> None:
    file = "focus-1.1-1.el6.noarch.rpm"
    links = [f"../centos6/{file}", "../misc-srpms/focus-1.1-1.el6.src.rpm"]
    assert {*links, f"../provenance/slsa/centos6/{file}.json", "../centos6/erlang-14-1.el6.noarch.rpm"} <= {
        *page.links
    }
    assert not [link for link in page.links if "slsa" in link and "erlang" in link]


def test_every_component_has_its_reason_and_its_log(page: Page) -> None:
    reason = "source package changed"
    assert ["focus", "focus-1.1-1.el6.src.rpm", "built", "", "2.5", "", reason, "log"] in page.rows
    assert ["bunch", "unknown", "reused", "", "unknown", "", "the same", ""] in page.rows
    assert ["docs", "", "skipped", "", "", "", "it has no spec file", ""] in page.rows
    assert "../report/logs/focus.log.gz" in page.links


def test_the_graph_leads_to_the_rows_of_the_table(page: Page) -> None:
    assert "focus needs bunch" in page.words and "focus needs erlang" in page.words
    assert {link for link in page.links if link.startswith("#")} <= {f"#{one}" for one in page.ids}


def test_nothing_is_loaded_from_anywhere(page: Page, tmp_path: Path) -> None:
    # An empty icon: without one browsers ask the server for /favicon.ico.
    assert page.loaded == ["data:,"]
    text = (tmp_path / REPORT_PATH).read_text()
    assert not re.search(r"@import|url\(|XMLHttpRequest| style=", text)
    # A log of this release, when it is clicked.
    assert re.findall(r"fetch\(.*?\)", text) == ["fetch(address)"]
    assert re.findall(r"readLog\(.*?\)", text) == ["readLog(address)", "readLog(link.href)"]
    # What a server sends instead of a log is none.
    assert "if (!answer.ok) throw" in text


def test_findings_are_listed_and_counted_in_the_headline(tmp_path: Path) -> None:
    finding = Finding("package-signatures", Severity.WARNING, "a.rpm", "SHA1 hash", "sign it again")
    waived = replace(finding, severity=Severity.NOTE, subject="b.rpm", waiver=WAIVER)
    report = VerificationReport(release="1.0.1", findings=(finding, waived))
    page = Page(write_report(tmp_path, inputs(manifest("1.0.1"), verification=report)))
    assert ["warning", "package-signatures", "a.rpm", "SHA1 hash", "sign it again"] in page.rows
    assert ["notewaived", "package-signatures", "b.rpm", "SHA1 hash", "sign it again"] in page.rows
    assert [WAIVER.rule, WAIVER.subject, WAIVER.reason, "2030-01-31", "1"] in page.rows
    assert "2 findings, worst: warning" in page.words
    assert "no findings" not in page.words


def test_no_name_can_write_html_or_a_link_that_runs(tmp_path: Path) -> None:
    """Every text that a release or the history of a component can hold."""
    origin = ComponentOrigin(path=EVIL, commit=EVIL, url="javascript:alert(1)", build_key=EVIL)
    bad = package(EVIL, "1", origin=origin)
    release = replace(
        manifest("1.0.1", bad, previous="1.0.0"),
        skipped=(SkippedComponent(component=EVIL, reason='"><img src=x>'),),
        builds=(BuildRecord(EVIL, EVIL, EVIL, 1.0, "b", f"report/logs/{EVIL}", EVIL, (EVIL,), started=0.0),),
    )
    commit = Commit(CommitId(EVIL), 1, EVIL, EVIL, False)
    notes = ReleaseNotes(
        "1.0.0",
        "1.0.1",
        (ComponentNotes(EVIL, EVIL, ComponentChange.UPDATED, EVIL, EVIL, (commit,), (commit,), (), EVIL),),
        (),
    )
    finding = Finding(EVIL, Severity.ERROR, EVIL, EVIL, EVIL)
    described = {bad.path: PackageDescription(EVIL, EVIL, "javascript:alert(1)", EVIL)}
    whole = replace(
        inputs(release, previous=manifest("1.0.0"), project=EVIL, notes=notes),
        verification=VerificationReport("1.0.1", (finding,)),
        upgrades=UpgradeReport("1.0.1", (EVIL,), (), (replace(finding, upgrade_from=EVIL),)),
        descriptions=described,
        keys=(ReleaseKey(EVIL, EVIL, EVIL, EVIL),),
        client=ClientFiles(EVIL, EVIL, "https://example.org/';alert(1);'"),
        documents=(f"provenance/{EVIL}",),
    )
    page = Page(write_report(tmp_path, whole))
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert not [link for link in page.links if unquote(link).startswith("javascript:")]
    assert page.words.count(EVIL) > 20


def test_a_report_written_elsewhere_links_to_the_release(tmp_path: Path) -> None:
    release, other = tmp_path / "a release", tmp_path / "page.html"
    release.mkdir()
    page = Page(write_report(release, inputs(manifest("1.0.1")), page=other))
    assert "a%20release/report/logs/focus.log.gz" in page.links
    assert not (release / REPORT_PATH).exists()
    url = "https://repo.example.org/altai/1.0.1"
    page = Page(write_report(release, inputs(manifest("1.0.1")), page=other, url=url))
    assert f"{url}/release.json" in page.links


def test_what_is_unknown_says_why(tmp_path: Path) -> None:
    release = replace(inputs(manifest("1.0.1", previous="1.0.0")), previous=Unknown("its disk is broken"))
    page = Page(write_report(tmp_path, release))
    assert page.words.count("its disk is broken.") == 2
    # Upgrades, keys, the .repo file, licences (twice), and what is needed (twice).
    assert page.words.count(": nobody asked.") >= 6
    assert "for no component" not in page.words
    assert "earlier versions of altai-build did not note it" in page.words


def test_a_first_release_has_no_changes() -> None:
    view = make_report_view(inputs(manifest("1.0.0", package("focus", "1.0"))))
    assert ([row.change for row in view.packages], view.previous, view.previous_size) == ([""], None, 0)
    assert view.count(ChangeKind.ADDED) == 0 and view.notes == ()
    assert b"This is the first release: it follows no other." in format_report(view.inputs, "..")


def test_a_long_history_is_cut(tmp_path: Path) -> None:
    commits = tuple(Commit(CommitId(f"{n:040x}"), 1, "A", "Fix", False) for n in range(MOST_COMMITS + 5))
    component = ComponentNotes("nova", None, ComponentChange.UPDATED, "a", "b", commits, (), ())
    notes = ReleaseNotes("1.0.0", "1.0.1", (component,), ())
    release = manifest("1.0.1", previous="1.0.0")
    page = Page(write_report(tmp_path, inputs(release, previous=manifest("1.0.0"), notes=notes)))
    assert page.words.count("Fix") == MOST_COMMITS
    assert "and 5 more: altai-build notes 1.0.0 1.0.1 lists all" in page.words


def test_times_that_cannot_be_are_not_drawn() -> None:
    build = replace(manifest("1").builds[0], seconds=1e300, started=-1.0)
    view = make_report_view(inputs(replace(manifest("1"), builds=(build,))))
    assert isinstance(view.timeline, Unknown) and isinstance(view.plan, Unknown)
    assert view.timed == {}


def test_equal_inputs_give_equal_bytes() -> None:
    assert format_report(make_inputs(40), "..") == format_report(make_inputs(40), "..")
