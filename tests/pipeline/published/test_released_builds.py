"""Packages of a release stand for a build only if a pinned key vouches for the manifest and each of them is intact."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.pipeline.published.manifest_trust import CheckedManifest, open_reader
from altai_build.pipeline.published.released_builds import ReleasedBuilds
from altai_build.pipeline.run import Run
from tests.kit.configs import make_run
from tests.kit.releases import Materials, make_release, make_release_contents
from tests.kit.rpms import flip_last_byte


@pytest.fixture
def run(materials: Materials, tmp_path: Path) -> Run:
    return make_run(tmp_path, materials)


@pytest.fixture
def release(materials: Materials, tmp_path: Path) -> Path:
    return make_release(tmp_path / "releases" / "1.0.2", materials, make_release_contents(materials))


def check(run: Run, release: Path) -> CheckedManifest:
    return open_reader(run.config, (), run.reporter.warn).read(release)


def test_a_build_is_found_by_its_key(run: Run, release: Path) -> None:
    builds = ReleasedBuilds(run, check(run, release))
    found = builds.find("key of focus")
    assert found is not None and found.release == "1.0.2"
    assert [rpm.path for rpm in found.rpms] == [release / "centos6" / "focus-1.0-3.el6.noarch.rpm"]
    assert [str(rpm.header.nevra) for rpm in found.rpms] == ["focus-1.0-3.el6.noarch"]
    assert builds.find("key of something else") is None


@pytest.mark.parametrize("change", ["other bytes", "missing"])
def test_a_package_that_is_not_what_the_manifest_says_is_not_used(
    run: Run, release: Path, change: str
) -> None:
    builds = ReleasedBuilds(run, check(run, release))
    package = release / "centos6" / "focus-1.0-3.el6.noarch.rpm"
    content = package.read_bytes()
    package.unlink()
    if change == "other bytes":
        package.write_bytes(content)
        flip_last_byte(package)
    assert builds.find("key of focus") is None
    assert builds.find("key of bunch") is not None


def test_a_manifest_that_no_pinned_key_signed_is_refused(run: Run, release: Path) -> None:
    manifest = release / "release.json"
    manifest.write_text(manifest.read_text().replace("key of focus", "another key"))
    with pytest.raises(InputError, match=r"the packages of release 1\.0\.2 cannot be used for builds"):
        ReleasedBuilds(run, check(run, release))
