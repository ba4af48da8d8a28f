"""FIFOs, devices and huge files in the place of files: each reader says so at once, and waits for nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.config.lockfile import load_lock
from altai_build.errors import AltaiError
from altai_build.ledger import Ledger, read_outcomes
from altai_build.pipeline.build.revealed_needs import read_revealed_needs
from altai_build.pipeline.published.releases import load_manifest
from altai_build.stages.verify import verify_release
from altai_build.tools.chroot.roots import set_up_base_root
from altai_build.tools.files import sha256_file
from altai_build.tools.http import download
from altai_build.tools.mock.config_files import open_sources
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.openpgp.passphrase import PASSPHRASE_FILE_VARIABLE, read_passphrase_file
from altai_build.tools.openpgp.verify import verify_detached
from altai_build.tools.repo.compression import decompressed
from altai_build.tools.rpm.header import read_header
from altai_build.tools.rpm.signatures import find_damaged_packages, read_signatures
from altai_build.tools.sealed_json import read_sealed
from altai_build.workspace import Workspace


@pytest.fixture(autouse=True)
def never_endless() -> Iterator[None]:
    """A reader that waits fails its test instead of stopping all."""

    def stop(_signal: int, _frame: object) -> None:
        raise AssertionError("it waits for a file that never ends")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def decompress(path: Path) -> None:
    with decompressed(path):
        pass


def read_passphrase(path: Path) -> None:
    os.environ[PASSPHRASE_FILE_VARIABLE] = str(path)
    try:
        read_passphrase_file()
    finally:
        del os.environ[PASSPHRASE_FILE_VARIABLE]


def put_into(folder: Path, name: str, path: Path) -> Path:
    """`folder` with the file at `path` under another name in it."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    os.rename(path, folder / name)
    return folder


# Each gets the path of a file that is none, in a folder of its own.
READERS: dict[str, Callable[[Path], object]] = {
    "definition": load_config,
    "lock": load_lock,
    "mock configuration": lambda path: open_sources([path.parent]).add(path),
    "key": read_public_keys,
    "signature": lambda path: verify_detached(Path(__file__), path, [path]),
    "package": read_header,
    "signature of a package": read_signatures,
    "metadata": decompress,
    "manifest": lambda path: load_manifest(put_into(path.parent, "release.json", path)),
    "passphrase": read_passphrase,
    "file URL": lambda path: download.fetch_file(path.as_uri(), path.with_name("copy")),
    "text of a file URL": lambda path: download.read_url(path.as_uri()),
    "ledger": Ledger,
    # Not through a link: that is replaced.
    "accounts of a buildroot": lambda path: set_up_base_root(put_into(path.parent, "etc/passwd", path)),
}
# These take what cannot be read for nothing: it is made again.
RECORDS: dict[str, Callable[[Path], object]] = {
    "outcomes": read_outcomes,
    "needs": read_revealed_needs,
    "cache": read_sealed,
    "holder of the lock": lambda path: Workspace(
        put_into(path.parent, "lock.holder", path)
    )._read_lock_holder(),
}


def make_special_file(folder: Path, kind: str) -> Path:
    path = folder / "file"
    if kind == "fifo":
        os.mkfifo(path, 0o600)
    else:
        path.symlink_to("/dev/zero")
    return path


@pytest.mark.parametrize("kind", ["fifo", "device"])
@pytest.mark.parametrize("name", READERS)
def test_what_is_no_regular_file_is_an_error(tmp_path: Path, name: str, kind: str) -> None:
    path = make_special_file(tmp_path, kind)
    if name == "accounts of a buildroot":
        path.unlink()
        os.mkfifo(path)
    with pytest.raises(AltaiError) as refused:
        READERS[name](path)
    elsewhere = "is outside the directories of mock configurations"
    assert "not a regular file" in str(refused.value) or elsewhere in str(refused.value)
    assert refused.value.exit_code != AltaiError.exit_code


@pytest.mark.parametrize("kind", ["fifo", "device"])
@pytest.mark.parametrize("name", RECORDS)
def test_what_is_no_regular_file_is_no_record(tmp_path: Path, name: str, kind: str) -> None:
    answer = RECORDS[name](make_special_file(tmp_path, kind))
    assert not answer or "cannot be read" in str(answer)


@pytest.mark.parametrize("kind", ["fifo", "device"])
def test_a_digest_is_of_regular_files_only(tmp_path: Path, kind: str) -> None:
    with pytest.raises(OSError, match="not a regular file"):
        sha256_file(make_special_file(tmp_path, kind))


def test_packages_that_are_no_files_are_damaged(tmp_path: Path) -> None:
    for kind in ("fifo", "device"):
        (tmp_path / kind).mkdir()
        path = make_special_file(tmp_path / kind, kind)
        ((file, why),) = find_damaged_packages([path])
        assert (file, why) == (path, "not a regular file")


@pytest.mark.parametrize(
    "pattern",
    [
        "release.json",
        "release.json.asc",
        "SHA256SUMS",
        "SHA256SUMS.asc",
        "RPM-GPG-KEY-ours",
        "*.repo",
        "centos6/*.rpm",
        "centos6/repodata/repomd.xml",
        "centos6/repodata/repomd.xml.asc",
        "centos6/repodata/*-primary.xml.gz",
        "centos6/repodata/*-filelists.xml.gz",
        "provenance/*",
    ],
)
def test_a_release_with_fifos_in_place_of_files_has_findings(release: Path, pattern: str) -> None:
    files = [path for path in release.glob(pattern) if path.is_file()]
    assert files
    for path in files:
        path.unlink()
        os.mkfifo(path)
    report = verify_release(release)
    assert not report.is_ok
    assert {str(path.relative_to(release)) for path in files} & {one.subject for one in report.findings}
