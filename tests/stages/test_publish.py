"""A release is published completely or not at all, wherever its process is killed."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from altai_build.errors import PublishError
from altai_build.stages.publish import list_releases, publish, recover, staging
from tests.conftest import Require

ROOT = Path(__file__).resolve().parents[2]


def make(releases: Path, version: str) -> Path:
    with staging(releases, version) as folder:
        (folder / "release.json").write_text(version)
        (folder / "centos6").mkdir()
        (folder / "centos6" / "a.rpm").write_text(version)
        return publish(folder, releases, version)


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
            publish(folder, tmp_path, "1.0.0")
    assert (tmp_path / "1.0.0" / "release.json").stat().st_ino == inode
    assert names(tmp_path) == ["1.0.0", "1.0.2", "latest"]


@pytest.mark.parametrize("version", ["", "../x", "a/b", ".hidden", "-x", "latest", "a\nb"])
def test_an_unsafe_version_is_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(PublishError, match="is not a safe name for a release"), staging(tmp_path, version):
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
                publish(folder, tmp_path, "1.0.1")
    assert "No space left on device" in caught.value.why
    assert recover(tmp_path) == ()
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
    publish.publish(folder, releases, "1.0.1")
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
        assert recover(releases) == ()
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
        assert recover(tmp_path) == ()
        assert names(tmp_path) == [name]
        child.kill()
        child.wait()
        assert recover(tmp_path) == (f"removed {name}, left behind by a killed run",)
    assert names(tmp_path) == []


def test_recover_leaves_other_files_alone(tmp_path: Path) -> None:
    make(tmp_path, "1.0.0")
    (tmp_path / ".git").mkdir()
    (tmp_path / "1.0.1.staging-x").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".1.0.1.staging-x").symlink_to("elsewhere")
    before = names(tmp_path)
    assert recover(tmp_path) == ()
    assert names(tmp_path) == before
    assert recover(tmp_path / "gone") == ()
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
