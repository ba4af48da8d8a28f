"""Fetching third-party packages over HTTP from mirrors that fail: nothing is kept before it is proved."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.checksum import SHA256, Checksum, Sha256
from altai_build.model.nevra import parse_nevra
from altai_build.stages.fetch import (
    FetchedPackage,
    PackageRequest,
    PackageSources,
    PackageStore,
    fetch_packages,
)
from altai_build.tools.files import sha256_file
from altai_build.tools.http import attempts, transfer
from altai_build.tools.http.attempts import Servers
from altai_build.tools.http.download import fetch_from_servers
from altai_build.tools.progress import ProgressReporter
from altai_build.tools.rpm.header import read_header
from tests.kit.keys import ThrowawayKey, make_key
from tests.kit.repositories import Package, ServerFaults, build_packages, faulty_server, make_repository

PACKAGES = (Package("erlang", weight=300_000), Package("mta"), Package("leaf"))


@dataclass(frozen=True)
class Shop:
    """A mirror with faults, and an empty machine to fetch to."""

    mirror: Path
    key: ThrowawayKey
    machine: Path
    url: str
    faults: ServerFaults

    @property
    def package_store(self) -> PackageStore:
        return PackageStore(self.machine / "packages")

    def wanted(self, name: str) -> PackageRequest:
        """A package as the lock has it."""
        path = next(self.mirror.glob(f"{name}-*.rpm"))
        return PackageRequest(
            repository="deps/epel",
            nevra=read_header(path).nevra,
            location=path.name,
            checksum=Checksum(SHA256, sha256_file(path)),
            size=path.stat().st_size,
            key_file=self.key.public,
        )

    def fetch(
        self, *wanted: PackageRequest, urls: tuple[str, ...] = ()
    ) -> dict[PackageRequest, FetchedPackage]:
        sources = PackageSources(
            package_store=self.package_store,
            released=dict,
            cache=self.machine / "cache",
            urls={"deps/epel": urls or (self.url,)},
        )
        with ProgressReporter().track("packages", len(wanted)) as work:
            return fetch_packages(wanted, sources, jobs=2, work=work)

    def refusal(self, *wanted: PackageRequest, urls: tuple[str, ...] = ()) -> InputError:
        """The error of a fetch that must not succeed; the store holds nothing of what was refused."""
        with pytest.raises(InputError) as caught:
            self.fetch(*wanted, urls=urls)
        for request in wanted:
            assert not self.package_store.get_path(Sha256(request.checksum.value), request.file).exists()
        return caught.value

    def asked(self, name: str) -> list[str]:
        """The ranges that were asked for of a package, "" for the whole."""
        return [span for path, span in self.faults.asked if path.startswith(f"/{name}-")]


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ThrowawayKey]:
    folder = tmp_path_factory.mktemp("mirror")
    key = make_key(folder, "epel")
    return make_repository(folder / "epel", PACKAGES, key), key


@pytest.fixture
def shop(
    mirror: tuple[Path, ThrowawayKey], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    monkeypatch.setattr(attempts, "RETRY_DELAY", 0.01)
    folder, key = mirror
    faults = ServerFaults()
    with faulty_server(folder, faults) as url:
        yield Shop(mirror=folder, key=key, machine=tmp_path, url=url, faults=faults)


def test_packages_come_with_their_signer_and_stay(shop: Shop) -> None:
    wanted = [shop.wanted(package.name) for package in PACKAGES]
    fetched = shop.fetch(*wanted)
    for request in wanted:
        assert sha256_file(fetched[request].path) == request.checksum.sha256 == fetched[request].sha256
        assert fetched[request].signer.fingerprint == shop.key.fingerprint
        assert shop.key.fingerprint.endswith(fetched[request].signer.key_id)
    shop.faults.missing.add(".rpm")  # gone upstream
    assert shop.fetch(*wanted) == fetched
    assert len([path for path, _ in shop.faults.asked if path.endswith(".rpm")]) == len(PACKAGES)


def test_a_damaged_package_in_the_store_is_fetched_again(shop: Shop) -> None:
    wanted = shop.wanted("mta")
    place = shop.fetch(wanted)[wanted].path
    place_size = place.stat().st_size
    place.unlink()
    place.write_bytes(b"\0" * place_size)
    for left in (shop.machine / "cache").rglob("*.rpm"):
        left.unlink()
    assert sha256_file(shop.fetch(wanted)[wanted].path) == wanted.checksum.value


def test_a_package_of_an_earlier_release_needs_no_upstream(shop: Shop) -> None:
    wanted = shop.wanted("leaf")
    released = shop.machine / "releases" / wanted.file
    released.parent.mkdir()
    released.write_bytes((shop.mirror / wanted.file).read_bytes())
    sources = PackageSources(
        package_store=shop.package_store,
        released=lambda: {wanted.checksum.value: released},
        cache=shop.machine / "cache",
        urls={},
    )
    with ProgressReporter(quiet=True).track("packages", 1) as work:
        fetched = fetch_packages([wanted], sources, jobs=1, work=work)
    assert fetched[wanted].path.samefile(released)


def test_a_file_mirror_can_be_rewritten_without_harm(shop: Shop) -> None:
    wanted = shop.wanted("leaf")
    place = shop.fetch(wanted, urls=(shop.mirror.as_uri(),))[wanted].path
    assert not place.samefile(shop.mirror / wanted.file)
    assert place.stat().st_nlink == 1


def test_what_passes_is_tried_again(shop: Shop) -> None:
    shop.faults.broken["erlang-1.0-1.noarch.rpm"] = 2
    wanted = shop.wanted("erlang")
    shop.fetch(wanted)
    assert shop.asked("erlang") == ["", "", ""]


def test_a_download_that_breaks_off_is_resumed(shop: Shop) -> None:
    wanted = shop.wanted("erlang")
    shop.faults.dying[wanted.file] = 2
    fetched = shop.fetch(wanted)[wanted]
    assert sha256_file(fetched.path) == wanted.checksum.value
    first, *rest = shop.asked("erlang")
    assert first == ""
    starts = [int(span.removeprefix("bytes=").rstrip("-")) for span in rest]
    assert starts == sorted(starts)
    size = fetched.path.stat().st_size
    assert size // 3 < starts[0] < starts[1] < size


def test_the_partial_file_of_a_run_that_has_ended_is_resumed(shop: Shop) -> None:
    wanted = shop.wanted("erlang")
    digest = wanted.checksum.value
    place = shop.machine / "cache" / digest[:2] / digest
    place.mkdir(parents=True)
    dead = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitpid(dead, 0)
    half = (shop.mirror / wanted.file).read_bytes()[:100_000]
    (place / f".{wanted.file}.{dead}.part").write_bytes(half)
    assert sha256_file(shop.fetch(wanted)[wanted].path) == digest
    assert shop.asked("erlang") == ["bytes=100000-"]
    assert {path.name for path in place.iterdir()} == {wanted.file}


def test_half_a_file_that_is_of_another_is_thrown_away(shop: Shop) -> None:
    wanted = shop.wanted("erlang")
    digest = wanted.checksum.value
    place = shop.machine / "cache" / digest[:2] / digest
    place.mkdir(parents=True)
    (place / f".{wanted.file}.{os.getpid()}.part").write_bytes(b"x" * 5000)
    assert sha256_file(shop.fetch(wanted)[wanted].path) == digest
    assert shop.asked("erlang") == ["bytes=5000-", ""]


def test_a_mirror_that_fails_is_not_asked_for_every_package(shop: Shop) -> None:
    wanted = [shop.wanted("leaf"), shop.wanted("erlang")]
    shop.faults.broken["gone/leaf-1.0-1.noarch.rpm"] = shop.faults.broken[f"gone/{wanted[1].file}"] = 99
    got = shop.fetch(*wanted, urls=("http://127.0.0.1:9/dead", f"{shop.url}/gone", shop.url))
    assert set(got) == set(wanted)
    dead = Servers(("http://127.0.0.1:9/dead", shop.url))
    folder = shop.machine / "again"
    for request in wanted:
        fetch_from_servers(
            dead, request.location, folder / request.file, size=request.size, checksum=request.checksum
        )
    assert dead.list_best_first() == [shop.url, "http://127.0.0.1:9/dead"]


def test_half_a_package_of_one_mirror_is_completed_by_another(shop: Shop) -> None:
    wanted = shop.wanted("erlang")
    shop.faults.dying[f"half/{wanted.file}"] = 1
    half = shop.mirror / "half"
    half.mkdir(exist_ok=True)
    shutil.copy(shop.mirror / wanted.file, half)
    assert shop.fetch(wanted, urls=(f"{shop.url}/half", shop.url))[wanted].path.is_file()
    assert [path for path, _ in shop.faults.asked] == [f"/half/{wanted.file}", f"/{wanted.file}"]
    assert shop.faults.asked[1][1].startswith("bytes=")


def test_the_errors_of_all_mirrors_are_told(shop: Shop) -> None:
    wanted = shop.wanted("leaf")
    shop.faults.replaced[f"page/{wanted.file}"] = b"<html>Log in</html>"
    why = shop.refusal(wanted, urls=("http://127.0.0.1:9/dead", f"{shop.url}/page", f"{shop.url}/none")).why
    assert "dead/leaf-1.0-1.noarch.rpm: 127.0.0.1:9: Connection refused" in why
    assert "bytes instead of" in why or "the server sent an HTML page in its place" in why
    assert "none/leaf-1.0-1.noarch.rpm: the server answered 404" in why


def test_a_mirror_list_that_cannot_be_read_is_asked_for_once(shop: Shop) -> None:
    asked = []

    class Lists(dict):  # type: ignore[type-arg]
        def get(self, name: str, default: object = None) -> object:
            asked.append(name)
            raise InputError("no list")

    wanted = [shop.wanted("leaf"), shop.wanted("erlang")]
    sources = PackageSources(
        package_store=shop.package_store, released=dict, cache=shop.machine / "cache", urls=Lists()
    )
    with ProgressReporter(quiet=True).track("packages", 2) as work, pytest.raises(InputError) as caught:
        fetch_packages(wanted, sources, jobs=2, work=work)
    assert caught.value.why.count("no list") == 2 and asked == ["deps/epel"]


def test_a_slow_server_is_waited_for(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "TIMEOUT", (5.0, 0.5))
    wanted = shop.wanted("leaf")
    shop.faults.slow[wanted.file] = 0.1  # a kilobyte: slow, but not silent
    shop.fetch(wanted)


def test_a_silent_server_is_given_up(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "TIMEOUT", (5.0, 0.1))
    wanted = shop.wanted("leaf")
    shop.faults.slow[wanted.file] = 1.0
    error = shop.refusal(wanted)
    assert "sent nothing for 0.1 s (4 attempts)" in error.why


def test_another_mirror_is_asked_when_one_does_not_have_it(shop: Shop, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    wanted = shop.wanted("mta")
    with faulty_server(empty, ServerFaults()) as other:
        assert shop.fetch(wanted, urls=(other, shop.url))[wanted].sha256 == wanted.checksum.value


def test_all_unavailable_packages_are_reported_at_once(shop: Shop) -> None:
    shop.faults.missing |= {"mta-1.0-1.noarch.rpm", "leaf-1.0-1.noarch.rpm"}
    erlang = shop.wanted("erlang")
    error = shop.refusal(shop.wanted("mta"), shop.wanted("leaf"))
    assert error.what == "2 third-party packages cannot be used"
    assert [line.split(":")[0] for line in error.why.splitlines()] == [
        "  deps/epel/mta-1.0-1.noarch.rpm",
        "  deps/epel/leaf-1.0-1.noarch.rpm",
    ]
    assert error.why.count("the server answered 404 Not Found") == 2
    assert shop.fetch(erlang)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda data: data[:-10], "bytes instead of"),
        (lambda data: data + b"more", "bytes instead of"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "its sha256 is"),
    ],
    ids=["truncated", "longer", "other bytes"],
)
def test_other_bytes_are_refused(shop: Shop, spoil: object, expected: str) -> None:
    wanted = shop.wanted("leaf")
    shop.faults.replaced[wanted.file] = spoil((shop.mirror / wanted.file).read_bytes())  # type: ignore[operator]
    assert expected in shop.refusal(wanted).why


def test_an_unsigned_package_with_the_right_checksum_is_refused(shop: Shop, tmp_path: Path) -> None:
    (path,) = build_packages(tmp_path / "unsigned", [Package("leaf", "2.0")])
    wanted = replace(
        shop.wanted("leaf"), checksum=Checksum(SHA256, sha256_file(path)), size=path.stat().st_size
    )
    shop.faults.replaced[wanted.file] = path.read_bytes()
    assert "not signed by its repository's key: unsigned" in shop.refusal(wanted).why


def test_a_package_signed_by_another_key_is_refused(shop: Shop, tmp_path: Path) -> None:
    """Even by a key that repos.yaml has for another repository."""
    other = make_key(tmp_path, "updates")
    folder = make_repository(tmp_path / "updates", [Package("leaf", "3.0")], other)
    path = folder / "leaf-3.0-1.noarch.rpm"
    ours, theirs = shop.wanted("mta"), shop.wanted("leaf")
    theirs = replace(theirs, checksum=Checksum(SHA256, sha256_file(path)), size=path.stat().st_size)
    shop.faults.replaced[theirs.file] = path.read_bytes()
    both = replace(ours, repository="deps/updates", key_file=other.public)
    assert "not signed by its repository's key: unknown key" in shop.refusal(theirs).why
    with pytest.raises(InputError, match="unknown key"):
        shop.fetch(replace(both, repository="deps/epel"))


def test_one_bad_package_does_not_hide_another(shop: Shop, tmp_path: Path) -> None:
    (path,) = build_packages(tmp_path / "unsigned", [Package("leaf", "2.0")])
    unsigned = replace(
        shop.wanted("leaf"), checksum=Checksum(SHA256, sha256_file(path)), size=path.stat().st_size
    )
    shop.faults.replaced[unsigned.file] = path.read_bytes()
    shop.faults.missing.add("mta-1.0-1.noarch.rpm")
    why = shop.refusal(unsigned, shop.wanted("mta")).why
    assert "leaf-1.0-1.noarch.rpm: not signed" in why
    assert "mta-1.0-1.noarch.rpm: " in why


def test_a_package_that_is_another_than_its_repository_says_is_refused(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its checksum and its signature are right: who can write unsigned metadata can give any package any name."""
    wanted = shop.wanted("leaf")
    for false in (
        replace(wanted.nevra, version="99.0"),
        replace(wanted.nevra, name="erlang"),
        replace(wanted.nevra, arch="x86_64"),
        replace(wanted.nevra, epoch=1),
    ):
        error = shop.refusal(replace(wanted, nevra=false))
        assert error.why == (
            f"  deps/epel/{false.filename}: it is leaf-1.0-1.noarch, although its repository lists it as {false}: "
            "the metadata is false"
        )
        # What was downloaded is not called good before it was checked, and its last word is that it was refused.
        statuses = [
            line.split()[0] for line in capsys.readouterr().err.splitlines() if false.filename in line
        ]
        assert statuses == ["fetched", "failed"]


def test_a_package_gets_its_canonical_name_whatever_its_repository_calls_it(shop: Shop) -> None:
    wanted = shop.wanted("leaf")
    odd = "-odd: name, (1) é%20#.rpm"
    (shop.mirror / odd).write_bytes((shop.mirror / wanted.location).read_bytes())
    fetched = shop.fetch(replace(wanted, location=odd))
    assert [file.path.name for file in fetched.values()] == ["leaf-1.0-1.noarch.rpm"]


def test_a_package_of_unknown_size_is_fetched(shop: Shop) -> None:
    wanted = replace(shop.wanted("leaf"), size=None)
    for _ in range(2):
        assert shop.fetch(wanted)[wanted].sha256 == wanted.checksum.value


def test_a_location_outside_the_repository_is_refused(shop: Shop) -> None:
    wanted = replace(shop.wanted("leaf"), location="../../etc/leaf-1.0-1.noarch.rpm")
    assert "outside the repository" in shop.refusal(wanted).why


def test_a_package_signed_after_its_key_expired_is_refused(shop: Shop, tmp_path: Path) -> None:
    old = make_key(tmp_path, "old", born="20200101", expires="1y", extended=True)
    folder = make_repository(tmp_path / "old", [Package("leaf", "4.0")], old)
    path = folder / "leaf-4.0-1.noarch.rpm"
    wanted = replace(
        shop.wanted("leaf"),
        checksum=Checksum(SHA256, sha256_file(path)),
        size=path.stat().st_size,
        key_file=old.public,
    )
    shop.faults.replaced[wanted.file] = path.read_bytes()
    assert "not signed by its repository's key: signed after the key expired" in shop.refusal(wanted).why


REAL = "ownerjossh_master-centos6/epel-release-6-8.noarch.rpm"


def real(shop: Shop, shared: Path, package: str, key: str) -> PackageRequest:
    """A package of the real world, served under its own name, and the key that is declared for it."""
    path = shared / "rpms" / package
    shop.faults.replaced[path.name] = path.read_bytes()
    nevra = parse_nevra(path.name.rpartition("--")[2])
    assert nevra is not None
    return PackageRequest(
        repository="deps/epel",
        nevra=nevra,
        location=f"Packages/e/{path.name}",
        checksum=Checksum(SHA256, sha256_file(path)),
        size=path.stat().st_size,
        key_file=shared / "keys" / f"RPM-GPG-KEY-{key}",
    )


def test_a_real_package_of_epel_is_epel_s(shop: Shop, shared: Path) -> None:
    wanted = real(shop, shared, REAL, "EPEL-6")
    other = replace(wanted, key_file=shared / "keys" / "RPM-GPG-KEY-CentOS-6")
    assert "unknown key" in shop.refusal(other).why
    signer = shop.fetch(wanted)[wanted].signer
    assert signer.fingerprint == "8C3BE96AF2309184DA5C0DAE3B49DF2A0608B895"


def test_a_real_package_with_a_spoiled_signature_is_refused(shop: Shop, shared: Path) -> None:
    wanted = real(shop, shared, "derived/signature-flip--epel-release-6-8.noarch.rpm", "EPEL-6")
    assert "not signed by its repository's key: bad signature" in shop.refusal(wanted).why


def test_a_package_signed_before_its_key_expired_is_taken(shop: Shop, shared: Path) -> None:
    """CentOS 6's key expired in 2021, and its packages of 2011 are what they were."""
    package = "cavaliergopher_rpm/centos-release-6-0.el6.centos.5.x86_64.rpm"
    wanted = real(shop, shared, package, "CentOS-6")
    assert shop.fetch(wanted)[wanted].signer.fingerprint.endswith("C105B9DE")


def test_a_real_package_that_is_cut_short_is_refused(shop: Shop, shared: Path) -> None:
    """Its checksum is that of the truncated file: a mirror that indexed damaged bytes."""
    wanted = real(shop, shared, "derived/truncated--centos-release-6-0.el6.centos.5.x86_64.rpm", "CentOS-6")
    assert "not signed by its repository's key" in shop.refusal(wanted).why
