"""Locks made from real repodata: repositories on disk, and what `deps lock` does with them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from altai_build.config import Config, load_config
from altai_build.config.upstreams import list_upstreams
from altai_build.model.lock import Lock, LockedPackage
from altai_build.model.package import LocalRpm
from altai_build.model.release import Signer
from altai_build.stages.lock import ClosureResolver, find_base_requirements, make_lock_content
from altai_build.stages.lock_check import find_lock_errors
from altai_build.stages.upstreams import read_upstreams
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
class LockSite:
    """The folder of the repositories base, updates and epel."""

    folder: Path

    def config(self, settings: str = "", name: str = "repos") -> Config:
        path = self.folder / f"{name}.yaml"
        path.write_text(REPOS.format(root=self.folder.as_uri(), settings=settings))
        return load_config(path)

    def ours(self, *packages: Package) -> list[LocalRpm]:
        folder = self.folder / "ours" / hashlib.sha256(repr(packages).encode()).hexdigest()[:12]
        return [read_local(path) for path in build_packages(folder, packages)]

    def resolve(
        self, config: Config, ours: list[LocalRpm], known: Lock | None = None
    ) -> tuple[Closure, PackagePool, Lock]:
        upstreams = list_upstreams(config)
        cache = self.folder / "cache"
        metadata = read_upstreams(upstreams, cache=cache / "metadata", known=known, jobs=2)
        resolver = ClosureResolver(ours, upstreams, metadata, arch="x86_64", cache=cache / "solv")
        closure, pool = resolver.resolve(), resolver.pool
        files = [self.file(package.repository, package.resolved.location) for package in closure.packages]
        packages = [
            LockedPackage(
                nevra=package.resolved.nevra,
                repository=package.repository,
                location=package.resolved.location,
                sha256=sha256_file(file),
                size=package.resolved.size,
                license=package.license,
                signer=Signer(key_id="1", fingerprint="1"),
                needed_by=package.needed_by,
                choice=package.choice,
            )
            for package, file in zip(closure.packages, files)
        ]
        from_base = find_base_requirements(closure, pool, [read_header(file) for file in files])
        return (
            closure,
            pool,
            make_lock_content(config.get_target(), upstreams, metadata, from_base, packages),
        )

    def lock(self, config: Config, ours: list[LocalRpm]) -> Lock:
        return self.resolve(config, ours)[2]

    def errors(self, lock: Lock, config: Config, ours: list[LocalRpm]) -> list[str]:
        shipped = {
            package: read_local(self.file(package.repository, package.location)) for package in lock.packages
        }
        lines = find_lock_errors(
            lock,
            config.get_target(),
            list_upstreams(config),
            ours,
            shipped,
            cache=self.folder / "empty",
        )
        return [line.strip() for line in lines]

    def file(self, repository: str, location: str) -> Path:
        return self.folder / repository.removeprefix("deps/") / location


def read_local(path: Path) -> LocalRpm:
    return LocalRpm(path=path, header=read_header(path), sha256=sha256_file(path))


def make_lock_site(folder: Path) -> LockSite:
    """Build the packages of all repositories, signed."""
    key = make_key(folder, "epel")
    for name, packages in (("base", BASE), ("updates", UPDATES), ("epel", EPEL)):
        make_repository(folder / name, packages, key)
    return LockSite(folder)


NOVA = Package("nova", requires=["erlang", "base-lib"])
