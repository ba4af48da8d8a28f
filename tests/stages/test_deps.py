"""Is a lock still right? What differs from another? Why is a package in it? On locks made from real repodata."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from altai_build.config import Config, load_config
from altai_build.errors import InputError
from altai_build.model.checksum import Sha256
from altai_build.model.lock import Choice, ChoiceRule, DependencyStep, Lock, LockedPackage, Requirement
from altai_build.model.package import LocalRpm
from altai_build.model.release import Signer
from altai_build.stages.deps import (
    compare_packages,
    explain_locked_package,
    find_base_requirements,
    find_lock_errors,
    list_upstreams,
    make_lock_content,
    read_upstreams,
    resolve_closure,
)
from altai_build.tools.files import sha256_file
from altai_build.tools.rpm.header import read_header
from altai_build.tools.solver.closure import Closure
from altai_build.tools.solver.pool import PackagePool
from tests.kit.keys import make_key
from tests.kit.repositories import Package, build_packages, make_repository

BASE = (Package("base-lib"), Package("base-python", provides=["python(abi) = 2.6"]))
UPDATES = (Package("base-lib", "1.1"),)
EPEL = (
    Package("erlang", "14", requires=["erlang-crypto", "base-lib"]),
    Package("erlang-crypto", "14", requires=["python(abi) = 2.6"]),
    Package("mta", "1"),
    Package("leaf", "1", recommends=["nice"]),
    Package("nice", "1"),
    Package("rich-a", "1"),
)
REPOS = """\
project: altai
targets:
  el6:
    mock_config: m
    arch: x86_64
    base: [{{name: os, url: "{root}/base", key: k}}]
keys: {{k: {{file: epel.pub}}, ours: {{file: ours.pub, signs: true}}}}
repositories:
  main: {{source: superproject, target: el6, key: ours}}
  deps/updates: {{source: mirror, target: el6, url: "{root}/updates", key: k, packages: needed}}
  deps/epel: {{source: mirror, target: el6, url: "{root}/epel", key: k, packages: needed{settings}}}
release: {{baseurl: "https://example.org/"}}
"""


@dataclass(frozen=True)
class Mirrors:
    """Repositories on disk; what `deps lock` does with them, without the command line."""

    folder: Path

    def config(self, settings: str = "", name: str = "repos") -> Config:
        path = self.folder / f"{name}.yaml"
        path.write_text(REPOS.format(root=self.folder.as_uri(), settings=settings))
        return load_config(path)

    def ours(self, *packages: Package) -> list[LocalRpm]:
        folder = self.folder / "ours" / hashlib.sha256(repr(packages).encode()).hexdigest()[:12]
        return [local(path) for path in build_packages(folder, packages)]

    def close(
        self, config: Config, ours: list[LocalRpm], known: Lock | None = None
    ) -> tuple[Closure, PackagePool, Lock]:
        upstreams = list_upstreams(config)
        cache = self.folder / "cache"
        metadata = read_upstreams(upstreams, cache=cache / "metadata", known=known, jobs=2)
        closure, pool = resolve_closure(ours, upstreams, metadata, arch="x86_64", cache=cache / "solv")
        files = [self.file(one.repository, one.resolved.location) for one in closure.packages]
        packages = [
            LockedPackage(
                nevra=one.resolved.nevra,
                repository=one.repository,
                location=one.resolved.location,
                sha256=sha256_file(file),
                size=one.resolved.size,
                license=one.license,
                signer=Signer(key_id="1", fingerprint="1"),
                needed_by=one.needed_by,
                choice=one.choice,
            )
            for one, file in zip(closure.packages, files)
        ]
        from_base = find_base_requirements(closure, pool, [read_header(file) for file in files])
        return (
            closure,
            pool,
            make_lock_content(config.get_target(), upstreams, metadata, from_base, packages),
        )

    def lock(self, config: Config, ours: list[LocalRpm]) -> Lock:
        return self.close(config, ours)[2]

    def faults(self, lock: Lock, config: Config, ours: list[LocalRpm]) -> list[str]:
        shipped = {one: local(self.file(one.repository, one.location)) for one in lock.packages}
        lines = find_lock_errors(
            lock,
            config.get_target(),
            list_upstreams(config),
            ours,
            shipped,
            arch="x86_64",
            cache=self.folder / "empty",
        )
        return [line.strip() for line in lines]

    def file(self, repository: str, location: str) -> Path:
        return self.folder / repository.removeprefix("deps/") / location


def local(path: Path) -> LocalRpm:
    return LocalRpm(path=path, header=read_header(path), sha256=sha256_file(path))


@pytest.fixture(scope="module")
def mirrors(tmp_path_factory: pytest.TempPathFactory) -> Mirrors:
    folder = tmp_path_factory.mktemp("mirrors")
    key = make_key(folder, "epel")
    for name, packages in (("base", BASE), ("updates", UPDATES), ("epel", EPEL)):
        make_repository(folder / name, packages, key)
    return Mirrors(folder)


NOVA = Package("nova", requires=["erlang", "base-lib"])


def test_a_fresh_lock_is_right(mirrors: Mirrors) -> None:
    config, ours = mirrors.config(), mirrors.ours(NOVA, Package("glance", requires=["mta", "nova"]))
    lock = mirrors.lock(config, ours)
    assert [one.nevra.name for one in lock.packages] == ["erlang", "erlang-crypto", "mta"]
    assert lock.from_base == ("base-lib", "python(abi) = 2.6")
    assert [(one.name, one.signed) for one in lock.repositories] == [
        ("base/os", True),
        ("deps/updates", True),
        ("deps/epel", True),
    ]
    assert mirrors.faults(lock, config, ours) == []


def test_a_new_version_of_ours_with_the_same_needs_changes_nothing(mirrors: Mirrors) -> None:
    config = mirrors.config()
    lock = mirrors.lock(config, mirrors.ours(NOVA))
    assert mirrors.faults(lock, config, mirrors.ours(replace(NOVA, version="9.9"))) == []


def test_a_requirement_that_nothing_meets_is_told(mirrors: Mirrors) -> None:
    config = mirrors.config()
    lock = mirrors.lock(config, mirrors.ours(NOVA))
    more = replace(NOVA, requires=["erlang", "base-lib", "leaf", "base-lib >= 1.1"])
    assert mirrors.faults(lock, config, mirrors.ours(more)) == [
        "nova requires base-lib >= 1.1, for which nothing is locked",
        "nova requires leaf, for which nothing is locked",
    ]


def test_a_package_that_nothing_needs_any_more_is_told(mirrors: Mirrors) -> None:
    config = mirrors.config()
    lock = mirrors.lock(config, mirrors.ours(NOVA))
    assert mirrors.faults(lock, config, mirrors.ours(replace(NOVA, requires=["base-lib"]))) == [
        "erlang-14-1.noarch (deps/epel) is locked, and nothing needs it any more",
        "erlang-crypto-14-1.noarch (deps/epel) is locked, and nothing needs it any more",
    ]


def test_another_reason_is_told(mirrors: Mirrors) -> None:
    config = mirrors.config()
    lock = mirrors.lock(config, mirrors.ours(NOVA))
    changed = mirrors.ours(replace(NOVA, requires=["erlang >= 2", "base-lib"]))
    assert mirrors.faults(lock, config, changed) == [
        "nova requires erlang >= 2, which the lock does not give as a reason for erlang",
        "nova no longer requires erlang, a reason for erlang",
    ]


def test_a_changed_definition_is_told(mirrors: Mirrors) -> None:
    ours = mirrors.ours(NOVA)
    lock = mirrors.lock(mirrors.config(), ours)
    changed = mirrors.config(settings=", prefer: [mta], exclude: [x], weak: true", name="changed")
    assert mirrors.faults(lock, changed, ours) == [
        "prefer, exclude, weak of the repository deps/epel changed in repos.yaml"
    ]
    other = replace(lock, target="el7", repositories=lock.repositories[:-1])
    assert mirrors.faults(replace(other, packages=()), mirrors.config(), ours)[:2] == [
        "it is for the target el7, and the release is for el6",
        "the repository deps/epel is new in repos.yaml",
    ]
    backwards = replace(lock, repositories=tuple(reversed(lock.repositories)))
    assert mirrors.faults(backwards, mirrors.config(), ours) == [
        "the order of the repositories, which is that of preference, changed in repos.yaml"
    ]


def test_weak_and_listed_packages_are_no_faults(mirrors: Mirrors) -> None:
    config = mirrors.config(settings=", weak: true", name="weak")
    ours = mirrors.ours(Package("our", requires=["leaf"]))
    lock = mirrors.lock(config, ours)
    assert [one.nevra.name for one in lock.packages] == ["leaf", "nice"]
    assert mirrors.faults(lock, config, ours) == []
    path = mirrors.folder / "listed.yaml"
    text = REPOS.format(root=mirrors.folder.as_uri(), settings="").replace(
        "key: k, packages: needed}\nrelease", "key: k, packages: [erlang, leaf]}\nrelease"
    )
    path.write_text(text)
    config = load_config(path)
    lock = mirrors.lock(config, ours)
    assert [one.nevra.name for one in lock.packages] == ["erlang", "erlang-crypto", "leaf"]
    assert mirrors.faults(lock, config, ours) == []


def test_rich_requirements_are_locked_and_checked(mirrors: Mirrors) -> None:
    config = mirrors.config()
    ours = mirrors.ours(Package("our", requires=["(rich-a or rich-b)", "(gone if not-there)"]))
    lock = mirrors.lock(config, ours)
    assert [one.nevra.name for one in lock.packages] == ["rich-a"]
    assert mirrors.faults(lock, config, ours) == []


def test_the_definition_of_base_is_part_of_the_lock(mirrors: Mirrors) -> None:
    ours = mirrors.ours(NOVA)
    lock = mirrors.lock(mirrors.config(), ours)
    moved = replace(lock.repositories[0], url="https://example.org/other")
    assert mirrors.faults(
        replace(lock, repositories=(moved, *lock.repositories[1:])), mirrors.config(), ours
    ) == ["url of the repository base/os changed in repos.yaml"]


def test_metadata_that_was_signed_must_stay_signed(mirrors: Mirrors) -> None:
    config, ours = mirrors.config(), mirrors.ours(NOVA)
    lock = mirrors.lock(config, ours)
    signature = mirrors.folder / "epel/repodata/repomd.xml.asc"
    kept = signature.read_bytes()
    signature.unlink()
    try:
        with pytest.raises(InputError, match="it was signed when packages were locked"):
            mirrors.close(config, ours, known=lock)
    finally:
        signature.write_bytes(kept)


def test_a_lock_says_how_another_answer_differs(mirrors: Mirrors) -> None:
    config = mirrors.config()
    lock = mirrors.lock(config, mirrors.ours(NOVA, Package("old", requires=["mta"])))
    renamed = {one.nevra.name: one for one in lock.packages}
    older = replace(renamed["erlang"], nevra=replace(renamed["erlang"].nevra, version="13"))
    newer = replace(renamed["erlang-crypto"], nevra=replace(renamed["erlang-crypto"].nevra, epoch=1))
    other = replace(renamed["mta"], sha256=Sha256("0" * 64))
    ours = mirrors.ours(NOVA, Package("new", requires=["leaf", "mta"]))
    closure = mirrors.close(config, ours)[0]
    told = [
        (one.kind, one.name, one.old, one.new, one.reason)
        for one in compare_packages([older, newer, other], closure.packages)
    ]
    assert told == [
        ("upgraded", "erlang", "erlang-13-1.noarch", "erlang-14-1.noarch", "only provider; needed by nova"),
        (
            "downgraded",
            "erlang-crypto",
            "erlang-crypto-1:14-1.noarch",
            "erlang-crypto-14-1.noarch",
            "only provider; needed by erlang",
        ),
        ("added", "leaf", None, "leaf-1-1.noarch", "only provider; needed by new"),
        (
            "changed",
            "mta",
            "mta-1-1.noarch",
            "mta-1-1.noarch",
            "upstream has other bytes under the same name",
        ),
    ]
    moved = replace(renamed["erlang"], repository="deps/updates")
    (change,) = compare_packages(
        [moved], [one for one in closure.packages if one.resolved.nevra.name == "erlang"]
    )
    assert (change.kind, change.repository) == ("moved", "deps/epel")
    (gone,) = compare_packages([renamed["mta"]], [])
    assert (gone.kind, gone.new, gone.reason) == ("removed", None, "nothing needs it any more")


def test_why_prints_the_chain_from_ours(mirrors: Mirrors) -> None:
    lock = mirrors.lock(mirrors.config(), mirrors.ours(NOVA))
    for name in ("erlang-crypto", "erlang-crypto-14-1.noarch", "erlang-crypto-14-1.noarch.rpm"):
        found = explain_locked_package(lock, name)
        assert found.chains == (
            (DependencyStep("nova", "erlang"), DependencyStep("erlang", "erlang-crypto")),
        )
        assert found.package.choice == Choice(ChoiceRule.ONLY)
        assert found.package.needed_by == (Requirement("erlang", "erlang-crypto"),)
        assert found.revision == "1700000000"


@pytest.mark.parametrize(
    ("name", "why", "todo"),
    [
        ("base-lib", "the system itself provides it", "`altai-build deps list` shows what is locked"),
        ("erlng", "no release package needs it from a mirror", "perhaps you meant erlang"),
    ],
)
def test_why_of_what_is_not_locked(mirrors: Mirrors, name: str, why: str, todo: str) -> None:
    lock = mirrors.lock(mirrors.config(), mirrors.ours(NOVA))
    with pytest.raises(InputError) as caught:
        explain_locked_package(lock, name)
    assert (caught.value.why, caught.value.todo) == (why, todo)
