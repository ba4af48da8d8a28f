"""What a second site remembers: rollbacks, forks and freezes are found, and nothing unproved is remembered."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timezone
from pathlib import Path

import pytest

from altai_build.config.load import default_config
from altai_build.errors import InputError
from altai_build.model.findings import Finding, Severity, VerificationReport, Waiver
from altai_build.model.trust import TrustLevel
from altai_build.pipeline.published.remembered import (
    RememberedRelease,
    RememberedVerification,
    read_remembered,
    verify_remembered,
)
from altai_build.pipeline.run import Run
from altai_build.tools.openpgp.signing import SigningKey
from altai_build.tools.progress import ProgressReporter
from altai_build.tools.sealed_json import dump_sealed
from altai_build.workspace import Workspace
from tests.kit.chains import follow, make_chain, write_manifest, write_release
from tests.kit.keys import make_key, signing_key
from tests.kit.manifests import manifest
from tests.kit.server import serving

NOW = datetime(2026, 11, 27, tzinfo=timezone.utc)
SOUND = VerificationReport(release="", findings=(), trust=TrustLevel.PINNED)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningKey]:
    with signing_key(make_key(tmp_path_factory.mktemp("keys"), "ours")) as made:
        yield made


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory, key: SigningKey) -> Path:
    releases = tmp_path_factory.mktemp("chain") / "releases"
    make_chain(releases, 5, key)
    return releases


@pytest.fixture
def releases(pristine: Path, tmp_path: Path) -> Path:
    return shutil.copytree(pristine, tmp_path / "releases", symlinks=True)


def look(
    release: Path,
    *,
    verified: VerificationReport = SOUND,
    named: str = "",
    waivers: tuple[Waiver, ...] = (),
    now: datetime = NOW,
) -> RememberedVerification:
    """Verify a release with the memory beside the releases."""
    folder = release.parent.parent
    run = Run(
        config=replace(default_config(folder), waivers=waivers),
        workspace=Workspace(folder / "workspace"),
        jobs=2,
        builder="auto",
        reporter=ProgressReporter(quiet=True),
    )
    return verify_remembered(
        run, release, verified, file=folder / "seen", named=named or str(release), where=None, now=now
    )


def errors(answer: RememberedVerification) -> list[str]:
    assert all(finding.severity is Severity.ERROR for finding in answer.verification.findings)
    return [
        f"{finding.rule} {finding.subject}: {finding.message}" for finding in answer.verification.findings
    ]


def test_the_highest_release_is_remembered(releases: Path, tmp_path: Path) -> None:
    first = look(releases / "1.0.1")
    seen = RememberedRelease("1.0.1", follow(releases / "1.0.1").sha256, True, None)
    assert (first.before, first.now, errors(first)) == (None, seen, [])
    assert read_remembered(tmp_path / "seen") == seen
    assert look(releases / "1.0.1").before == seen
    later = look(releases / "1.0.4")
    assert errors(later) == [] and later.now is not None and later.now.release == "1.0.4"


def test_an_older_release_is_a_rollback_that_does_not_change_the_memory(
    releases: Path, tmp_path: Path
) -> None:
    look(releases / "1.0.4")
    before = (tmp_path / "seen").read_bytes()
    rollback = ["rollback 1.0.2: the release is older than 1.0.4, which was seen before"]
    assert errors(look(releases / "1.0.2")) == rollback
    assert errors(look(releases / "1.0.2")) == rollback
    assert (tmp_path / "seen").read_bytes() == before
    waiver = Waiver(rule="rollback", subject="1.0.2", reason="1.0.4 is broken", expires=date.max)
    accepted = look(releases / "1.0.2", waivers=(waiver,))
    assert accepted.verification.is_ok and accepted.now is not None and accepted.now.release == "1.0.2"


def test_the_same_version_with_other_content_is_a_fork(releases: Path, key: SigningKey) -> None:
    look(releases / "1.0.4")
    shutil.rmtree(releases / "1.0.4")
    write_release(releases, "1.0.4", key, releases / "1.0.3", target="other")
    (message,) = errors(look(releases / "1.0.4"))
    assert message.startswith("fork 1.0.4: the release has other content than when it was seen before")


@pytest.mark.parametrize("served", [False, True])
def test_a_newer_release_has_to_follow_the_remembered_one(
    served: bool, releases: Path, key: SigningKey
) -> None:
    look(releases / "1.0.1")
    with serving(releases) as url:
        named = f"{url}/latest/" if served else ""
        # By way of 1.0.2 and 1.0.3, which are read too.
        (releases / "1.0.3").rename(releases / "aside")
        (message,) = errors(look(releases / "1.0.4", named=named))
        assert message.startswith("fork 1.0.4: whether it follows 1.0.1, which was seen before, is unknown: ")
        (releases / "aside").rename(releases / "1.0.3")
        text = (releases / "1.0.3" / "release.json").read_text()
        (releases / "1.0.3" / "release.json").write_text(text.replace("centos6", "centos7"))
        (message,) = errors(look(releases / "1.0.4", named=named))
        assert "is unknown: release.json of release 1.0.3 is not the one in SHA256SUMS" in message
        (releases / "1.0.3" / "release.json").write_text(text)
        assert errors(look(releases / "1.0.4", named=named)) == []
    look(releases / "1.0.4")
    write_release(releases, "1.1", key, releases / "1.0.3")
    assert errors(look(releases / "1.1")) == ["fork 1.1: it does not follow 1.0.4, which was seen before"]
    shutil.rmtree(releases / "1.0.4")
    write_release(releases, "1.0.4", key, releases / "1.0.3", target="other")
    write_release(releases, "1.2", key, releases / "1.0.4")
    assert errors(look(releases / "1.2")) == [
        "fork 1.2: it follows another 1.0.4 than the one that was seen before"
    ]


def test_a_release_outside_the_chain_is_an_error_after_one_that_is_inside(
    releases: Path, key: SigningKey
) -> None:
    for version in ("2.0", "2.1"):
        folder = write_release(releases, version, key)
        write_manifest(folder, replace(manifest(version, []), follows=None), key)
    look(releases / "1.0.4")
    (message,) = errors(look(releases / "2.0"))
    assert message.startswith("fork 2.0: it does not name the releases that it follows; ")
    (releases.parent / "seen").unlink()
    look(releases / "2.0")
    outside = look(releases / "2.1")
    assert [finding.severity for finding in outside.verification.findings] == [Severity.WARNING]
    assert outside.now is not None and outside.now.release == "2.1"


def test_a_release_that_is_not_replaced_in_time_is_a_freeze(
    releases: Path, key: SigningKey, tmp_path: Path
) -> None:
    write_release(releases, "1.0.5", key, releases / "1.0.4", expected_by="2026-12-01T00:00:00Z")
    assert errors(look(releases / "1.0.5")) == []
    december = datetime(2026, 12, 2, tzinfo=timezone.utc)
    late = (
        "a release after it was expected by 2026-12-01T00:00:00Z: this copy may be kept from the newest one"
    )
    freeze = f"freeze 1.0.5: {late}"
    assert errors(look(releases / "1.0.5", now=december)) == [freeze]
    # Nor does an older release make anybody forget it.
    rollback = "rollback 1.0.4: the release is older than 1.0.5, which was seen before"
    assert errors(look(releases / "1.0.4", now=december)) == [rollback, freeze]
    write_release(releases, "1.0.6", key, releases / "1.0.5")
    assert errors(look(releases / "1.0.6", now=december)) == []


def test_what_is_not_sound_and_signed_by_a_pinned_key_is_not_remembered(
    releases: Path, tmp_path: Path
) -> None:
    broken = replace(SOUND, findings=(Finding("checksums", Severity.ERROR, "x", "y"),))
    assert look(releases / "1.0.4", verified=broken).now is None
    assert look(releases / "1.0.4", verified=replace(broken, trust=TrustLevel.UNVERIFIED)).now is None
    own_keys = look(releases / "1.0.4", verified=replace(SOUND, trust=TrustLevel.OWN_KEYS))
    assert own_keys.now is None and not own_keys.verification.is_ok
    assert not (tmp_path / "seen").exists()
    look(releases / "1.0.4")
    older = look(releases / "1.0.3", verified=broken)
    assert [finding.rule for finding in older.verification.findings] == ["checksums", "rollback"]


def test_a_damaged_memory_is_never_taken_for_none(releases: Path, tmp_path: Path) -> None:
    look(releases / "1.0.4")
    file = tmp_path / "seen"
    whole = file.read_bytes()
    for damaged in (b"", whole[:-1], whole.replace(b"1.0.4", b"1.0.1"), b'{"release": "1.0.1"}'):
        file.write_bytes(damaged)
        with pytest.raises(InputError, match="is damaged"):
            look(releases / "1.0.4")
        assert file.read_bytes() == damaged
    file.unlink()
    file.mkdir()
    with pytest.raises(InputError, match="cannot read"):
        read_remembered(file)
    with pytest.raises(InputError, match="cannot remember anything"):
        read_remembered(tmp_path / "none" / "seen")
    link = tmp_path / "link"
    link.symlink_to("not mounted")
    with pytest.raises(InputError, match="cannot read"):
        read_remembered(link)


@pytest.mark.parametrize(
    "change",
    [
        {"release": 5},
        {"release": None},
        {"release": "../1.0"},
        {"sha256": []},
        {"chained": "no"},
        {"expected_by": "tomorrow"},
        {"expected_by": 5},
        {"more": 1},
    ],
)
def test_a_memory_that_altai_build_does_not_write_is_damaged(
    tmp_path: Path, change: dict[str, object]
) -> None:
    fields = {"release": "1.0.4", "sha256": "a" * 64, "chained": True, "expected_by": None}
    (tmp_path / "seen").write_bytes(dump_sealed(fields))
    assert read_remembered(tmp_path / "seen") == RememberedRelease("1.0.4", "a" * 64, True, None)
    (tmp_path / "seen").write_bytes(dump_sealed({**fields, **change}))
    with pytest.raises(InputError, match="is damaged"):
        read_remembered(tmp_path / "seen")
