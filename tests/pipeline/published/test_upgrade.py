"""The repositories that an upgrade check includes besides the release's, and releases that cannot be compared."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.errors import DistrustedError, InputError
from altai_build.model.findings import Waiver
from altai_build.model.upgrade import UpgradeOutcome
from altai_build.pipeline.published.upgrade import (
    ExternalRepositories,
    check_upgrades,
    read_external_repositories,
)
from altai_build.pipeline.run import Run
from altai_build.tools.progress import ProgressReporter
from altai_build.workspace import Workspace
from tests.kit.keys import ThrowawayKey, make_key
from tests.kit.manifests import component, manifest, package, write_manifests
from tests.kit.repositories import Package, make_repository
from tests.kit.upgrades import summarize

REPOS = """\
project: altai
targets: {{centos6: {{mock_config: el6, arch: x86_64, base: [{base}]}}}}
keys: {{altai: {{file: key, signs: true}}, os: {{file: "{key}"}}}}
repositories:
  centos6: {{source: superproject, target: centos6, key: altai}}
  deps/epel: {{source: mirror, target: centos6, key: os, url: "{folder}/epel", packages: needed}}
release: {{baseurl: "https://repo.example.org"}}
"""
NO_REPOSITORIES = ExternalRepositories(base=(), upstream=(), findings=())


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayKey:
    return make_key(tmp_path_factory.mktemp("key"), "os")


def make_run(
    folder: Path, key: ThrowawayKey, *, base: str = '{{name: os, url: "{folder}/base", key: os}}'
) -> Run:
    url = folder.as_uri()
    text = REPOS.format(base=base.format(folder=url), key=key.public, folder=url)
    (folder / "repos.yaml").write_text(text)
    return Run(
        config=load_config(folder / "repos.yaml"),
        workspace=Workspace(folder / "workspace"),
        jobs=2,
        builder="auto",
        reporter=ProgressReporter(quiet=True),
    )


def names(external: ExternalRepositories) -> tuple[list[str], list[str]]:
    return tuple([one.source.name for one in group] for group in (external.base, external.upstream))  # type: ignore[return-value]


def test_unreachable_repositories_are_replaced_by_what_is_cached(tmp_path: Path, key: ThrowawayKey) -> None:
    for name in ("base", "epel"):
        make_repository(tmp_path / name, [Package("some")], key)
    run = make_run(tmp_path, key)
    current = read_external_repositories(run)
    assert (names(current), current.findings) == ((["base/os"], ["deps/epel"]), ())
    for name in ("base", "epel"):
        (tmp_path / name).rename(tmp_path / f"{name}-gone")
    cached = read_external_repositories(run)
    assert names(cached) == names(current)
    assert [finding.message for finding in cached.findings] == [
        "the repository base/os cannot be used; its cached metadata was used",
        "the repository deps/epel cannot be used; its cached metadata was used",
    ]


def test_an_upstream_without_metadata_is_a_warning_and_base_an_error(
    tmp_path: Path, key: ThrowawayKey
) -> None:
    make_repository(tmp_path / "base", [Package("some")], key)
    run = make_run(tmp_path, key)
    found = read_external_repositories(run)
    assert names(found) == (["base/os"], [])
    assert [finding.message for finding in found.findings] == [
        "the repository deps/epel cannot be used; which packages it replaces is unknown"
    ]
    make_repository(tmp_path / "epel", [Package("some")], key)
    unknown = make_run(tmp_path, key, base='{{name: os, url: "{folder}/other", key: os}}')
    with pytest.raises(InputError, match="the repository base/os cannot be used"):
        read_external_repositories(unknown)


def test_a_repository_that_is_not_trusted_is_not_replaced_by_what_is_cached(
    tmp_path: Path, key: ThrowawayKey
) -> None:
    for name in ("base", "epel"):
        make_repository(tmp_path / name, [Package("some")], key)
    assert read_external_repositories(make_run(tmp_path, key)).findings == ()
    repomd = tmp_path / "epel/repodata/repomd.xml"
    repomd.write_bytes(repomd.read_bytes() + b"\n")
    external = read_external_repositories(make_run(tmp_path, key))
    assert (names(external), summarize(external.findings)) == (
        (["base/os"], []),
        {("error", "upstream", "deps/epel")},
    )
    assert "is not signed by its key: bad signature" in external.findings[0].message
    other = make_key(tmp_path / "other", "other")
    with pytest.raises(DistrustedError, match="the repository base/os is not trusted"):
        read_external_repositories(make_run(tmp_path, other))


def test_an_operating_system_without_repositories_is_a_warning(tmp_path: Path, key: ThrowawayKey) -> None:
    make_repository(tmp_path / "epel", [Package("some")], key)
    found = read_external_repositories(make_run(tmp_path, key, base=""))
    assert (names(found), summarize(found.findings)) == (
        ([], ["deps/epel"]),
        {("warning", "base", "base")},
    )


def release(folder: Path, version: str, *, target: str = "centos6") -> Path:
    """A release with one package, a, of the same version."""
    tiny = Package("a", version)
    written = manifest(version, [package(tiny.nevra, component("repos/a", "c" * 40))])
    write_manifests(folder, written)
    path = folder / version / "release.json"
    path.write_text(path.read_text().replace(f'"target": "{written.target}"', f'"target": "{target}"'))
    make_repository(folder / version / "centos6", [tiny])
    return folder / version


def test_each_earlier_release_is_checked_and_other_targets_are_not(tmp_path: Path, key: ThrowawayKey) -> None:
    run = make_run(tmp_path, key)
    old = [release(tmp_path, "1"), release(tmp_path, "2"), release(tmp_path, "0", target="centos5")]
    report = check_upgrades(run, old, release(tmp_path, "3"), NO_REPOSITORIES)
    assert report.releases == ("1", "2")
    assert [report.outcome(version) for version in report.releases] == [UpgradeOutcome.OK] * 2
    assert [finding.message for finding in report.findings] == [
        "it is for target centos5, 3 for target centos6: not compared"
    ]


def test_a_release_of_an_unknown_target_is_refused(tmp_path: Path, key: ThrowawayKey) -> None:
    with pytest.raises(InputError) as caught:
        check_upgrades(make_run(tmp_path, key), [], release(tmp_path, "1", target="centos5"), NO_REPOSITORIES)
    assert caught.value.what == "release 1 is for target 'centos5', which is not in repos.yaml"


def test_damaged_metadata_of_an_earlier_release_is_made_again_from_its_packages(
    tmp_path: Path, key: ThrowawayKey
) -> None:
    run = make_run(tmp_path, key)
    old, new = release(tmp_path, "3"), release(tmp_path, "2")
    shutil.rmtree(old / "centos6" / "repodata")
    report = check_upgrades(run, [old], new, NO_REPOSITORIES)
    assert summarize(report.findings) == {("error", "downgrade", "a"), ("warning", "metadata", "3/centos6")}
    (primary,) = (new / "centos6" / "repodata").glob("*-primary.xml.gz")
    primary.write_bytes(b"")
    report = check_upgrades(run, [new], release(tmp_path, "4"), NO_REPOSITORIES)
    assert summarize(report.findings) == {("warning", "metadata", "2/centos6")}
    assert report.outcome("2") is UpgradeOutcome.OK


def test_an_earlier_release_that_cannot_be_read_is_a_finding_that_can_be_waived(
    tmp_path: Path, key: ThrowawayKey
) -> None:
    run = make_run(tmp_path, key)
    good, gone, torn = (release(tmp_path, version) for version in ("1", "2", "3"))
    shutil.rmtree(gone / "centos6")
    (torn / "release.json").unlink()
    new = release(tmp_path, "4")
    report = check_upgrades(run, [good, gone, torn], new, NO_REPOSITORIES)
    assert summarize(report.findings) == {("error", "unreadable", "2"), ("error", "unreadable", "3")}
    assert report.releases == ("1",)
    waivers = tuple(
        Waiver(rule="unreadable", subject=subject, reason="no machine has it", expires=date(2999, 1, 1))
        for subject in ("2", "3")
    )
    waiving = replace(run, config=replace(run.config, waivers=waivers))
    assert check_upgrades(waiving, [good, gone, torn], new, NO_REPOSITORIES).is_ok


def test_files_are_compared_only_of_packages_that_the_key_in_their_release_signed(
    tmp_path: Path, key: ThrowawayKey
) -> None:
    run = make_run(tmp_path, key)
    stays, comes = Package("a", files={"/opt/x": "old"}), Package("b", files={"/opt/x": "new"})
    old, new = [Package("meta", "1"), stays], [Package("meta", "2", requires=["b"]), comes]
    for version, tiny in (("1", old), ("2", new)):
        packages = [package(one.nevra, component("repos/a", "c" * 40)) for one in tiny]
        write_manifests(tmp_path, manifest(version, packages))
        make_repository(tmp_path / version / "centos6", tiny, key)
        shutil.copy(key.public, tmp_path / version / "RPM-GPG-KEY-altai")
    (finding,) = check_upgrades(run, [tmp_path / "1"], tmp_path / "2", NO_REPOSITORIES).errors
    assert (finding.rule, finding.subject) == ("file-conflict", "b")
    other = make_key(tmp_path / "other", "other")
    shutil.copy(other.public, tmp_path / "1" / "RPM-GPG-KEY-altai")
    run = replace(run, workspace=Workspace(tmp_path / "workspace2"))
    (found,) = check_upgrades(run, [tmp_path / "1"], tmp_path / "2", NO_REPOSITORIES).findings[:1]
    assert (found.rule, found.severity.value, found.subject) == ("file-conflict", "error", "1")
    assert "the key of the repository centos6 did not sign 1 package from it" in found.message
