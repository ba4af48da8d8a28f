"""What a machine can install of a change: decided with the release and the operating system, or not known."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from altai_build.config import load_config
from altai_build.model.ci_result import Installable, InstallCheck
from altai_build.model.nevra import Nevra
from altai_build.pipeline import ci_install
from altai_build.pipeline.ci_install import check_installable
from altai_build.pipeline.run import Run
from altai_build.tools.progress import ProgressReporter
from altai_build.workspace import Workspace
from tests.kit.keys import ThrowawayKey, make_key
from tests.kit.repositories import Package, make_repository

REPOS = """\
project: p
targets: {{t: {{mock_config: m, arch: x86_64, base: [{base}]}}}}
keys: {{k: {{file: key, signs: true}}, os: {{file: "{key}"}}}}
repositories:
  r: {{source: superproject, target: t, key: k}}
  deps/epel: {{source: mirror, target: t, url: "{mirror}", key: os, packages: needed}}
release: {{baseurl: "https://repo.example.org"}}
"""
TOPIC = [
    Package("app", requires=["lib >= 2", "bash"]),
    Package("app-ldap", requires=["app", "python-ldap"]),
    Package("left", conflicts=["right"]),
    Package("right"),
    Package("old", version="1.0"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ThrowawayKey]:
    """A topic repository, a release and an operating system."""
    folder = tmp_path_factory.mktemp("site")
    make_repository(folder / "topic", TOPIC)
    make_repository(folder / "release", [Package("lib", version="2.0"), Package("old", version="1.1")])
    make_repository(folder / "base", [Package("bash"), Package("lib", version="1.0")])
    make_repository(folder / "mirror", [Package("python-ldap"), Package("python-other")])
    return folder, make_key(folder, "os")


def check(
    site: tuple[Path, ThrowawayKey],
    scratch: Path,
    names: Sequence[str],
    *,
    base: str | None = "base",
    has_release: bool = True,
) -> InstallCheck:
    folder, key = site
    listed = f'{{name: os, url: "{(folder / base).as_uri()}", key: os}}' if base else ""
    (scratch / "repos.yaml").write_text(
        REPOS.format(base=listed, key=key.public, mirror=(folder / "mirror").as_uri())
    )
    run = Run(
        config=load_config(scratch / "repos.yaml"),
        workspace=Workspace(scratch / "ws"),
        jobs=1,
        builder="auto",
        reporter=ProgressReporter(quiet=True),
    )
    released: Any = SimpleNamespace(repositories=(("r", folder / "release"),)) if has_release else None
    return check_installable(run, folder / "topic", names, released)


def test_packages_with_all_that_they_need_are_installable(
    site: tuple[Path, ThrowawayKey], tmp_path: Path
) -> None:
    assert check(site, tmp_path, ["app", "right"]) == InstallCheck(Installable.YES, ("app", "right"))


def test_what_nobody_provides_is_named_and_not_in_the_command(
    site: tuple[Path, ThrowawayKey], tmp_path: Path
) -> None:
    found = check(site, tmp_path, ["app", "app-ldap"])
    assert (found.answer, found.names) == (Installable.NO, ("app",))
    assert dict(found.refused) == {"app-ldap": "nothing provides python-ldap needed by app-ldap-1.0-1.noarch"}
    # Only the release has the library.
    before = check(site, tmp_path, ["app"], has_release=False)
    assert (before.answer, before.names) == (Installable.NO, ())
    assert "nothing provides lib >= 2 needed by app-1.0-1.noarch" in before.refused["app"]


def test_packages_that_exclude_each_other_have_no_command(
    site: tuple[Path, ThrowawayKey], tmp_path: Path
) -> None:
    found = check(site, tmp_path, ["left", "right"])
    assert (found.answer, found.names, dict(found.refused)) == (Installable.NO, (), {})
    assert found.reason.startswith("they exclude each other: ") and "conflicts with right" in found.reason


def test_a_higher_version_of_the_release_would_be_installed_instead(
    site: tuple[Path, ThrowawayKey], tmp_path: Path
) -> None:
    found = check(site, tmp_path, ["old", "right"])
    assert (found.answer, found.names) == (Installable.NO, ("right",))
    assert found.refused["old"] == "dnf takes old-1.1-1.noarch of r instead, because its version is higher"


def test_without_the_operating_system_nothing_is_known(
    site: tuple[Path, ThrowawayKey], tmp_path: Path
) -> None:
    """Not even of a package that requires nothing: what it conflicts with is not known either."""
    none = check(site, tmp_path, ["right"], base=None)
    assert (none.answer, none.names) == (Installable.UNKNOWN, ("right",))
    assert none.reason == (
        "no repositories of the operating system are configured (targets.t.base in repos.yaml)"
    )
    gone = check(site, tmp_path, ["app-ldap"], base="nowhere")
    assert (gone.answer, dict(gone.refused)) == (Installable.UNKNOWN, {})
    assert "base/os" in gone.reason
    empty = check(site, tmp_path, [])
    assert (empty.answer, empty.names) == (Installable.NO, ())


def test_what_waits_for_a_locked_package_is_not_known_to_be_uninstallable(
    site: tuple[Path, ThrowawayKey], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lock(*names: str) -> None:
        packages = [
            SimpleNamespace(
                nevra=Nevra(name=name, epoch=0, version="1.0", release="1", arch="noarch"),
                repository="deps/epel",
            )
            for name in names
        ]
        monkeypatch.setattr(ci_install, "load_lock", lambda path: SimpleNamespace(packages=packages))

    # What it locks is said here, so that the file need not be a whole one.
    monkeypatch.setattr(ci_install, "lock_path", lambda run: tmp_path / "repos.yaml")
    lock("python-ldap")
    found = check(site, tmp_path, ["app", "app-ldap"])
    reason = "needs packages that deps.lock.yaml locks and no release has yet (python-ldap)"
    assert found == InstallCheck(Installable.UNKNOWN, ("app",), reason=f"app-ldap {reason}")
    # Beside what nothing provides, both are named.
    mixed = check(site, tmp_path, ["app-ldap", "old"])
    assert mixed.answer is Installable.NO
    assert mixed.refused["app-ldap"] == reason and "its version is higher" in mixed.refused["old"]
    # A mirror has more than is locked, and what is released counts as released.
    lock("python-other", "lib")
    assert check(site, tmp_path, ["app-ldap"]).answer is Installable.NO
    shutil.move(site[0] / "mirror", site[0] / "gone")
    lock("python-ldap")
    shutil.rmtree(tmp_path / "ws")
    assert check(site, tmp_path, ["app-ldap"]).answer is Installable.NO
    shutil.move(site[0] / "gone", site[0] / "mirror")
