"""Three repositories with real packages, for closures: base, updates and epel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.lock import MirrorPolicy
from altai_build.model.nevra import parse_nevra
from altai_build.tools.repo.metadata import RepositorySource, fetch_metadata, read_local_metadata
from altai_build.tools.rpm.header import read_header
from altai_build.tools.solver.closure import Closure, ClosurePackage, compute_closure
from altai_build.tools.solver.pool import PackagePool
from tests.kit.repodata import describe_repository
from tests.kit.repositories import Package, build_packages, make_repository

BASE = (
    Package("base-python", provides=["python(abi) = 2.6"]),
    Package("base-lib", "1.0", provides=["liblib.so.1"]),
    Package("base-shell", files={"/bin/shell": "", "/opt/odd/place": ""}),
    Package("base-tool", "1.0", requires=["base-lib"]),
)
UPDATES = (
    Package("base-lib", "1.1", provides=["liblib.so.1"]),
    Package("base-lib", "1.2", provides=["liblib.so.1"]),
    Package("base-tool", "1.1", requires=["base-lib >= 1.1"]),
    Package("shared", "1.0"),
)
EPEL = (
    Package("shared", "2.0"),
    Package("erlang", "14", requires=["erlang-crypto = 14", "base-lib"]),
    Package("erlang", "15", requires=["erlang-crypto = 15", "base-lib"]),
    Package("erlang-crypto", "14", requires=["python(abi) = 2.6"]),
    Package("erlang-crypto", "15", requires=["python(abi) = 2.6"]),
    Package("mta-big", provides=["mta"], requires=["mta-part-1", "mta-part-2"]),
    Package("mta-small", provides=["mta"]),
    Package("mta-zero", provides=["mta"], weight=4000),
    Package("mta-part-1"),
    Package("mta-part-2"),
    Package("same-a", provides=["same"], weight=3000),
    Package("same-b", provides=["same"], weight=100),
    Package("leaf", recommends=["nice-to-have"]),
    Package("nice-to-have"),
    Package("left", conflicts=["right"]),
    Package("right"),
    Package("dead-end", requires=["libgone.so.9"]),
    Package("selfish", provides=["own-thing"], requires=["own-thing"]),
    Package("needs-update", requires=["base-lib >= 1.1"]),
)


@dataclass(frozen=True)
class Mirrors:
    """The three repositories, and packages of ours made on demand."""

    folder: Path

    def close(
        self,
        *ours: Package,
        packages: Sequence[str] | None = None,
        prefer: Sequence[str] = (),
        exclude: Sequence[str] = (),
        weak: bool = False,
        locked: Sequence[str] = (),
        cache: str = "cache",
    ) -> Closure:
        """The closure of packages of ours; the settings are those of the repository epel."""
        cached = self.folder / cache
        pool = PackagePool("x86_64", cache=cached / "solv")
        for rank, name in enumerate(("base", "updates", "epel")):
            source = RepositorySource(
                name=name,
                urls=((self.folder / name).as_uri(),),
                check_packages=False,
                check_metadata=False,
                keys=(),
                priority=rank,
                exclude=tuple(exclude) if name == "epel" else (),
            )
            pool.add_repository(fetch_metadata(source, cached / "metadata"))
        paths = (
            build_packages(self.folder / "ours" / "-".join(package.name for package in ours), ours)
            if ours
            else []
        )
        numbers = [pool.add_local(path, read_header(path)) for path in paths]
        offers = [
            MirrorPolicy("updates", None),
            MirrorPolicy("epel", tuple(packages) if packages is not None else None, tuple(prefer), weak),
        ]
        before = [(place.partition("/")[0], parse_nevra(place.partition("/")[2])) for place in locked]
        return compute_closure(
            pool, numbers, ["base"], offers, locked=[(name, nevra) for name, nevra in before if nevra]
        )


def make_mirrors(folder: Path) -> Mirrors:
    """Build the packages of all three repositories."""
    for name, packages in (("base", BASE), ("updates", UPDATES), ("epel", EPEL)):
        make_repository(folder / name, packages)
    return Mirrors(folder)


def close_over(
    folder: Path,
    *ours: Package,
    base: Sequence[Package] = (),
    mirror: Sequence[Package] = (),
    later: Sequence[Package] = (),
    prefer: Sequence[str] = (),
    locked: Sequence[str] = (),
    modules: str = "",
    base_modules: str = "",
    chosen: Mapping[str, str] | None = None,
) -> Closure:
    """The closure of packages of ours over a base and a mirror, `epel`, of which there is the metadata alone.

    `later` are the packages of a second mirror, `extra`.

    `modules` and `base_modules` are texts of modules.yaml; `chosen` are the streams that repos.yaml chooses.
    """
    pool = PackagePool("x86_64", cache=folder / "solv")
    repositories = [("base", base, base_modules), ("epel", mirror, modules), ("extra", later, "")]
    for priority, (name, packages, text) in enumerate(repositories):
        parts = {"modules": text.encode()} if text else {}
        metadata = read_local_metadata(name, describe_repository(folder / name, packages, **parts))
        streams = tuple((chosen or {}).items()) if name == "epel" else ()
        source = replace(metadata.source, priority=priority, modules=streams)
        pool.add_repository(replace(metadata, source=source))
    paths = build_packages(folder / "ours", ours)
    numbers = [pool.add_local(path, read_header(path)) for path in paths]
    before = [nevra for text in locked if (nevra := parse_nevra(text)) is not None]
    return compute_closure(
        pool,
        numbers,
        ["base"],
        [MirrorPolicy("epel", None, tuple(prefer)), MirrorPolicy("extra", None)],
        locked=[("epel", nevra) for nevra in before],
    )


def shipped(closure: Closure) -> set[str]:
    return {
        f"{package.repository}/{str(package.resolved.nevra).removesuffix('.noarch')}"
        for package in closure.packages
    }


def find_package(closure: Closure, name: str) -> ClosurePackage:
    (found,) = [package for package in closure.packages if package.resolved.nevra.name == name]
    return found


def refusal(ask: Callable[[], object]) -> InputError:
    with pytest.raises(InputError) as caught:
        ask()
    return caught.value
