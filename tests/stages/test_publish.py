"""A release is published completely or not at all, wherever its process is killed."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from altai_build.errors import InputError, PublishError
from altai_build.stages.publish import (
    Recovery,
    UnfinishedPublicationError,
    compare_releases,
    finish_publications,
    list_releases,
    publish,
    recover,
    staging,
)
from altai_build.tools import notices
from tests.conftest import Require

ROOT = Path(__file__).resolve().parents[2]
NOTHING = Recovery(finished=(), removed=())


def make(releases: Path, version: str) -> Path:
    with staging(releases, version) as folder:
        (folder / "release.json").write_text(version)
        (folder / "centos6").mkdir()
        (folder / "centos6" / "a.rpm").write_text(version)
        return publish(folder, releases, version, judged_against=list_releases(releases))


def names(releases: Path) -> list[str]:
    return sorted(entry.name for entry in releases.iterdir())


def test_a_release_is_renamed_into_place_and_latest_leads_to_it(tmp_path: Path) -> None:
    releases = tmp_path / "releases"
    assert make(releases, "1.0.0") == releases / "1.0.0"
    assert names(releases) == ["1.0.0", "latest"]
    assert os.readlink(releases / "latest") == "1.0.0"
    assert (releases / "latest" / "centos6" / "a.rpm").read_text() == "1.0.0"
    assert (releases / "1.0.0").stat().st_mode & 0o777 == 0o755
    make(releases, "1.0.1")
    assert os.readlink(releases / "latest") == "1.0.1"


def test_latest_stays_when_an_older_series_gets_a_fix(tmp_path: Path) -> None:
    for version in ("1.1.0", "1.0.10", "1.0.9"):
        make(tmp_path, version)
    assert os.readlink(tmp_path / "latest") == "1.1.0"
    assert list_releases(tmp_path) == ("1.0.9", "1.0.10", "1.1.0")


def test_a_published_version_is_refused_and_does_not_change(tmp_path: Path) -> None:
    make(tmp_path, "1.0.0")
    inode = (tmp_path / "1.0.0" / "release.json").stat().st_ino
    with pytest.raises(PublishError, match=r"release 1\.0\.0 exists"), staging(tmp_path, "1.0.0"):
        raise AssertionError("never reached")
    with staging(tmp_path, "1.0.1") as folder:
        (folder / "release.json").write_text("late")
        make(tmp_path, "1.0.2")
        with pytest.raises(PublishError, match=r"release 1\.0\.0 exists"):
            publish(folder, tmp_path, "1.0.0", judged_against=("1.0.0", "1.0.2"))
    assert (tmp_path / "1.0.0" / "release.json").stat().st_ino == inode
    assert names(tmp_path) == ["1.0.0", "1.0.2", "latest"]


@pytest.mark.parametrize("version", ["", "../x", "a/b", ".hidden", "-x", "latest", "a\nb", "1.0-foo"])
def test_a_version_that_has_no_place_among_others_is_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(InputError, match="is not a version for a release"), staging(tmp_path, version):
        raise AssertionError("never reached")
    assert names(tmp_path) == []


def test_a_failure_before_publication_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), staging(tmp_path, "1.0.0") as folder:
        (folder / "x").write_text("x")
        raise RuntimeError
    assert names(tmp_path) == []


def test_a_failed_rename_changes_no_published_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "1.0.0")

    def full(_source: object, _target: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path))

    with staging(tmp_path, "1.0.1") as folder:
        (folder / "release.json").write_text("x")
        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", full)
            with pytest.raises(PublishError, match="could not be published") as caught:
                publish(folder, tmp_path, "1.0.1", judged_against=("1.0.0",))
    assert "No space left on device" in caught.value.why
    assert recover(tmp_path) == NOTHING
    assert names(tmp_path) == ["1.0.0", "latest"]
    assert os.readlink(tmp_path / "latest") == "1.0.0"


KILLED = """
import os, sys
from pathlib import Path
from altai_build.stages import publish
releases, where, call = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
seen = 0
real = getattr(os, where)
def deadly(*words, **more):
    global seen
    seen += 1
    if seen == call:
        os.kill(os.getpid(), 9)
    return real(*words, **more)
setattr(os, where, deadly)
with publish.staging(releases, "1.0.1") as folder:
    (folder / "release.json").write_text("1.0.1")
    publish.publish(folder, releases, "1.0.1", judged_against=("1.0.0",))
"""


@pytest.mark.parametrize(
    ("where", "calls"),
    [("fsync", 5), ("symlink", 1), ("rename", 1), ("replace", 1), ("open", 8), ("close", 8)],
)
def test_a_kill_at_any_point_shows_the_old_or_new_state_and_the_next_run_finishes(
    tmp_path: Path, where: str, calls: int
) -> None:
    """Each call of each system function in turn is the last thing the process does before SIGKILL."""
    deaths = 0
    for call in range(1, calls + 1):
        releases = tmp_path / f"{call}"
        make(releases, "1.0.0")
        child = subprocess.run(
            [sys.executable, "-c", KILLED, str(releases), where, str(call)],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
        deaths += child.returncode == -9
        whole = (releases / "1.0.1" / "release.json").is_file()
        assert (releases / "1.0.1").exists() == whole
        assert os.readlink(releases / "latest") in (("1.0.0", "1.0.1") if whole else ("1.0.0",))
        recover(releases)
        if not whole:
            assert names(releases) == ["1.0.0", "latest"]
            make(releases, "1.0.1")
        assert names(releases) == ["1.0.0", "1.0.1", "latest"]
        assert os.readlink(releases / "latest") == "1.0.1"
        assert recover(releases) == NOTHING
    assert deaths == calls


WAITING = """
import sys
from pathlib import Path
from altai_build.stages.publish import staging
with staging(Path(sys.argv[1]), "2.0.0") as folder:
    print(folder.name, flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_run(releases: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that holds a staging folder, and the folder's name."""
    with subprocess.Popen(
        [sys.executable, "-c", WAITING, str(releases)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as child:
        assert child.stdout is not None
        yield child, child.stdout.readline().strip()
        child.kill()


def test_only_staging_folders_of_ended_processes_are_removed(tmp_path: Path) -> None:
    with another_run(tmp_path) as (child, name):
        assert recover(tmp_path) == NOTHING
        assert names(tmp_path) == [name]
        child.kill()
        child.wait()
        assert recover(tmp_path) == Recovery(finished=(), removed=(name,))
    assert names(tmp_path) == []


def test_recover_leaves_other_files_alone(tmp_path: Path) -> None:
    make(tmp_path, "1.0.0")
    (tmp_path / ".git").mkdir()
    (tmp_path / "1.0.1.staging-x").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".1.0.1.staging-x").symlink_to("elsewhere")
    before = names(tmp_path)
    assert recover(tmp_path) == NOTHING
    assert names(tmp_path) == before
    assert recover(tmp_path / "gone") == NOTHING
    assert list_releases(tmp_path) == ("1.0.0",)
    assert list_releases(tmp_path / "gone") == ()


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path) -> None:
    make(tmp_path, "1.0.0")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python ignores SIGXFSZ, so that a write fails with an error.
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(PublishError) as caught, staging(tmp_path, "1.0.1") as folder:
            (folder / "release.json").write_text("much more than ten bytes")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.why.endswith("File too large")
    assert names(tmp_path) == ["1.0.0", "latest"]


def test_a_read_only_folder_is_reported(tmp_path: Path, require: Require) -> None:
    require(os.geteuid() == 0, "mounting needs root")
    script = 'mount -t tmpfs -o ro none $1 && exec $0 -c "$2" $1'
    program = (
        "import sys; from pathlib import Path; from altai_build.stages.publish import staging\n"
        "from altai_build.errors import PublishError\n"
        "try:\n    with staging(Path(sys.argv[1]), '1.0.0'): pass\n"
        "except PublishError as error: print(error.why)"
    )
    result = subprocess.run(
        ["unshare", "--mount", "bash", "-c", script, sys.executable, str(tmp_path), program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.endswith(": Read-only file system\n")


def test_versions_are_ordered_as_a_person_means_them(tmp_path: Path) -> None:
    for version in ("1.0.0", "v1.0.1", "2.0-rc1"):
        make(tmp_path, version)
    assert os.readlink(tmp_path / "latest") == "2.0-rc1"
    make(tmp_path, "2.0")
    assert os.readlink(tmp_path / "latest") == "2.0"
    make(tmp_path, "2.0.1~beta2")
    assert list_releases(tmp_path) == ("1.0.0", "v1.0.1", "2.0-rc1", "2.0", "2.0.1~beta2")


@pytest.mark.parametrize("version", ["2.00", "2.0.0", "v2", "2.0-final"])
def test_another_spelling_of_a_published_version_is_refused(tmp_path: Path, version: str) -> None:
    make(tmp_path, "2.0")
    with pytest.raises(PublishError, match=r"release 2\.0 exists, and .* is the same version"):
        make(tmp_path, version)


def test_folders_that_other_programs_made_have_an_order_too(tmp_path: Path) -> None:
    for name in ("2.0", "2.00", "2.0-foo", "1.9"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "release.json").write_text("{}")
    assert list_releases(tmp_path) == ("1.9", "2.0", "2.00", "2.0-foo")
    assert compare_releases("2.0", "2.00") < 0 < compare_releases("2.00", "2.0")


def test_a_damaged_release_is_still_listed(tmp_path: Path) -> None:
    make(tmp_path, "1.0.0")
    (tmp_path / "1.0.0" / "SHA256SUMS").write_text("")
    (tmp_path / "1.0.0" / "release.json").unlink()
    assert list_releases(tmp_path) == ("1.0.0",)


@pytest.mark.parametrize("changed", ["published", "removed"])
def test_a_release_is_refused_when_others_than_it_was_compared_with_are_published(
    tmp_path: Path, changed: str
) -> None:
    make(tmp_path, "1.0.1")
    before = list_releases(tmp_path)
    if changed == "published":
        make(tmp_path, "1.0.2")
    else:
        (tmp_path / "1.0.1").rename(tmp_path / "elsewhere")
        (tmp_path / "elsewhere" / "release.json").unlink()
    with staging(tmp_path, "1.0.3") as folder:
        (folder / "release.json").write_text("1.0.3")
        with pytest.raises(PublishError, match="the published releases changed while it was made") as caught:
            publish(folder, tmp_path, "1.0.3", judged_against=before)
    assert caught.value.why in ("1.0.2 was published", "1.0.1 was removed")
    assert "1.0.3" not in list_releases(tmp_path)


@pytest.mark.parametrize(("where", "call"), [("fsync", 4), ("fsync", 5), ("replace", 1)])
def test_an_error_after_the_release_is_in_place_says_so_and_is_repaired_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, call: int
) -> None:
    make(tmp_path, "1.0.0")
    calls = 0
    real = getattr(os, where)

    def failing(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == call:
            raise OSError(errno.EIO, "Input/output error")
        return real(*arguments)

    with staging(tmp_path, "1.0.1") as folder:
        (folder / "release.json").write_text("1.0.1")
        with monkeypatch.context() as patch:
            patch.setattr(os, where, failing)
            with pytest.raises(UnfinishedPublicationError, match=r"release 1\.0\.1 is published") as caught:
                publish(folder, tmp_path, "1.0.1", judged_against=("1.0.0",))
    assert "not changed" not in str(caught.value)
    assert (tmp_path / "1.0.1").is_dir()
    finish_publications(tmp_path)
    assert os.readlink(tmp_path / "latest") == "1.0.1"
    assert names(tmp_path) == ["1.0.0", "1.0.1", "latest"]


def test_a_publication_under_way_is_left_to_its_process(tmp_path: Path) -> None:
    make(tmp_path, "1.0.0")
    (tmp_path / ".latest.1.0.0.next").symlink_to("1.0.0")
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert finish_publications(tmp_path) == ()
    os.close(descriptor)
    assert finish_publications(tmp_path) == ("1.0.0",)
    assert finish_publications(tmp_path / "gone") == ()


def test_a_run_that_waits_for_another_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    said = []

    def listen(text: str) -> None:
        said.append(text)
        os.close(descriptor)  # the other run has ended

    monkeypatch.setattr(notices, "_information_listeners", [listen])
    make(tmp_path, "1.0.0")
    assert said == [f"waiting for another run that is changing {tmp_path}"]
    assert names(tmp_path) == ["1.0.0", "latest"]


def test_an_earlier_interrupted_publication_does_not_win_over_a_later_one(tmp_path: Path) -> None:
    make(tmp_path, "1.0.9")
    (tmp_path / ".latest.1.0.9.next").symlink_to("1.0.9")
    make(tmp_path, "1.0.10")
    assert os.readlink(tmp_path / "latest") == "1.0.10"
    assert names(tmp_path) == ["1.0.10", "1.0.9", "latest"]


def test_a_folder_of_releases_that_cannot_be_made_is_a_refused_publication(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PublishError, match=r"release 1\.0\.0 could not be published"):
        make(tmp_path / "file" / "releases", "1.0.0")


@pytest.mark.parametrize("umask", [0o077, 0o000])
def test_the_folders_of_releases_are_public_whatever_the_umask_is(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with staging(tmp_path / "site" / "releases", "1.0.0") as folder:
            pass
    finally:
        os.umask(before)
    for path in (tmp_path / "site", tmp_path / "site" / "releases"):
        assert path.stat().st_mode & 0o7777 == 0o755
    assert not folder.exists()
