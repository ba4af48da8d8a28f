"""Packages that rpm refuses to install together are found, in the release and in the operating system."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from altai_build.errors import DistrustedError, InputError
from altai_build.model.findings import Severity
from altai_build.rules.view import VerifyContext
from altai_build.tools.repo.metadata import RepositoryMetadata, RepositorySource, fetch_metadata
from tests.kit.findings import findings, messages_by_subject
from tests.kit.keys import ThrowawayKey, make_key, signing_key
from tests.kit.releases import Materials, make_release, make_release_contents, sign, with_packages
from tests.kit.repositories import index_repository
from tests.kit.rpms import build_rpm


def release_with(folder: Path, materials: Materials, *rpms: Path) -> Path:
    sign(materials, *rpms)
    contents = with_packages(make_release_contents(materials), "centos6", *rpms)
    return make_release(folder / "1.0.2", materials, contents)


def rpm_installs(folder: Path, *rpms: Path) -> bool:
    """Whether the real rpm puts these packages into one root."""
    root = folder / "root"
    root.mkdir()
    words = [
        "rpm",
        "--root",
        str(root),
        "--dbpath",
        "/db",
        "--install",
        "--nodeps",
        "--noscripts",
        *map(str, rpms),
    ]
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("one", "other", "conflicts_in_rpm"),
    [
        ({"files": {"/opt/x": "one\n"}}, {"files": {"/opt/x": "other\n"}}, True),
        ({"files": {"/opt/x": "same\n"}}, {"files": {"/opt/x": "same\n"}}, False),
        (
            {"files": {"/opt/x": "same\n"}},
            {"files": {"/opt/x": "same\n"}, "attributes": {"/opt/x": "%attr(755, root, root)"}},
            True,
        ),
        ({"files": {"/opt/x": "file\n"}}, {"files": {}, "attributes": {"/opt/x": "%dir"}}, True),
        (
            {"files": {}, "attributes": {"/opt/x": "%dir"}},
            {"files": {}, "attributes": {"/opt/x": "%dir"}},
            False,
        ),
        (
            {"files": {}, "attributes": {"/opt/x": "%dir"}},
            {"files": {}, "attributes": {"/opt/x": "%dir %attr(700, root, root)"}},
            True,
        ),
        (
            {"files": {}, "attributes": {"/opt/x": "%dir"}},
            {"files": {}, "attributes": {"/opt/x": "%dir %attr(755, bin, bin)"}},
            True,
        ),
        (
            {"files": {"/opt/x": "one\n"}},
            {"files": {"/opt/x": "2\n"}, "attributes": {"/opt/x": "%ghost"}},
            False,
        ),
    ],
)
def test_conflicts_are_those_of_rpm(
    materials: Materials,
    tmp_path: Path,
    one: dict[str, object],
    other: dict[str, object],
    conflicts_in_rpm: bool,
) -> None:
    rpms = [
        build_rpm(tmp_path / name, name, **settings).binary  # type: ignore[arg-type]
        for name, settings in (("first", one), ("second", other))
    ]
    release = release_with(tmp_path, materials, *rpms)
    assert rpm_installs(tmp_path, *rpms) is not conflicts_in_rpm
    answer = messages_by_subject(release, "file-conflicts")
    message = f"the package conflicts with centos6/{rpms[1].name}: different files at /opt/x"
    assert answer == ({f"centos6/{rpms[0].name}": message} if conflicts_in_rpm else {})


@pytest.mark.parametrize(
    "dependency",
    [
        {"conflicts": ["first"]},
        {"conflicts": ["first < 2"]},
        {"conflicts": ["thing"]},
        {"obsoletes": ["first < 2"]},
    ],
)
def test_packages_that_exclude_one_another_have_no_conflict(
    materials: Materials, tmp_path: Path, dependency: dict[str, list[str]]
) -> None:
    first = build_rpm(tmp_path / "1", "first", files={"/opt/x": "one\n"}, provides=["thing"]).binary
    second = build_rpm(tmp_path / "2", "second", files={"/opt/x": "two\n"}, **dependency).binary  # type: ignore[arg-type]
    assert messages_by_subject(release_with(tmp_path, materials, first, second), "file-conflicts") == {}


def test_an_exclusion_of_other_versions_does_not_help(materials: Materials, tmp_path: Path) -> None:
    first = build_rpm(tmp_path / "1", "first", "2.0", files={"/opt/x": "one\n"}).binary
    second = build_rpm(
        tmp_path / "2",
        "second",
        files={"/opt/x": "two\n"},
        conflicts=["first < 2"],
        obsoletes=["first < 1.9"],
    ).binary
    assert len(messages_by_subject(release_with(tmp_path, materials, first, second), "file-conflicts")) == 1


# ---- the operating system ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayKey:
    return make_key(tmp_path_factory.mktemp("key"), "os")


FILESYSTEM: dict[str, str] = {"/usr/bin": "%dir %attr(555, root, root)", "/opt": "%dir", "/var/run": "%dir"}


def make_base(folder: Path, key: ThrowawayKey, *rpms: Path) -> RepositoryMetadata:
    """The repository of an operating system: these packages, and one that has the standard folders."""
    repository = folder / "base"
    repository.mkdir()
    filesystem = build_rpm(
        folder / "filesystem", "filesystem", "2", files={"/etc/os": "os\n"}, attributes=FILESYSTEM
    )
    for rpm in (filesystem.binary, *rpms):
        rpm.rename(repository / rpm.name)
    with signing_key(key) as signer:
        signer.sign_rpms(sorted(repository.glob("*.rpm")), rpmv3=True)
    index_repository(repository, None)
    return read_base(folder, key)


def read_base(folder: Path, key: ThrowawayKey) -> RepositoryMetadata:
    source = RepositorySource(
        name="os",
        urls=((folder / "base").as_uri(),),
        check_packages=True,
        check_metadata=False,
        keys=(key.public,),
    )
    return fetch_metadata(source, folder / "metadata")


def knowing(*base: RepositoryMetadata) -> VerifyContext:
    return VerifyContext(base=lambda: base)


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"files": {"/usr/bin/own": "x\n"}}, ""),
        ({"files": {}, "attributes": {"/usr/bin": "%dir"}}, "/usr/bin"),
        ({"files": {}, "attributes": {"/usr/bin": "%dir %attr(555, root, root)"}}, ""),
        ({"files": {"/etc/os": "mine\n"}}, "/etc/os"),
        ({"files": {"/etc/os": "os\n"}}, ""),
        ({"files": {"/var/run": "a file\n"}}, "/var/run"),
        ({"files": {"/etc/os": "mine\n"}, "conflicts": ["filesystem"]}, ""),
        ({"files": {"/etc/os": "mine\n"}, "conflicts": ["filesystem < 2"]}, "/etc/os"),
    ],
)
def test_files_are_compared_with_those_of_the_operating_system_as_rpm_does(
    materials: Materials, key: ThrowawayKey, tmp_path: Path, settings: dict[str, object], where: str
) -> None:
    base = make_base(tmp_path, key)
    own = build_rpm(tmp_path / "own", "own", **settings).binary  # type: ignore[arg-type]
    release = release_with(tmp_path, materials, own)
    if "conflicts" not in settings:
        installed = rpm_installs(tmp_path, *(tmp_path / "base").glob("filesystem-*.noarch.rpm"), own)
        assert installed is not bool(where)
    message = f"the package conflicts with filesystem-2-1.noarch of os: different files at {where}"
    expected = {f"centos6/{own.name}": message} if where else {}
    assert messages_by_subject(release, "file-conflicts", knowing(base)) == expected
    # Nobody knows of the operating system's files without its repositories.
    assert messages_by_subject(release, "file-conflicts") == {}


def test_a_package_that_the_release_replaces_does_not_count(
    materials: Materials, key: ThrowawayKey, tmp_path: Path
) -> None:
    old = [
        build_rpm(tmp_path / "sys", name, "1", files={f"/opt/{name}": "old\n"}).binary
        for name in ("tool", "gone", "stays")
    ]
    base = make_base(tmp_path, key, *old)
    new = [
        build_rpm(
            tmp_path / "own", "tool", "2", files={"/opt/x": "x\n"}, obsoletes=["gone < 2", "stays < 1"]
        ).binary,
        build_rpm(
            tmp_path / "own", "more", "1", files={f"/opt/{name}": "new\n" for name in ("tool", "gone")}
        ).binary,
        build_rpm(tmp_path / "own", "last", "1", files={"/opt/stays": "new\n"}).binary,
    ]
    release = release_with(tmp_path, materials, *new)
    assert messages_by_subject(release, "file-conflicts", knowing(base)) == {
        f"centos6/{new[2].name}": "the package conflicts with stays-1-1.noarch of os: different files at /opt/stays"
    }


def test_the_newest_package_of_the_operating_system_counts(
    materials: Materials, key: ThrowawayKey, tmp_path: Path
) -> None:
    versions = [
        build_rpm(tmp_path / version, "tool", version, files={"/opt/x": text}).binary
        for version, text in (("1", "other\n"), ("2", "same\n"))
    ]
    base = make_base(tmp_path, key, *versions)
    release = release_with(tmp_path, materials, build_rpm(tmp_path, "own", files={"/opt/x": "same\n"}).binary)
    assert messages_by_subject(release, "file-conflicts", knowing(base)) == {}


def test_only_packages_with_common_paths_are_fetched_and_as_few_as_possible(
    materials: Materials, key: ThrowawayKey, tmp_path: Path
) -> None:
    shared = {"/opt": "%dir"}
    rpms = [
        build_rpm(tmp_path / name, name, files={f"/opt/{name}": "x\n"}, attributes=shared).binary
        for name in ("one", "two", "three")
    ]
    base = make_base(tmp_path, key, *rpms)
    attributes = {"/opt": "%dir", "/var/run": "%dir"}
    release = release_with(
        tmp_path, materials, build_rpm(tmp_path, "own", files={}, attributes=attributes).binary
    )
    context = VerifyContext(base=lambda: (base,), packages=tmp_path / "packages")
    assert messages_by_subject(release, "file-conflicts", context) == {}
    assert [path.name for path in (tmp_path / "packages").rglob("*.rpm")] == ["filesystem-2-1.noarch.rpm"]


Spoil = Callable[[Path], None]


def remove_package(folder: Path) -> None:
    (package,) = folder.glob("filesystem-*.noarch.rpm")
    package.unlink()


def remove_signatures(folder: Path) -> None:
    for path in folder.glob("*.rpm"):
        subprocess.run(["rpmsign", "--delsign", str(path)], check=True, stdout=subprocess.DEVNULL)
    index_repository(folder, None)


def remove_file_lists(folder: Path) -> None:
    repomd = folder / "repodata" / "repomd.xml"
    text = repomd.read_text()
    start = text.index('<data type="filelists">')
    repomd.write_text(text[:start] + text[text.index("</data>", start) + len("</data>") :])


@pytest.mark.parametrize(
    ("spoil", "severity", "why"),
    [
        (remove_package, Severity.WARNING, "filesystem-2-1.noarch.rpm"),
        (remove_signatures, Severity.ERROR, "the key of the repository os did not sign 1 package from it"),
        (remove_file_lists, Severity.WARNING, "the repository os has no file lists"),
    ],
)
def test_what_could_not_be_compared_is_a_finding(
    materials: Materials, key: ThrowawayKey, tmp_path: Path, spoil: Spoil, severity: Severity, why: str
) -> None:
    make_base(tmp_path, key)
    spoil(tmp_path / "base")
    base = read_base(tmp_path, key)
    own = build_rpm(tmp_path / "own", "own", files={"/etc/os": "mine\n"}).binary
    (finding,) = findings(release_with(tmp_path, materials, own), "file-conflicts", knowing(base))
    assert (finding.subject, finding.severity) == ("1.0.2", severity)
    assert finding.message.startswith("the files were not compared with those of the operating system: ")
    assert why in finding.message


@pytest.mark.parametrize(("error", "count"), [(InputError("no route"), 1), (DistrustedError("no key"), 0)])
def test_an_unreachable_system_is_a_warning_and_a_distrusted_one_is_left_to_the_closure(
    materials: Materials, tmp_path: Path, error: InputError, count: int
) -> None:
    def fail() -> Sequence[RepositoryMetadata]:
        raise error

    release = make_release(tmp_path / "1.0.2", materials, make_release_contents(materials))
    assert len(findings(release, "file-conflicts", VerifyContext(base=fail))) == count
