"""What the page of a published release is made from, and what is unknown of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.model.findings import VerificationReport
from altai_build.model.release_files import CYCLONEDX_PATH, SPDX_PATH
from altai_build.model.unknown import Unknown
from altai_build.pipeline.published.catalog import open_catalog
from altai_build.pipeline.published.manifest_trust import open_reader
from altai_build.pipeline.published.releases import load_manifest
from altai_build.pipeline.published.report import ReleaseFolder, collect_report, collect_report_again
from altai_build.pipeline.run import Run
from altai_build.stages.report.inputs import PreviousRelease, ReportInputs
from tests.kit.configs import make_run
from tests.kit.releases import Materials

INTACT = VerificationReport(release="1.0.2", findings=())


@pytest.fixture
def run(materials: Materials, tmp_path: Path) -> Run:
    return make_run(tmp_path / "site", materials)


def collect(run: Run, release: Path, previous: ReleaseFolder | Unknown | None = None) -> ReportInputs:
    folder = ReleaseFolder(release, load_manifest(release))
    nothing = Unknown("nobody asked")
    return collect_report(run, folder, previous, project="altai", verification=INTACT, upgrades=nothing)


def test_everything_that_a_release_says_of_itself_is_read(
    run: Run, intact: Path, materials: Materials
) -> None:
    inputs = collect(run, intact, ReleaseFolder(intact, load_manifest(intact)))
    assert not isinstance(inputs.descriptions, Unknown)
    assert {one.path for one in inputs.manifest.packages} == inputs.descriptions.keys()
    assert not isinstance(inputs.keys, Unknown)
    assert {(key.name, key.fingerprint) for key in inputs.keys} == {
        ("ours", materials.ours.fingerprint),
        ("epel6", materials.theirs.fingerprint),
    }
    assert not isinstance(inputs.client, Unknown)
    assert (inputs.client.name, inputs.client.url) == ("altai.repo", "https://repo.example.org/altai/1.0.2")
    assert "[altai-centos6]" in inputs.client.text
    assert inputs.documents == (SPDX_PATH, CYCLONEDX_PATH)
    assert isinstance(inputs.previous, PreviousRelease) and inputs.previous.diff.changes == ()
    # The folder of the configuration is no clone.
    assert isinstance(inputs.previous.notes, Unknown)


def test_what_cannot_be_read_is_unknown_with_its_reason(run: Run, release: Path) -> None:
    (release / "altai.repo").unlink()
    (release / "RPM-GPG-KEY-ours").write_text("no key")
    (release / SPDX_PATH).unlink()
    (release / "centos6" / "repodata" / "repomd.xml").write_text("<")
    inputs = collect(run, release)
    for part, reason in (
        (inputs.client, "altai.repo cannot be read: No such file or directory"),
        (inputs.keys, "cannot use the key file RPM-GPG-KEY-ours: "),
        (inputs.descriptions, "repomd.xml"),
    ):
        assert isinstance(part, Unknown) and reason in part.reason, part
    assert (inputs.documents, inputs.previous) == ((CYCLONEDX_PATH,), None)


def test_a_published_release_is_verified_again(run: Run, release: Path) -> None:
    (release / "notes.txt").write_text("new\n")
    reader = open_reader(run.config, (), run.reporter.warn)
    with open_catalog(run, str(release.parent)) as others:
        inputs = collect_report_again(run, reader, reader.read(release), others, ())
    assert "the file is not part of the release" in {
        finding.message for finding in inputs.verification.findings
    }
    # No other release is there, and this one follows none.
    assert not isinstance(inputs.upgrades, Unknown)
    assert (inputs.upgrades.releases, inputs.previous) == ((), None)
