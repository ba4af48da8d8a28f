"""Mirror lists, metalinks and repodata over HTTP: stale, older, unsigned, wrongly signed, half there."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from altai_build.errors import DistrustedError, InputError
from altai_build.model.checksum import Checksum
from altai_build.tools.http import attempts
from altai_build.tools.repo.metadata import RepositoryMetadata, RepositorySource, fetch_metadata
from altai_build.tools.repo.mirrors import Mirrors, read_mirrors
from tests.kit.keys import ThrowawayKey, make_key
from tests.kit.repositories import (
    REVISION,
    Package,
    ServerFaults,
    faulty_server,
    index_repository,
    make_repository,
)

METALINK = """<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" xmlns:mm0="http://fedorahosted.org/mirrormanager">
 <files><file name="repomd.xml">
  <mm0:timestamp>1</mm0:timestamp>
  <verification><hash type="md5">{md5}</hash><hash type="sha256">{newest}</hash></verification>
  <mm0:alternates>
   <mm0:alternate><verification><hash type="sha256">{before}</hash></verification></mm0:alternate>
  </mm0:alternates>
  <resources maxconnections="1">{urls}</resources>
 </file></files>
</metalink>
"""


@dataclass(frozen=True)
class Upstream:
    """A signed repository behind a server with faults, and where its metadata is brought to."""

    folder: Path
    key: ThrowawayKey
    url: str
    faults: ServerFaults
    cache: Path

    @property
    def source(self) -> RepositorySource:
        return RepositorySource(
            name="deps/epel",
            urls=(f"{self.url}/epel",),
            check_packages=True,
            check_metadata=False,
            keys=(self.key.public,),
            check_if_signed=True,
        )

    @property
    def repomd(self) -> str:
        """The SHA-256 of the repomd.xml there is."""
        return hashlib.sha256((self.folder / "epel/repodata/repomd.xml").read_bytes()).hexdigest()

    def read(self, not_before: str = "", **changes: object) -> RepositoryMetadata:
        return fetch_metadata(replace(self.source, **changes), self.cache, not_before=not_before)  # type: ignore[arg-type]

    def refusal(self, not_before: str = "", **changes: object) -> str:
        with pytest.raises(InputError) as caught:
            self.read(not_before, **changes)
        distrusted = isinstance(caught.value, DistrustedError)
        state = "is not trusted" if distrusted else "cannot be used"
        assert caught.value.what == f"the repository deps/epel {state}"
        return caught.value.why

    def write(self, name: str, text: str) -> str:
        """Put a file on the server; returns its URL."""
        (self.folder / name).write_text(text)
        return f"{self.url}/{name}"

    def metalink(
        self,
        *urls: str,
        newest: str = "0" * 64,
        before: str = "0" * 64,
        variables: Mapping[str, str] | None = None,
    ) -> Mirrors:
        listed = "".join(f'<url protocol="http">{url}/repodata/repomd.xml</url>' for url in urls)
        text = METALINK.format(md5="0" * 32, newest=newest, before=before, urls=listed)
        return read_mirrors(self.write("metalink", text), variables or {})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ThrowawayKey]:
    folder = tmp_path_factory.mktemp("upstream")
    key = make_key(folder, "epel")
    make_repository(folder / "epel", [Package("erlang"), Package("leaf")], key)
    return folder, key


@pytest.fixture
def upstream(
    made: tuple[Path, ThrowawayKey], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Upstream]:
    monkeypatch.setattr(attempts, "RETRY_DELAY", 0.01)
    folder, faults = tmp_path / "served", ServerFaults()
    shutil.copytree(made[0] / "epel", folder / "epel")
    with faulty_server(folder, faults) as url:
        yield Upstream(folder=folder, key=made[1], url=url, faults=faults, cache=tmp_path / "cache")


def test_a_plain_list_is_read(upstream: Upstream) -> None:
    url = upstream.write("mirrors", "# comment\n\nhttp://a.example/epel/\n https://b.example/epel \n")
    assert read_mirrors(url, {}) == Mirrors(urls=("http://a.example/epel/", "https://b.example/epel"))


@pytest.mark.parametrize("text", ["", "# nothing\n", "<metalink><files/></metalink>"])
def test_a_list_of_no_mirrors_is_an_error(upstream: Upstream, text: str) -> None:
    url = upstream.write("mirrors", text)
    with pytest.raises(InputError, match="is empty"):
        read_mirrors(url, {})


def test_what_a_list_without_mirrors_says_is_shown(upstream: Upstream) -> None:
    url = upstream.write("mirrors", "# repo = epel-99 arch = x86_64\n# Bad repo\n")
    with pytest.raises(InputError, match="is empty") as caught:
        read_mirrors(url, {})
    assert caught.value.why == "it says: repo = epel-99 arch = x86_64\nit says: Bad repo"
    url = upstream.write("metalink", "<metalink><!-- repo = epel-99 -->\n<!--\n Bad repo --></metalink>")
    with pytest.raises(InputError, match="is empty") as caught:
        read_mirrors(url, {})
    assert caught.value.why == "it says: repo = epel-99\nit says: Bad repo"


def test_mirrors_whose_urls_would_name_something_else_are_left_out(upstream: Upstream) -> None:
    url = upstream.write("mirrors", "http://a.example/x#y\nfile://host/srv\n")
    with pytest.raises(InputError) as caught:
        read_mirrors(url, {})
    assert caught.value.why.splitlines() == [
        "  http://a.example/x#y: a # would end the URL",
        "  file://host/srv: a file URL names no other machine",
    ]


def test_a_metalink_names_mirrors_and_states(upstream: Upstream) -> None:
    found = upstream.metalink("http://a.example/e", "https://b.example/e", newest="A" * 64, before="b" * 64)
    assert found.urls == ("http://a.example/e", "https://b.example/e")
    assert found.repomd_checksums == (Checksum("sha256", "a" * 64), Checksum("sha256", "b" * 64))


def test_a_query_stays_at_the_end_of_a_mirror(upstream: Upstream) -> None:
    text = '<metalink><files><file name="repomd.xml"><url>{}</url></file></files></metalink>'
    url = upstream.write("metalink", text.format("http://a.example/e/repodata/repomd.xml?token=1"))
    assert read_mirrors(url, {}).urls == ("http://a.example/e?token=1",)


def test_a_list_that_fails_at_first_is_asked_for_again(upstream: Upstream) -> None:
    url = upstream.write("mirrors", "http://a.example/\n")
    upstream.faults.broken["mirrors"] = 2
    assert read_mirrors(url, {}).urls == ("http://a.example/",)


def test_variables_in_lists_are_replaced(upstream: Upstream) -> None:
    variables = {"basearch": "x86_64", "releasever": "8"}
    url = upstream.write("mirrors", "http://a.example/$releasever/${basearch}/\nhttp://b.example/$stream/\n")
    assert read_mirrors(url, variables).urls == ("http://a.example/8/x86_64/",)
    found = upstream.metalink("http://a.example/$releasever/$basearch", variables=variables)
    assert found.urls == ("http://a.example/8/x86_64",)
    with pytest.raises(InputError) as caught:
        read_mirrors(url, {})
    assert caught.value.why.splitlines() == [
        "  http://a.example/$releasever/${basearch}/: the value of $releasever and ${basearch} is not known",
        "  http://b.example/$stream/: the value of $stream is not known",
    ]


def test_mirrors_of_other_protocols_are_left_out(upstream: Upstream) -> None:
    url = upstream.write(
        "mirrors",
        "rsync://a.example/e\nftp://a.example/e\nfile:///srv/e\nhttp://a.example/e\nhttp://a.example/e\n",
    )
    assert read_mirrors(url, {}).urls == ("file:///srv/e", "http://a.example/e")
    only = upstream.write("mirrors", "".join(f"rsync://u:p@{number}.example/e\n" for number in range(7)))
    with pytest.raises(InputError, match="has no mirror that can be used") as caught:
        read_mirrors(only, {})
    assert caught.value.why.splitlines()[0] == "  rsync://0.example/e: its protocol is not supported"
    assert caught.value.why.splitlines()[-1] == "  and 2 more"


@pytest.mark.parametrize(
    "entry",
    [
        "http://[",
        "http://a:port/",
        "http://a:99999/",
        "http://",
        "http://[::1/x",
        "hello",
        "//h/x",
        "http://\x00",
    ],
)
def test_a_line_that_is_no_url_is_left_out(upstream: Upstream, entry: str) -> None:
    url = upstream.write("mirrors", f"{entry}\nhttp://a.example/\n")
    assert read_mirrors(url, {}).urls == ("http://a.example/",)


@pytest.mark.parametrize("start", ["<!DOCTYPE html>", "<html>", '<?xml version="1.0"?>\n<html>'])
def test_a_page_for_people_is_no_list(upstream: Upstream, start: str) -> None:
    url = upstream.write("mirrors", f'{start}\n<p>Log in</p>\n<a href="x">here</a>\n')
    with pytest.raises(InputError) as caught:
        read_mirrors(url, {})
    assert caught.value.what == f"the mirror list {url} is an HTML page"


def test_only_the_entry_for_repomd_counts_in_a_metalink(upstream: Upstream) -> None:
    text = (
        '<metalink><files><file name="other.iso"><verification><hash type="sha256">{wrong}</hash></verification>'
        "<resources><url>http://wrong.example/other.iso</url></resources></file>{entry}</files></metalink>"
    )
    entry = (
        '<file name="repomd.xml"><verification><hash type="sha256">{right}</hash></verification><resources>'
        "<url>http://right.example/e/repodata/repomd.xml</url></resources></file>"
    ).format(right="1" * 64)
    found = read_mirrors(upstream.write("metalink", text.format(wrong="2" * 64, entry=entry)), {})
    assert found == Mirrors(("http://right.example/e",), (Checksum("sha256", "1" * 64),))
    with pytest.raises(InputError, match="cannot read the metalink") as caught:
        read_mirrors(upstream.write("metalink", text.format(wrong="2" * 64, entry="")), {})
    assert caught.value.why == "it does not list repomd.xml"


def test_preferred_mirrors_come_first(upstream: Upstream) -> None:
    rows = [
        ("a", ""),
        ("b", 'preference="7"'),
        ("c", 'preference="100"'),
        ("d", 'preference="7"'),
        ("e", 'preference="x"'),
    ]
    urls = "".join(f"<url {extra}>http://{name}.example/repodata/repomd.xml</url>" for name, extra in rows)
    text = f'<metalink><files><file name="repomd.xml"><resources>{urls}</resources></file></files></metalink>'
    found = read_mirrors(upstream.write("metalink", text), {})
    assert [url[len("http://")] for url in found.urls] == ["c", "b", "d", "a", "e"]


def test_a_metalink_of_version_4_has_checksums_and_priorities(upstream: Upstream) -> None:
    text = (
        '<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="repomd.xml"><hash type="sha-256">{}</hash>'
        '<url priority="2">http://b.example/repodata/repomd.xml</url><url>http://c.example/repodata/repomd.xml</url>'
        '<url priority="1">http://a.example/repodata/repomd.xml</url></file></metalink>'
    ).format("1" * 64)
    assert read_mirrors(upstream.write("metalink", text), {}) == Mirrors(
        ("http://a.example", "http://b.example", "http://c.example"), (Checksum("sha256", "1" * 64),)
    )


def metalink_with(upstream: Upstream, *hashes: tuple[str, str]) -> str:
    """The URL of a metalink that gives these checksums of repomd.xml."""
    listed = "".join(f'<hash type="{kind}">{value}</hash>' for kind, value in hashes)
    return upstream.write(
        "metalink",
        '<metalink xmlns="http://www.metalinker.org/"><files><file name="repomd.xml">'
        f"<verification>{listed}</verification><resources>"
        f"<url>{upstream.url}/epel/repodata/repomd.xml</url></resources></file></files></metalink>",
    )


@pytest.mark.parametrize("kind", ["md5", "sha", "SHA1", "sha-256", "SHA_512", "sha224"])
def test_whatever_checksum_a_metalink_has_is_compared(upstream: Upstream, kind: str) -> None:
    name = {"sha": "sha1", "SHA1": "sha1", "sha-256": "sha256", "SHA_512": "sha512"}.get(kind, kind)
    data = (upstream.folder / "epel/repodata/repomd.xml").read_bytes()
    right = hashlib.new(name, data).hexdigest()
    mirrors = read_mirrors(metalink_with(upstream, (kind, right)), {})
    assert upstream.read(urls=mirrors.urls, repomd_checksums=mirrors.repomd_checksums).signed
    wrong = read_mirrors(metalink_with(upstream, (kind, "0" * len(right))), {})
    why = upstream.refusal(urls=wrong.urls, repomd_checksums=wrong.repomd_checksums)
    assert "does not match the metalink" in why


def test_the_strongest_checksum_of_a_metalink_counts(upstream: Upstream) -> None:
    url = metalink_with(upstream, ("md5", "1" * 32), ("whirlpool", "2" * 128), ("sha256", "3" * 64))
    assert read_mirrors(url, {}).repomd_checksums == (Checksum("sha256", "3" * 64),)


@pytest.mark.parametrize("hashes", [[("whirlpool", "0" * 128)], [("", "0" * 64)], [("sha3-256", "0" * 64)]])
def test_checksums_of_unknown_kinds_are_not_no_checksums(
    upstream: Upstream, hashes: list[tuple[str, str]]
) -> None:
    with pytest.raises(InputError, match="cannot read the metalink") as caught:
        read_mirrors(metalink_with(upstream, *hashes), {})
    assert caught.value.why == f"its checksums are of unknown kinds: {hashes[0][0]!r}"


def test_a_state_whose_checksum_is_none_is_passed_over(upstream: Upstream) -> None:
    """As in a metalink of librepo's own tests: the alternates of a good state are not usable."""
    second = '</hash></verification><verification><hash type="sha256">'
    mixed = metalink_with(upstream, ("sha256", f"{'3' * 64}{second}bad"))
    assert read_mirrors(mixed, {}).repomd_checksums == (Checksum("sha256", "3" * 64),)
    with pytest.raises(InputError, match="cannot read the metalink"):
        read_mirrors(metalink_with(upstream, ("sha256", f"worse{second}bad")), {})


def test_a_metalink_without_checksums_compares_nothing(upstream: Upstream) -> None:
    assert read_mirrors(metalink_with(upstream), {}).repomd_checksums == ()


def test_a_damaged_metalink_is_an_error(upstream: Upstream) -> None:
    with pytest.raises(InputError, match="cannot read the metalink"):
        read_mirrors(upstream.write("metalink", "<metalink><files>"), {})


@pytest.mark.parametrize("state", ["newest", "before"])
def test_a_mirror_with_a_listed_state_is_taken(upstream: Upstream, state: str) -> None:
    dead = f"{upstream.url}/not-here"
    newest, before = [upstream.repomd if named == state else "0" * 64 for named in ("newest", "before")]
    mirrors = upstream.metalink(dead, f"{upstream.url}/epel", newest=newest, before=before)
    metadata = upstream.read(urls=mirrors.urls, repomd_checksums=mirrors.repomd_checksums)
    assert metadata.url == f"{upstream.url}/epel"


def test_a_stale_metalink_is_reported(upstream: Upstream) -> None:
    mirrors = upstream.metalink(f"{upstream.url}/epel")
    why = upstream.refusal(urls=mirrors.urls, repomd_checksums=mirrors.repomd_checksums)
    assert why == (
        f"the metadata at {upstream.url}/epel does not match the metalink of deps/epel: "
        "the mirror or the metalink is out of date"
    )


def test_signed_metadata_is_checked_where_it_is_signed(upstream: Upstream, tmp_path: Path) -> None:
    assert upstream.read().signed
    other = make_key(tmp_path, "other")
    assert "is not signed by its key: unknown key" in upstream.refusal(keys=(other.public,))


def test_unsigned_metadata_is_taken_unless_a_signature_is_asked_for(upstream: Upstream) -> None:
    index_repository(upstream.folder / "epel", None)
    assert not upstream.read().signed
    assert "is not signed: there is no repodata/repomd.xml.asc" in upstream.refusal(check_metadata=True)


def test_a_server_that_fails_does_not_pass_for_an_unsigned_one(upstream: Upstream) -> None:
    upstream.faults.broken["repomd.xml.asc"] = 99
    assert "repomd.xml.asc: the server answered 503" in upstream.refusal()


def test_metadata_that_was_changed_after_signing_is_refused(upstream: Upstream) -> None:
    path = upstream.folder / "epel/repodata/repomd.xml"
    upstream.faults.replaced["repomd.xml"] = path.read_bytes().replace(b"<revision>1", b"<revision>2")
    assert "is not signed by its key: bad signature" in upstream.refusal()


def test_repodata_older_than_the_lock_is_refused(upstream: Upstream) -> None:
    assert upstream.read(not_before=str(REVISION)).revision == str(REVISION)
    assert upstream.refusal(not_before=str(REVISION + 1)) == (
        f"the metadata at {upstream.url}/epel is older than what was used before for deps/epel: "
        f"its revision is {REVISION}, and {REVISION + 1} was used before"
    )


def test_a_mirror_that_is_out_of_date_is_skipped(upstream: Upstream) -> None:
    shutil.copytree(upstream.folder / "epel", upstream.folder / "fresh")
    index_repository(upstream.folder / "fresh", upstream.key, revision=REVISION + 5)
    urls = (f"{upstream.url}/epel", f"{upstream.url}/fresh")
    metadata = upstream.read(not_before=str(REVISION + 1), urls=urls)
    assert (metadata.url, metadata.revision) == (f"{upstream.url}/fresh", str(REVISION + 5))


def test_revisions_that_are_no_times_are_not_compared(upstream: Upstream) -> None:
    assert upstream.read(not_before="release-6").revision == str(REVISION)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [(lambda data: data[:-20], "bytes instead of"), (lambda data: b"x" * len(data), "its sha256 is")],
    ids=["truncated", "other bytes"],
)
def test_damaged_primary_metadata_is_refused(upstream: Upstream, spoil: object, expected: str) -> None:
    (primary,) = (upstream.folder / "epel/repodata").glob("*-primary.xml.gz")
    upstream.faults.replaced["-primary.xml.gz"] = spoil(primary.read_bytes())  # type: ignore[operator]
    assert expected in upstream.refusal()


def test_only_what_changed_is_fetched_again(upstream: Upstream) -> None:
    upstream.read()
    before = len(upstream.faults.asked)
    upstream.read()
    assert [path for path, _ in upstream.faults.asked[before:]] == [
        "/epel/repodata/repomd.xml",
        "/epel/repodata/repomd.xml.asc",
    ]
