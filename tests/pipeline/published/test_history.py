"""The chain of releases: every change of a past release is found, and what the chain does not cover is said."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from altai_build.config.load import default_config
from altai_build.errors import InputError
from altai_build.model.findings import Severity, Waiver, select_errors
from altai_build.model.release import FollowedRelease
from altai_build.model.trust import TrustLevel
from altai_build.pipeline.published.catalog import open_catalog
from altai_build.pipeline.published.history import (
    HistoryReport,
    choose_followed_releases,
    verify_history,
)
from altai_build.pipeline.run import Run
from altai_build.tools import process
from altai_build.tools.openpgp.signing import SigningKey
from altai_build.tools.progress import ProgressReporter
from altai_build.workspace import Workspace
from tests.kit.chains import (
    MUTATIONS,
    Mutation,
    follow,
    make_chain,
    point_latest,
    write_manifest,
    write_release,
)
from tests.kit.keys import make_key, signing_key
from tests.kit.manifests import manifest
from tests.kit.server import serving


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningKey]:
    with signing_key(make_key(tmp_path_factory.mktemp("keys"), "ours")) as made:
        yield made


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory, key: SigningKey) -> Path:
    releases = tmp_path_factory.mktemp("chain") / "releases"
    make_chain(releases, 6, key)
    return releases


@pytest.fixture
def releases(pristine: Path, tmp_path: Path) -> Path:
    """A copy of its own of six releases, in which packages are shared."""
    copy = tmp_path / "releases"
    # Like shutil.copytree, but files that are links to one another stay so.
    process.run(["cp", "--archive", str(pristine), str(copy)])
    return copy


def check(where: Path | str, *keys: Path, folder: Path, waivers: tuple[Waiver, ...] = ()) -> HistoryReport:
    run = Run(
        config=default_config(folder),
        workspace=Workspace(folder / "workspace"),
        jobs=2,
        builder="auto",
        reporter=ProgressReporter(quiet=True),
    )
    with open_catalog(run, str(where)) as catalog:
        return verify_history(catalog, pinned_keys=keys, waivers=waivers)


def test_an_unbroken_chain_has_no_findings(releases: Path, key: SigningKey, tmp_path: Path) -> None:
    report = check(releases, key.file, folder=tmp_path)
    assert report == HistoryReport(
        releases=tuple(f"1.0.{number}" for number in range(6)),
        unchained=(),
        trust=TrustLevel.PINNED,
        findings=(),
    )
    assert check(releases, folder=tmp_path).trust is TrustLevel.OWN_KEYS


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_every_change_of_the_past_is_found(
    mutation: Mutation, releases: Path, key: SigningKey, tmp_path: Path
) -> None:
    made = [releases / f"1.0.{number}" for number in range(6)]
    mutation.apply(releases, made, key)
    report = check(releases, key.file, folder=tmp_path)
    assert not report.is_ok
    assert mutation.subject(made) in {finding.subject for finding in select_errors(report.findings)}


def test_the_last_release_counts_by_the_pinned_key_alone(releases: Path, tmp_path: Path) -> None:
    """Older ones by the digest that it names: their key may be retired."""
    with signing_key(make_key(tmp_path, "next")) as successor:
        last = write_release(releases, "1.0.6", successor, releases / "1.0.5")
        point_latest(releases, "1.0.6")
        assert check(releases, successor.file, folder=tmp_path).findings == ()
    other = make_key(tmp_path, "other").public
    (finding,) = check(releases, other, folder=tmp_path).findings
    assert (finding.subject, finding.severity) == (f"{last.name}/SHA256SUMS", Severity.ERROR)
    assert "no pinned key signed it" in finding.message


def test_releases_of_earlier_versions_are_named_by_the_first_that_names_any(
    tmp_path: Path, key: SigningKey
) -> None:
    releases = tmp_path / "releases"
    old = [write_release(releases, version, key) for version in ("0.1", "0.2")]
    for folder in old:
        write_manifest(folder, replace(manifest(folder.name, []), follows=None), key)
        shutil.rmtree(folder / "centos6")
        write_manifest(folder, replace(manifest(folder.name, []), follows=None), key)
    point_latest(releases, "0.2")
    report = check(releases, key.file, folder=tmp_path)
    assert report.is_ok and report.unchained == ("0.1", "0.2")
    assert [(finding.subject, finding.severity) for finding in report.findings] == [
        ("0.1", Severity.WARNING),
        ("0.2", Severity.WARNING),
    ]
    assert "not part of a chain" in report.findings[0].message
    followed = choose_followed_releases(releases, ["0.1", "0.2"], "0.2", pytest.fail)
    assert followed == (follow(old[0]), follow(old[1]))
    write_release(releases, "0.3", key, *old)
    point_latest(releases, "0.3")
    assert check(releases, key.file, folder=tmp_path).findings == ()
    write_manifest(old[0], replace(manifest("0.1", []), follows=None, target="other"), key)
    assert [finding.subject for finding in check(releases, key.file, folder=tmp_path).findings] == ["0.1"]


def test_a_release_of_an_older_series_follows_the_last_one_too(releases: Path, key: SigningKey) -> None:
    names = [f"1.0.{number}" for number in range(6)]
    followed = choose_followed_releases(releases, names, "1.0.2", pytest.fail)
    assert followed == (follow(releases / "1.0.2"), follow(releases / "1.0.5"))
    assert choose_followed_releases(releases, (), None, pytest.fail) == ()


def test_the_next_release_warns_of_a_broken_chain_and_refuses_one_without_checksums(releases: Path) -> None:
    warnings: list[str] = []
    names = [f"1.0.{number}" for number in (0, 1, 3, 4, 5)]
    followed = choose_followed_releases(releases, names, "1.0.5", warnings.append)
    assert followed == (follow(releases / "1.0.1"), follow(releases / "1.0.5"))
    (warning,) = warnings
    assert warning.startswith("release 1.0.2: the release is missing: 1.0.3 follows it")
    (releases / "1.0.5" / "SHA256SUMS").unlink()
    with pytest.raises(InputError, match=r"release 1\.0\.5 has no SHA256SUMS"):
        choose_followed_releases(releases, names, "1.0.5", warnings.append)


def test_on_a_server_all_but_the_packages_is_checked(releases: Path, key: SigningKey, tmp_path: Path) -> None:
    with serving(releases) as url:
        assert check(url, key.file, folder=tmp_path).findings == ()
        (releases / "1.0.3" / "RPM-GPG-KEY-altai").write_text("another key\n")
        (releases / "1.0.2" / "release.json").write_text("{}")
        subjects = {finding.subject for finding in check(url, key.file, folder=tmp_path).findings}
    assert {"1.0.3/RPM-GPG-KEY-altai", "1.0.2/release.json"} <= subjects


def test_a_waiver_accepts_a_release_that_was_removed_on_purpose(
    releases: Path, key: SigningKey, tmp_path: Path
) -> None:
    shutil.rmtree(releases / "1.0.0")
    waiver = Waiver(rule="history", subject="1.0.0", reason="removed to save space", expires=date.max)
    report = check(releases, key.file, folder=tmp_path, waivers=(waiver,))
    assert report.is_ok and [finding.severity for finding in report.findings] == [Severity.NOTE]


def test_no_release_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are no releases in"):
        check(tmp_path, folder=tmp_path)


def test_a_release_that_claims_to_follow_itself_ends_the_search(tmp_path: Path, key: SigningKey) -> None:
    releases = tmp_path / "releases"
    folder = write_release(releases, "1.0", key)
    claimed = (FollowedRelease(version="1.0", sha256="a" * 64),)
    write_manifest(folder, replace(manifest("1.0", []), follows=claimed), key)
    assert not check(releases, key.file, folder=tmp_path).is_ok
