"""The log that a release has of a component's build, in a folder and on a server; and why it has none."""

from __future__ import annotations

import gzip
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.release import BuildRecord, SkippedComponent
from altai_build.pipeline.published.catalog import Catalog
from altai_build.pipeline.published.logs import fetch_released_log
from altai_build.pipeline.published.manifest_trust import ManifestReader
from altai_build.pipeline.run import Run
from tests.kit.configs import make_run
from tests.kit.manifests import manifest, package, write_manifests
from tests.kit.releases import Materials
from tests.kit.server import serving

LOG = gzip.compress(b"Executing(%build)\n")


def build(component: str, log: str, status: str = "built", reason: str = "why") -> BuildRecord:
    return BuildRecord(component=component, status=status, reason=reason, seconds=1.0, buildroot="", log=log)


@pytest.fixture
def run(materials: Materials, tmp_path: Path) -> Run:
    return make_run(tmp_path, materials)


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    release = replace(
        manifest("1.0", [package("nova-1-1.noarch")]),
        builds=(
            build("nova", "report/logs/nova.log.gz"),
            build("gone", "report/logs/gone.log.gz"),
            build("taken", "", "reused", "release 0.9 has them"),
            build("evil", "report/logs/nova.log.gz"),
            build("../../../etc/x", "report/logs/../../../etc/x.log.gz"),
        ),
        skipped=(SkippedComponent(component="bunch", reason="no spec"),),
    )
    write_manifests(folder, release)
    (folder / "1.0" / "report" / "logs").mkdir(parents=True)
    (folder / "1.0" / "report" / "logs" / "nova.log.gz").write_bytes(LOG)
    return folder


def fetch(run: Run, where: str, component: str) -> tuple[Path, list[str]]:
    warnings: list[str] = []
    with ExitStack() as stack:
        catalog = Catalog(run, where, stack)
        reader = ManifestReader((), warnings.append, catalog.find_url)
        path = fetch_released_log(catalog, reader, reader.read(catalog.find("1.0")), component)
        assert path.read_bytes() == LOG
        return path, warnings


def test_the_log_is_found_in_a_folder_and_alone_downloaded_from_a_server(run: Run, releases: Path) -> None:
    path, warnings = fetch(run, str(releases), "nova")
    assert path == releases / "1.0" / "report" / "logs" / "nova.log.gz"
    # Nobody signed the release.
    assert any("report/logs/nova.log.gz is unverified" in warning for warning in warnings)
    (releases / "1.0" / "report" / "logs" / "other.log.gz").write_bytes(LOG)
    with serving(releases) as url:
        path, warnings = fetch(run, url, "nova")
        assert not path.exists() and any("is unverified" in warning for warning in warnings)
        with pytest.raises(InputError, match="gone"):
            fetch(run, url, "gone")


@pytest.mark.parametrize(
    ("component", "what", "why"),
    [
        ("nvoa", "has no build of nvoa", "did you mean nova?"),
        ("bunch", "has no build of bunch", "skipped: no spec"),
        ("taken", "has no log of taken", "reused: release 0.9 has them"),
        ("gone", "the log of gone is missing", "does not exist"),
        ("evil", "names another file as the log of evil", "report/logs/nova.log.gz"),
        ("../../../etc/x", "names another file", "etc/x"),
    ],
)
def test_why_a_release_has_no_log(run: Run, releases: Path, component: str, what: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        fetch(run, str(releases), component)
    assert what in caught.value.what and why in caught.value.why
