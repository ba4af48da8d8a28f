"""`deps lock` against mirrors on disk: metadata that is not true, files that were replaced, names that are odd."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.config.lockfile import load_lock
from altai_build.config.upstreams import list_upstreams
from altai_build.errors import InputError
from altai_build.model.manifest import manifest_to_json
from altai_build.model.release_files import MANIFEST_NAME
from altai_build.pipeline.deps import check_lock
from altai_build.pipeline.lock import LockUpdate, lock_packages, read_metadata
from altai_build.pipeline.run import Run
from altai_build.tools.files import sha256_file
from altai_build.tools.progress import ProgressReporter
from altai_build.workspace import Workspace
from tests.kit import manifests
from tests.kit.keys import ThrowawayKey, make_key, signing_key
from tests.kit.locks import REPOS, read_local
from tests.kit.repodata import edit_primary
from tests.kit.repositories import Package, build_packages, index_repository, make_repository

CLIENT = Package("client", requires=["foo"])
EPEL = (
    Package("foo", requires=["bar"], provides=["virtual"], files={"/usr/bin/foo": ""}),
    Package("bar"),
    Package("baz"),
    Package("other-virtual", provides=["virtual"], weight=5000),
)


@dataclass
class Warnings(ProgressReporter):
    """Keeps the warnings."""

    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(quiet=True)

    def warn(self, message: str) -> None:
        self.lines.append(message)


@dataclass(frozen=True)
class Site:
    """A superproject with an empty base, the mirror `epel`, and a workspace."""

    folder: Path
    key: ThrowawayKey
    reporter: Warnings

    @property
    def epel(self) -> Path:
        return self.folder / "epel"

    @property
    def run(self) -> Run:
        (self.folder / "repos.yaml").write_text(REPOS.format(root=self.folder.as_uri(), settings=""))
        return Run(
            config=load_config(self.folder / "repos.yaml"),
            workspace=Workspace(self.folder / "workspace"),
            jobs=2,
            builder="chroot",
            reporter=self.reporter,
        )

    def lock(self, ours: Package = CLIENT, *, renewed: Sequence[str] = (), keep: bool = True) -> LockUpdate:
        """What `deps lock` does; with `renewed` as `--update NAME`, without `keep` as `--update`."""
        path = self.folder / "deps.lock.yaml"
        previous = load_lock(path) if path.exists() else None
        kept = [
            package
            for package in (previous.packages if previous and keep else ())
            if package.nevra.name not in renewed
        ]
        local = [read_local(path) for path in build_packages(self.folder / "ours", [ours])]
        metadata = read_metadata(self.run, None)
        made = lock_packages(self.run, local, metadata, previous, kept=kept, renewed=renewed)
        assert load_lock(path) == made.lock
        if list_upstreams(self.run.config):
            check_lock(self.run, made.lock, local)
        return made

    def names(self, ours: Package = CLIENT) -> list[str]:
        return [package.nevra.name for package in self.lock(ours).lock.packages]

    def sign_again(self, *names: str, key: ThrowawayKey | None = None) -> list[str]:
        """Replace packages by ones of the same version that were signed later; returns their new SHA-256."""
        packages = [package for package in EPEL if package.name in names]
        paths = build_packages(self.folder / "again", packages)
        with signing_key(key or self.key) as signer:
            signer.sign_rpms(paths, rpmv3=True)
        for path in paths:
            (self.epel / path.name).unlink()
            shutil.copy(path, self.epel)
        index_repository(self.epel, key or self.key)
        return [sha256_file(path) for path in paths]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ThrowawayKey]:
    folder = tmp_path_factory.mktemp("made")
    key = make_key(folder, "epel")
    for name, packages in (("base", ()), ("updates", ()), ("epel", EPEL)):
        make_repository(folder / name, packages, key)
    return folder, key


@pytest.fixture
def site(made: tuple[Path, ThrowawayKey], tmp_path: Path) -> Site:
    folder = tmp_path / "site"
    shutil.copytree(made[0], folder)
    return Site(folder, made[1], Warnings())


def test_true_metadata_is_locked_without_a_warning(site: Site) -> None:
    made = site.lock()
    assert [str(package.nevra) for package in made.lock.packages] == ["bar-1.0-1.noarch", "foo-1.0-1.noarch"]
    assert site.reporter.lines == []


def test_what_metadata_hides_is_locked_and_reported(site: Site) -> None:
    edit_primary(site.epel, ('<rpm:entry name="bar"/>', '<rpm:entry name="baz"/>'))
    assert site.names() == ["bar", "foo"]
    assert site.reporter.lines == [
        "deps/epel: foo-1.0-1.noarch: it requires bar, which its metadata hides",
        "deps/epel: foo-1.0-1.noarch: its metadata says that it requires baz",
    ]


def test_a_symbol_version_of_libc_that_createrepo_omits_is_locked(site: Site) -> None:
    wide, narrow = "libc.so.6(GLIBC_2.14)(64bit)", "libc.so.6(GLIBC_2.4)"
    packages = (Package("wine", requires=[wide, narrow]), Package("glibc32", provides=[narrow]))
    shutil.rmtree(site.epel)
    make_repository(site.epel, packages, site.key)
    client = Package("client", requires=["wine"])
    base = Package("glibc", provides=[wide])
    for provided, names in (([], ["glibc32", "wine"]), ([narrow], ["wine"])):
        shutil.rmtree(site.folder / "base")
        make_repository(site.folder / "base", [replace(base, provides=[wide, *provided])], site.key)
        site.reporter.lines.clear()
        # The release accepts the lock.
        assert site.names(client) == names
        assert site.reporter.lines == [
            f"deps/epel: wine-1.0-1.noarch: it requires {narrow}, which its metadata hides" for _ in names[1:]
        ]


def test_file_lists_are_read_after_metadata_was_found_to_differ(site: Site) -> None:
    wide, narrow = "libc.so.6(GLIBC_2.14)(64bit)", "libc.so.6(GLIBC_2.4)"
    packages = (
        Package("wine", requires=[wide, narrow]),
        Package("glibc", provides=[wide]),
        Package("glibc32", provides=[narrow], requires=["/opt/odd/place"]),
        Package("odd", files={"/opt/odd/place": ""}),
    )
    shutil.rmtree(site.epel)
    make_repository(site.epel, packages, site.key)
    assert site.names(Package("client", requires=["wine"])) == ["glibc", "glibc32", "odd", "wine"]


def test_a_package_that_does_not_provide_what_its_metadata_says_is_not_locked(site: Site) -> None:
    edit_primary(site.epel, ('<rpm:entry name="baz"', '<rpm:entry name="virtual"/><rpm:entry name="baz"'))
    assert site.names(Package("client", requires=["virtual", "foo"])) == ["bar", "foo"]
    site.reporter.lines.clear()
    edit_primary(
        site.epel,
        (
            '<rpm:provides>\n      <rpm:entry name="foo" flags="EQ" epoch="0" ver="1.0" rel="1"/>\n'
            '      <rpm:entry name="virtual"/>',
            '<rpm:provides>\n      <rpm:entry name="foo" flags="EQ" epoch="0" ver="1.0" rel="1"/>',
        ),
        ("<name>other-virtual", "<name>other-virtual"),
    )
    assert site.names(Package("client", requires=["virtual"])) == ["other-virtual"]


def test_a_file_that_only_metadata_has_is_not_taken(site: Site) -> None:
    edit_primary(site.epel, ("</rpm:provides>", "</rpm:provides><file>/usr/bin/false-claim</file>"))
    with pytest.raises(InputError, match="1 requirement of the release cannot be met") as caught:
        site.lock(Package("client", requires=["/usr/bin/false-claim"]))
    assert "no repository provides it" in caught.value.why
    line = "deps/epel: {}-1.0-1.noarch: it does not contain /usr/bin/false-claim"
    assert set(site.reporter.lines) <= {line.format(package.name) for package in EPEL}
    assert site.reporter.lines


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ('<version epoch="0" ver="1.0" rel="1"/>', '<version epoch="0" ver="99.0" rel="1"/>'),
        ("<name>foo</name>", "<name>foo-evil</name>"),
        ("<arch>noarch</arch>", "<arch>x86_64</arch>"),
        ('<version epoch="0"', '<version epoch="7"'),
    ],
)
def test_a_package_under_another_name_version_or_architecture_is_refused(
    site: Site, true: str, false: str
) -> None:
    edit_primary(site.epel, (true, false))
    with pytest.raises(InputError, match=r"third-party packages? cannot be used") as caught:
        site.lock(Package("client", requires=["/usr/bin/foo"]))
    assert "it is foo-1.0-1.noarch, although its repository lists it as foo" in caught.value.why
    assert not (site.folder / "deps.lock.yaml").exists()


def test_a_file_of_any_name_and_of_unknown_size_is_locked_and_checked(site: Site) -> None:
    odd = "-a: b, (c) @ d & e = f .. é %20 #?.rpm"
    shutil.copy(site.epel / "foo-1.0-1.noarch.rpm", site.epel / odd)
    size = (site.epel / odd).stat().st_size
    edit_primary(
        site.epel,
        ("foo-1.0-1.noarch.rpm", odd.replace("&", "&amp;")),
        (f'<size package="{size}"', '<size package="0"'),
    )
    foo = site.lock().lock.packages[1]
    assert (foo.location, foo.size, foo.file) == (odd, size, "foo-1.0-1.noarch.rpm")


def test_a_location_that_starts_with_a_dot_is_locked_and_checked(site: Site) -> None:
    """As some tools write them."""
    edit_primary(site.epel, ('href="foo', 'href="./foo'))
    assert site.lock().lock.packages[1].location == "foo-1.0-1.noarch.rpm"


def test_a_file_that_was_replaced_without_a_new_version_stays_as_it_was_locked(site: Site) -> None:
    before = {package.nevra.name: package.sha256 for package in site.lock().lock.packages}
    (new,) = site.sign_again("foo")
    made = site.lock()
    assert {package.nevra.name: package.sha256 for package in made.lock.packages} == before != {"foo": new}
    assert made.changes == ()
    assert site.reporter.lines == [
        "deps/epel/foo-1.0-1.noarch.rpm: its repository replaced the file without a new version; the earlier bytes "
        "are kept (`altai-build deps lock --update NAME` takes the new ones)"
    ]
    (change,) = site.lock(renewed=["foo"]).changes
    assert (change.kind, change.name) == ("changed", "foo")
    assert load_lock(site.folder / "deps.lock.yaml").packages[1].sha256 == new


def test_what_was_released_stays_without_a_lock_and_with_an_update_of_all(site: Site) -> None:
    foo = site.lock().lock.packages[1]
    released = site.folder / "releases" / "1.0"
    (released / foo.repository).mkdir(parents=True)
    shutil.copy(site.epel / foo.file, released / foo.repository)
    entry = manifests.package(str(foo.nevra), repository=foo.repository)
    manifest = manifests.manifest("1.0", [replace(entry, sha256=foo.sha256, file=foo.file)])
    (released / MANIFEST_NAME).write_text(manifest_to_json(manifest))
    (new,) = site.sign_again("foo")
    (site.folder / "deps.lock.yaml").unlink()
    shutil.rmtree(site.folder / "workspace")
    for keep in (True, False):
        assert site.lock(keep=keep).lock.packages[1].sha256 == foo.sha256
    assert site.lock(renewed=["foo"]).lock.packages[1].sha256 == new


def test_new_bytes_are_taken_where_the_old_ones_are_gone(site: Site) -> None:
    site.lock()
    (new,) = site.sign_again("foo")
    shutil.rmtree(site.folder / "workspace" / "packages")
    assert site.lock().lock.packages[1].sha256 == new


def test_new_bytes_are_taken_where_the_old_ones_are_signed_by_a_key_that_was_replaced(site: Site) -> None:
    site.lock()
    other = make_key(site.folder, "other")
    (site.folder / "epel.pub").write_bytes(other.public.read_bytes())
    for name in ("base", "updates"):
        index_repository(site.folder / name, other)
    new = site.sign_again("foo", "bar", key=other)
    assert [package.sha256 for package in site.lock().lock.packages] == new[::-1]
    assert site.reporter.lines == []


ODD_METADATA = {
    "checksum of an unknown kind": ('type="sha256" pkgid', 'type="crc32" pkgid'),
    "checksum that is none": ('type="sha256" pkgid="YES">', 'type="sha256" pkgid="YES">x'),
    "unknown encoding": ('encoding="UTF-8"', 'encoding="klingon"'),
    "encoding of bytes": ('encoding="UTF-8"', 'encoding="hex"'),
    "epoch that is no number": ('epoch="0" ver="1.0" rel="1"/>\n', 'epoch="x" ver="1.0" rel="1"/>\n'),
    "epoch without end": ('epoch="0" ver="1.0" rel="1"/>\n', f'epoch="{"9" * 5000}" ver="1.0" rel="1"/>\n'),
    "long location": ('href="foo', f'href="{"x" * 300}/foo'),
    "location elsewhere": ('href="foo', 'href="../../foo'),
    "host that is none": ('<location href="foo', '<location xml:base="http://[" href="foo'),
    "port that is none": ('<location href="foo', '<location xml:base="http://x:999999/" href="foo'),
    "size that is no number": ('<size package="', '<size package="x'),
    "size without end": ('<size package="', f'<size package="{"9" * 40}'),
    "name with a line break": ("<name>foo</name>", "<name>foo&#10;bar</name>"),
    "name of a path": ("<name>foo</name>", "<name>../foo</name>"),
    "architecture that is none": ("<arch>noarch</arch>", "<arch>x&#27;[31m</arch>"),
    "long requirement": ('<rpm:entry name="bar"/>', f'<rpm:entry name="{"(" * 5000}bar"/>'),
}


@pytest.mark.parametrize("name", ODD_METADATA)
def test_odd_metadata_is_refused_or_locked_so_that_it_can_be_read(site: Site, name: str) -> None:
    edit_primary(site.epel, ODD_METADATA[name])
    try:
        made = site.lock()
    except InputError as error:
        assert "did not foresee" not in error.todo
        assert str(error)
    else:
        assert {package.nevra.name for package in made.lock.packages} <= {"foo", "bar"}
