"""Packages that nobody could install are found, one by one, with what they lack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import DistrustedError, InputError
from altai_build.model.compat import Compat
from altai_build.model.findings import Severity
from altai_build.rules.view import VerifyContext
from altai_build.tools.repo.metadata import RepositoryMetadata, RepositorySource, fetch_metadata
from altai_build.tools.repo.repodata import write_repodata
from tests.kit.findings import findings, messages_by_subject
from tests.kit.releases import Materials, make_release, make_release_contents, sign, with_packages
from tests.kit.rpms import build_rpm


@pytest.fixture
def base(tmp_path: Path) -> RepositoryMetadata:
    """The system: one package that has a file, and one that takes the place of another."""
    folder = tmp_path / "base"
    build_rpm(folder, "bash", "4.2", files={"/bin/bash": "shell\n", "/etc/skel/x": "x\n"})
    build_rpm(folder, "newer", "2", obsoletes=["older"], provides=["older = 2"])
    for source in folder.glob("*.src.rpm"):
        source.unlink()
    write_repodata(folder, epoch=1, compat=Compat.EL6)
    source_of = RepositorySource(
        name="centos6", urls=(folder.as_uri(),), check_packages=False, check_metadata=False, keys=()
    )
    return fetch_metadata(source_of, tmp_path / "metadata")


def release_with(folder: Path, materials: Materials, **requires: list[str]) -> Path:
    rpms = [build_rpm(folder / name, name, requires=needed).binary for name, needed in requires.items()]
    sign(materials, *rpms)
    return make_release(
        folder / "1.0.2", materials, with_packages(make_release_contents(materials), "centos6", *rpms)
    )


def test_what_is_in_the_release_or_in_the_system_is_there(
    materials: Materials, base: RepositoryMetadata, tmp_path: Path
) -> None:
    needs = ["focus >= 1.0", "bash >= 4", "/bin/bash", "/etc/skel/x", "erlang", "(bash if focus)"]
    release = release_with(tmp_path, materials, wants=needs)
    assert findings(release, "closure", VerifyContext(base=lambda: (base,), cache=tmp_path / "solv")) == []


def test_what_a_machine_with_a_package_of_the_system_needs_must_be_there(
    materials: Materials, base: RepositoryMetadata, tmp_path: Path
) -> None:
    """The package alone can be installed; where bash is, it cannot."""
    release = release_with(tmp_path, materials, wants=["(plugin if bash)", "(plugin if nothing-has-this)"])
    messages = messages_by_subject(release, "closure", VerifyContext(base=lambda: (base,)))
    assert messages == {
        "centos6/wants-1.0-1.noarch.rpm": "it requires (plugin if bash), and plugin cannot be installed: "
        "nothing provides requested plugin"
    }
    assert findings(release, "closure", VerifyContext(base=lambda: ())) == []


def test_metadata_of_every_compression_is_read(
    materials: Materials, base: RepositoryMetadata, tmp_path: Path
) -> None:
    lost = build_rpm(tmp_path / "lost", "lost", requires=["wxGTK"]).binary
    sign(materials, lost)
    plan = replace(with_packages(make_release_contents(materials), "centos6", lost), compat=Compat.MODERN)
    release = make_release(tmp_path / "1.0.2", materials, plan)
    assert list((release / "centos6" / "repodata").glob("*-primary.xml.zst"))
    assert set(messages_by_subject(release, "closure", VerifyContext(base=lambda: (base,)))) == {
        f"centos6/{lost.name}"
    }


def test_missing_requirements_are_reported_for_each_package(
    materials: Materials, base: RepositoryMetadata, tmp_path: Path
) -> None:
    release = release_with(
        tmp_path, materials, lost=["wxGTK >= 2.8"], behind=["lost"], new=["bash >= 5"], well=["bash"]
    )
    answer = messages_by_subject(release, "closure", VerifyContext(base=lambda: (base,)))
    assert set(answer) == {f"centos6/{name}-1.0-1.noarch.rpm" for name in ("lost", "behind", "new")}
    assert (
        "nothing provides wxGTK >= 2.8 needed by lost-1.0-1.noarch" in answer["centos6/lost-1.0-1.noarch.rpm"]
    )
    assert "nothing provides wxGTK" in answer["centos6/behind-1.0-1.noarch.rpm"]
    assert "nothing provides bash >= 5 needed by new-1.0-1.noarch" in answer["centos6/new-1.0-1.noarch.rpm"]


def test_packages_that_exclude_one_another_are_each_installable(
    materials: Materials, base: RepositoryMetadata, tmp_path: Path
) -> None:
    rpms = [
        build_rpm(tmp_path / "a", "left", conflicts=["right"]).binary,
        build_rpm(tmp_path / "b", "right").binary,
    ]
    sign(materials, *rpms)
    release = make_release(
        tmp_path / "1.0.2", materials, with_packages(make_release_contents(materials), "centos6", *rpms)
    )
    assert messages_by_subject(release, "closure", VerifyContext(base=lambda: (base,))) == {}


def test_without_the_system_one_warning_says_so(materials: Materials, tmp_path: Path) -> None:
    release = release_with(tmp_path, materials, one=["bash"], two=["bash"])
    (finding,) = findings(release, "closure")
    assert (finding.subject, finding.severity) == ("1.0.2", Severity.WARNING)
    assert finding.message == (
        "no repositories of the operating system are configured (targets.NAME.base in repos.yaml); the release alone "
        "does not meet the requirements of 2 packages: centos6/one-1.0-1.noarch.rpm, centos6/two-1.0-1.noarch.rpm"
    )


def test_a_system_that_is_not_trusted_is_an_error_whatever_the_release_needs(
    materials: Materials, tmp_path: Path
) -> None:
    def distrusted() -> tuple[RepositoryMetadata, ...]:
        raise DistrustedError("the repository os is not trusted", why="no key\nno signature", todo="ask")

    release = make_release(tmp_path / "1.0.2", materials, make_release_contents(materials))
    (finding,) = findings(release, "closure", VerifyContext(base=distrusted))
    assert (finding.subject, finding.severity, finding.fix) == ("1.0.2", Severity.ERROR, "ask")
    assert finding.message == "the repository os is not trusted; no key; no signature"


def test_a_system_that_cannot_be_reached_is_a_warning_with_the_reason(
    materials: Materials, tmp_path: Path
) -> None:
    def offline() -> tuple[RepositoryMetadata, ...]:
        raise InputError("the repository os cannot be used", why="no route to host")

    release = release_with(tmp_path, materials, one=["bash"])
    (finding,) = findings(release, "closure", VerifyContext(base=offline))
    assert finding.severity is Severity.WARNING
    assert finding.message.startswith(
        "the repository os cannot be used; no route to host; the release alone does not meet the requirements of 1"
    )
