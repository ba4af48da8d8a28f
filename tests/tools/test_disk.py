"""A full file system is recognized, and is part of what is said about programs that failed on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from altai_build.tools.disk import describe_full_disks, list_touched_places
from altai_build.tools.process import ProgramFailed, run
from tests.conftest import Require
from tests.kit.rpms import build_rpm

ROOT = Path(__file__).resolve().parents[2]


def statvfs(**changes: int) -> os.statvfs_result:
    fields = ("bsize", "frsize", "blocks", "bfree", "bavail", "files", "ffree", "favail", "flag", "namemax")
    values = {"frsize": 4096, "blocks": 10**6, "bavail": 10**6, "files": 10**6, "favail": 10**6, **changes}
    return os.statvfs_result([values.get(field, 0) for field in fields])


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (statvfs(), None),
        (statvfs(bavail=3), "is full: 12 kB are free"),
        (statvfs(favail=2), "is full: 2 inodes are free"),
        (statvfs(files=0, favail=0), None),
        (statvfs(bavail=0, flag=os.ST_RDONLY), None),
        (statvfs(blocks=0, bavail=0), None),
    ],
)
def test_a_file_system_without_space_or_inodes_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: os.statvfs_result, message: str | None
) -> None:
    (tmp_path / "inner").mkdir()
    monkeypatch.setattr(os, "statvfs", lambda _place: status)
    expected = () if message is None else (f"the file system of {tmp_path} {message}",)
    # One file system is named once.
    assert describe_full_disks([tmp_path, tmp_path / "inner", tmp_path / "gone"]) == expected


def test_places_are_those_of_temporary_files_and_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", "/elsewhere")
    (tmp_path / "file").write_text("")
    words = ["createrepo_c", "--quiet", str(tmp_path), str(tmp_path / "file"), "name"]
    assert list_touched_places(words) == ["/elsewhere", ".", str(tmp_path), str(tmp_path)]


def test_a_program_that_failed_on_a_full_disk_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _place: statvfs(bavail=1))
    with pytest.raises(ProgramFailed) as caught:
        run(["sh", "-c", "exit 3", str(tmp_path)])
    assert "is full: 4 kB are free" in caught.value.why
    assert caught.value.todo == "free space there and rerun the command"


PUBLISHING = """
import sys
from pathlib import Path
from altai_build.errors import PublishError
from altai_build.model.compat import Compat
from altai_build.stages.publish import staging
from altai_build.tools.repo.repodata import write_repodata
releases, rpms = Path(sys.argv[1]), Path(sys.argv[2])
try:
    with staging(releases, "1.0.2") as folder:
        (folder / "repo").mkdir()
        for rpm in rpms.glob("*.rpm"):
            (folder / "repo" / rpm.name).write_bytes(rpm.read_bytes())
        write_repodata(folder / "repo", epoch=1, compat=Compat.EL6)
        (folder / "other").write_bytes(bytes(10 ** 6))
except PublishError as error:
    print(error.exit_code, error)
"""


@pytest.mark.parametrize(
    "option", ["size=12k", "size=24k", "size=28k", "nr_inodes=5", "nr_inodes=9", "nr_inodes=11"]
)
def test_a_full_disk_during_publication_is_named_whatever_failed_first(
    tmp_path: Path, require: Require, option: str
) -> None:
    require(os.geteuid() == 0, "mounting needs root")
    build_rpm(tmp_path / "rpms", "hello")
    (tmp_path / "releases").mkdir()
    script = 'mount -t tmpfs -o "$0" none "$1/releases" && exec "$2" -c "$3" "$1/releases" "$1/rpms"'
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-c", script, option, str(tmp_path), sys.executable, PUBLISHING],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("8 release 1.0.2 could not be published\n")
    assert "is full" in done.stdout or "No space left on device" in done.stdout
    assert "the published releases have not changed" in done.stdout
