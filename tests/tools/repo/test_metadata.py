"""Repository metadata is fetched, verified and kept; whatever a mirror does wrong is named with its URL."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import pytest

from altai_build.errors import DistrustedError, InputError
from altai_build.tools.http import attempts
from altai_build.tools.openpgp.verify import verify_detached
from altai_build.tools.repo import metadata
from altai_build.tools.repo.metadata import (
    RepositoryMetadata,
    RepositorySource,
    check_key_files,
    fetch_metadata,
    read_cached_metadata,
)
from tests.kit.keys import ThrowawayKey, make_key
from tests.kit.repositories import (
    REVISION,
    Package,
    ServerFaults,
    faulty_server,
    index_repository,
    make_repository,
)
from tests.kit.server import serving

REPOMD = "repodata/repomd.xml"


@dataclass(frozen=True)
class Mirror:
    """A signed repository, a server for it, and a source that demands the signature."""

    folder: Path
    faults: ServerFaults
    source: RepositorySource
    key: ThrowawayKey

    def fetch(self, cache: Path, **changes: object) -> RepositoryMetadata:
        return fetch_metadata(replace(self.source, **changes), cache)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[ThrowawayKey, ThrowawayKey]:
    folder = tmp_path_factory.mktemp("keys")
    return make_key(folder, "owner"), make_key(folder, "stranger")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, keys: tuple[ThrowawayKey, ThrowawayKey]) -> Path:
    return make_repository(tmp_path_factory.mktemp("repository"), [Package("one"), Package("two")], keys[0])


@pytest.fixture
def mirror(
    tmp_path: Path, original: Path, keys: tuple[ThrowawayKey, ThrowawayKey], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Mirror]:
    monkeypatch.setattr(attempts, "RETRY_DELAY", 0.0)
    folder = tmp_path / "repository"
    shutil.copytree(original, folder)
    faults = ServerFaults()
    with faulty_server(folder, faults) as url:
        source = RepositorySource(
            name="base", urls=(url,), check_packages=True, check_metadata=True, keys=(keys[0].public,)
        )
        yield Mirror(folder=folder, faults=faults, source=source, key=keys[0])


def part(folder: Path, kind: str) -> Path:
    (found,) = (folder / "repodata").glob(f"*-{kind}.xml*")
    return found


def test_what_is_fetched(mirror: Mirror, tmp_path: Path) -> None:
    got = mirror.fetch(tmp_path / "cache")
    assert (got.url, got.revision) == (mirror.source.urls[0], str(REVISION))
    assert got.primary.path.read_bytes() == part(mirror.folder, "primary").read_bytes()
    assert got.filelists is not None and b"/usr/share/two/text" in gzip.decompress(
        got.filelists.path.read_bytes()
    )
    assert got.digest in part(mirror.folder, "primary").name


def test_what_has_not_changed_is_not_fetched_again(mirror: Mirror, tmp_path: Path) -> None:
    first = mirror.fetch(tmp_path / "cache")
    mirror.faults.asked.clear()
    assert mirror.fetch(tmp_path / "cache") == first
    assert [path for path, _ in mirror.faults.asked] == [f"/{REPOMD}", f"/{REPOMD}.asc"]
    assert read_cached_metadata(mirror.source, tmp_path / "cache") == replace(
        first, groups=None, signed=False
    )


def test_a_cached_file_that_was_damaged_since_is_fetched_again(mirror: Mirror, tmp_path: Path) -> None:
    """Its size is right: one bit of the disk has flipped."""
    primary = mirror.fetch(tmp_path / "cache").primary
    good = primary.path.read_bytes()
    primary.path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    again = mirror.fetch(tmp_path / "cache").primary
    with again.open_plain() as plain:
        assert plain.read_bytes() == gzip.decompress(good)
    assert primary.path.read_bytes() == good


def test_a_new_state_is_seen(mirror: Mirror, tmp_path: Path) -> None:
    first = mirror.fetch(tmp_path / "cache")
    next(mirror.folder.glob("two-*.rpm")).unlink()
    index_repository(mirror.folder, mirror.key, revision=REVISION + 1)
    second = mirror.fetch(tmp_path / "cache")
    assert second.digest != first.digest and second.revision == str(REVISION + 1)


def test_an_older_state_than_one_seen_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        fetch_metadata(mirror.source, tmp_path / "cache", not_before=str(REVISION + 1))
    assert str(REVISION) in str(caught.value)


@pytest.mark.parametrize(
    ("revision", "known", "is_refused"),
    [
        ("9", "10", True),
        ("010", "10", False),
        ("9" * 5000, "10", False),
        ("10", "9" * 5000, False),
        ("a date", "10", False),
    ],
)
def test_revisions_are_compared_where_they_are_times(
    mirror: Mirror, tmp_path: Path, revision: str, known: str, is_refused: bool
) -> None:
    repomd = mirror.folder / REPOMD
    repomd.write_text(repomd.read_text().replace(str(REVISION), revision))
    source = replace(mirror.source, check_metadata=False)
    if is_refused:
        with pytest.raises(InputError, match="is older than what was used before"):
            fetch_metadata(source, tmp_path / "cache", not_before=known)
    else:
        assert fetch_metadata(source, tmp_path / "cache", not_before=known).revision == revision


def test_a_file_url(mirror: Mirror, tmp_path: Path) -> None:
    folder = mirror.folder.rename(tmp_path / "with space and %41")
    got = mirror.fetch(tmp_path / "cache", urls=(folder.as_uri(),))
    assert got.primary.path.read_bytes() == part(folder, "primary").read_bytes()
    with pytest.raises(InputError, match="the repository base cannot be used"):
        mirror.fetch(tmp_path / "cache", urls=(f"file://{tmp_path}/nowhere",))


def test_the_first_url_that_works_is_taken(mirror: Mirror, tmp_path: Path) -> None:
    good = mirror.source.urls[0]
    urls = ("http://127.0.0.1:9/nobody", f"{good}/nowhere", good)
    assert mirror.fetch(tmp_path / "cache", urls=urls).url == good


def refused(mirror: Mirror, cache: Path, *, distrusted: bool = False, **changes: object) -> str:
    with pytest.raises(InputError) as caught:
        mirror.fetch(cache, **changes)
    what = "the repository base is not trusted" if distrusted else "the repository base cannot be used"
    assert caught.value.what == what and caught.value.todo
    assert isinstance(caught.value, DistrustedError) is distrusted
    return caught.value.why


def test_every_url_that_failed_is_reported(mirror: Mirror, tmp_path: Path) -> None:
    why = refused(mirror, tmp_path, urls=("http://127.0.0.1:9/a", "http://127.0.0.1:9/b"))
    assert "127.0.0.1:9/a" in why and "127.0.0.1:9/b" in why
    assert refused(mirror, tmp_path, urls=()) == "it has no URL"


def test_a_missing_repomd(mirror: Mirror, tmp_path: Path) -> None:
    mirror.faults.missing.add(REPOMD)
    assert "404" in refused(mirror, tmp_path)


def test_an_unsigned_repository_where_a_signature_is_demanded(mirror: Mirror, tmp_path: Path) -> None:
    mirror.faults.missing.add(f"{REPOMD}.asc")
    assert "repomd.xml.asc" in refused(mirror, tmp_path, distrusted=True)
    assert mirror.fetch(tmp_path, check_metadata=False)


def test_a_signature_by_somebody_else(
    mirror: Mirror, tmp_path: Path, keys: tuple[ThrowawayKey, ThrowawayKey]
) -> None:
    assert "not signed by its key" in refused(mirror, tmp_path, distrusted=True, keys=(keys[1].public,))
    index_repository(mirror.folder, keys[1])
    assert "not signed by its key" in refused(mirror, tmp_path, distrusted=True)


def test_a_signature_from_the_future_speaks_of_the_clock(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    then = datetime(2001, 1, 1, tzinfo=timezone.utc)
    monkeypatch.setattr(metadata, "verify_detached", partial(verify_detached, now=then))
    with pytest.raises(DistrustedError) as caught:
        mirror.fetch(tmp_path)
    assert "the clock of this machine is wrong, or the signer's was" in caught.value.why
    assert caught.value.todo.startswith("set the clock of this machine right; ")


def test_metadata_changed_after_signing(mirror: Mirror, tmp_path: Path) -> None:
    data = (mirror.folder / REPOMD).read_bytes()
    mirror.faults.replaced[REPOMD] = data.replace(b"primary", b"primarx", 1)
    assert "not signed by its key" in refused(mirror, tmp_path, distrusted=True)


def test_a_key_file_that_is_gone_or_garbled_is_distrusted_whatever_the_server_answers(
    mirror: Mirror, tmp_path: Path
) -> None:
    garbled = tmp_path / "garbled"
    garbled.write_bytes(mirror.key.public.read_bytes().replace(b"A", b"B"))
    mirror.faults.missing.add(f"{REPOMD}.asc")
    for file in (garbled, tmp_path / "gone"):
        changes = {"keys": (file,), "check_metadata": False, "check_if_signed": True}
        assert f"cannot use the key file {file}" in refused(mirror, tmp_path, distrusted=True, **changes)
        refused(mirror, tmp_path, distrusted=True, urls=("http://127.0.0.1:9/nobody",), **changes)
        with pytest.raises(DistrustedError) as caught:
            check_key_files(replace(mirror.source, keys=(file,), check_if_signed=True))
        assert caught.value.todo.startswith(f"restore the key file {file}")


def test_one_mirror_that_is_not_trusted_does_not_spoil_another(mirror: Mirror, tmp_path: Path) -> None:
    good = mirror.source.urls[0]
    shutil.copytree(mirror.folder, mirror.folder / "evil")
    repomd = mirror.folder / "evil" / REPOMD
    repomd.write_bytes(repomd.read_bytes().replace(b"primary", b"primarx", 1))
    urls = (f"{good}/evil", "http://127.0.0.1:9/nobody")
    assert mirror.fetch(tmp_path / "cache", urls=(*urls, good)).url == good
    why = refused(mirror, tmp_path / "cache", distrusted=True, urls=urls)
    assert "evil is not signed by its key: bad signature" in why and "127.0.0.1:9" in why


@pytest.mark.parametrize("kind", ["primary", "filelists"])
def test_a_part_with_other_bytes_never_gets_its_name(mirror: Mirror, tmp_path: Path, kind: str) -> None:
    path = part(mirror.folder, kind)
    data = path.read_bytes()
    for content in (data[:-1], data[:-1] + b"x", data + b"x", b""):
        path.write_bytes(content)
        why = refused(mirror, tmp_path / "cache")
        assert path.name in why
        assert not [path for path in (tmp_path / "cache").rglob(f"*-{kind}*") if path.name[0] != "."]
    path.write_bytes(data)
    assert mirror.fetch(tmp_path / "cache")


HTML = b"<!DOCTYPE html><html><title>Log in</title></html>"


@pytest.mark.parametrize("status", [401, 403, 405, 500])
def test_a_server_that_refuses_the_signature_has_none_where_none_is_needed(
    mirror: Mirror, tmp_path: Path, status: int
) -> None:
    mirror.faults.refused[f"{REPOMD}.asc"] = status
    assert not mirror.fetch(tmp_path, check_metadata=False, check_if_signed=True).signed
    why = refused(mirror, tmp_path)
    assert f"repomd.xml.asc: the server answered {status}" in why


def test_a_page_in_place_of_the_signature_is_none_where_none_is_needed(
    mirror: Mirror, tmp_path: Path
) -> None:
    mirror.faults.replaced[f"{REPOMD}.asc"] = HTML
    assert not mirror.fetch(tmp_path, check_metadata=False, check_if_signed=True).signed
    assert "not signed by its key" in refused(mirror, tmp_path, distrusted=True)
    mirror.faults.replaced[f"{REPOMD}.asc"] = b"neither a signature nor a page"
    refused(mirror, tmp_path, distrusted=True, check_metadata=False, check_if_signed=True)


def test_a_page_in_place_of_repomd_is_told_as_such(mirror: Mirror, tmp_path: Path) -> None:
    mirror.faults.replaced[REPOMD] = HTML
    assert refused(mirror, tmp_path) == (
        f"{mirror.source.urls[0]} is not a repository: the server sent an HTML page in place of {REPOMD}; "
        "it may be the login page of a network or proxy"
    )


def test_a_file_that_one_mirror_lacks_comes_from_another(mirror: Mirror, tmp_path: Path) -> None:
    """Half of a mirror's new state has arrived there: its repomd.xml, but not yet the files."""
    good = mirror.source.urls[0]
    half = mirror.folder / "half" / "repodata"
    half.mkdir(parents=True)
    for name in ("repomd.xml", "repomd.xml.asc"):
        shutil.copy(mirror.folder / "repodata" / name, half)
    got = mirror.fetch(tmp_path / "cache", urls=(f"{good}/half", good))
    assert got.url == f"{good}/half"
    assert got.primary.path.read_bytes() == part(mirror.folder, "primary").read_bytes()


def test_all_mirrors_are_tried_before_one_is_tried_again(mirror: Mirror, tmp_path: Path) -> None:
    good = mirror.source.urls[0]
    shutil.copytree(mirror.folder, mirror.folder / "busy")
    mirror.faults.broken[f"busy/{REPOMD}"] = 99
    mirror.faults.asked.clear()
    assert mirror.fetch(tmp_path / "cache", urls=(f"{good}/busy", good)).url == good
    assert [path for path, _ in mirror.faults.asked if "busy" in path] == [f"/busy/{REPOMD}"]


def test_the_cached_state_stays_until_all_files_of_the_new_one_are_there(
    mirror: Mirror, tmp_path: Path
) -> None:
    mirror.fetch(tmp_path / "cache")
    cached = read_cached_metadata(mirror.source, tmp_path / "cache")
    next(mirror.folder.glob("two-*.rpm")).unlink()
    index_repository(mirror.folder, mirror.key, revision=REVISION + 1)
    mirror.faults.missing.add(part(mirror.folder, "filelists").name)
    refused(mirror, tmp_path / "cache")
    assert cached is not None and read_cached_metadata(mirror.source, tmp_path / "cache") == cached


def test_mirrors_of_one_list_share_a_cache(mirror: Mirror, tmp_path: Path) -> None:
    """Mirror managers give their lists in another order each time."""
    url = mirror.source.urls[0]
    mirror.fetch(tmp_path / "cache", urls=(url, "http://127.0.0.1:9/"), origin="http://127.0.0.1:9/list")
    mirror.faults.asked.clear()
    mirror.fetch(tmp_path / "cache", urls=("http://127.0.0.1:9/", url), origin="http://127.0.0.1:9/list")
    assert [path for path, _ in mirror.faults.asked] == [f"/{REPOMD}", f"/{REPOMD}.asc"]
    source = replace(mirror.source, urls=(), origin="http://127.0.0.1:9/list")
    assert read_cached_metadata(source, tmp_path / "cache") is not None


def test_files_with_a_base_of_their_own_come_from_there(mirror: Mirror, tmp_path: Path) -> None:
    repomd = mirror.folder / REPOMD
    (mirror.folder / "elsewhere").mkdir()
    (mirror.folder / "repodata").rename(mirror.folder / "elsewhere/repodata")
    text = (mirror.folder / "elsewhere" / REPOMD).read_text()
    repomd.parent.mkdir()
    for base in (f"{mirror.source.urls[0]}/elsewhere", "elsewhere/"):
        repomd.write_text(text.replace("<location ", f'<location xml:base="{base}" '))
        got = mirror.fetch(tmp_path / base[:4], check_metadata=False)
        assert got.primary.path.is_file() and got.filelists is not None


@pytest.mark.parametrize("base", ["file:///etc", "ftp://127.0.0.1/", "media://1", "../.."])
def test_a_base_that_is_no_place_on_a_server_is_refused(mirror: Mirror, tmp_path: Path, base: str) -> None:
    repomd = mirror.folder / REPOMD
    repomd.write_text(repomd.read_text().replace("<location ", f'<location xml:base="{base}" '))
    assert "outside the repository" in refused(mirror, tmp_path / "cache", check_metadata=False)


def test_a_location_with_an_ending_that_is_too_long_for_a_file_is_no_problem(
    mirror: Mirror, tmp_path: Path
) -> None:
    old = part(mirror.folder, "primary")
    new = old.with_name("primary." + "x" * 240)
    old.rename(new)
    repomd = mirror.folder / REPOMD
    repomd.write_text(repomd.read_text().replace(old.name, new.name))
    assert mirror.fetch(tmp_path / "cache", check_metadata=False).primary.path.is_file()


def test_transient_failures_are_retried(mirror: Mirror, tmp_path: Path) -> None:
    primary = part(mirror.folder, "primary").name
    mirror.faults.broken[REPOMD] = 2
    mirror.faults.dying[primary] = 2
    assert mirror.fetch(tmp_path / "cache").primary.path.is_file()
    assert sum(path.endswith(primary) for path, _ in mirror.faults.asked) == 3


@pytest.mark.parametrize("content", [b"", b"not xml", b"<repomd/>", b"<a>" * 10_000, b"\x00" * 100])
def test_a_repomd_that_is_none(mirror: Mirror, tmp_path: Path, content: bytes) -> None:
    mirror.faults.replaced[REPOMD] = content
    (mirror.folder / REPOMD).write_bytes(content)
    refused(mirror, tmp_path, check_metadata=False)


@pytest.mark.parametrize("location", ["../../etc/passwd", "/etc/passwd", "http://127.0.0.1:9/x", "a/../../x"])
def test_locations_that_lead_out_of_the_repository(mirror: Mirror, tmp_path: Path, location: str) -> None:
    name = f"repodata/{part(mirror.folder, 'primary').name}"
    repomd = mirror.folder / REPOMD
    repomd.write_text(repomd.read_text().replace(name, location))
    refused(mirror, tmp_path / "cache", check_metadata=False)
    assert not [path for path in (tmp_path / "cache").rglob("*primary*") if path.is_file()]


def test_a_checksum_that_is_a_path_names_no_file_outside_the_cache(tmp_path: Path) -> None:
    primary = b"<metadata packages='0'/>"
    site = tmp_path / "site"
    (site / "repodata").mkdir(parents=True)
    (site / "repodata/primary.xml").write_bytes(primary)
    outside = tmp_path / "outside-primary.xml"
    outside.write_bytes(primary)
    (site / "repodata/repomd.xml").write_text(
        "<repomd xmlns='http://linux.duke.edu/metadata/repo'><revision>1</revision><data type='primary'>"
        f"<checksum type='sha256'>{tmp_path}/outside</checksum><location href='repodata/primary.xml'/>"
        f"<size>{len(primary)}</size></data></repomd>"
    )
    with serving(site) as url:
        source = RepositorySource(
            name="evil", urls=(url,), check_packages=False, check_metadata=False, keys=()
        )
        with pytest.raises(InputError) as caught:
            fetch_metadata(source, tmp_path / "cache")
    assert f"'{tmp_path}/outside' is not a sha256 checksum" in str(caught.value)
    assert hashlib.sha256(outside.read_bytes()).digest() == hashlib.sha256(primary).digest()
