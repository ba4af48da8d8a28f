"""Resolution over generated repositories: `deps lock`, bare libsolv and dnf.

Every variant is a process of its own and resolves the same requirements of one package over a base repository of
1,000 packages and a mirror. The rows `work alone` do not include the start and the imports of Python.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from benchmarks import measure  # noqa: E402
from benchmarks.measure import PYTHON, Variant, ratios, removing  # noqa: E402

BASE_PACKAGES = 1000
# requirements of the package
WANTED = 60
EPOCH = 1_700_000_000


# ---- the repository ----------------------------------------------------------------------------------------------


def make_repositories(folder: Path, count: int) -> list[str]:
    """Write base and mirror below `folder`; returns what the package requires."""
    chance = random.Random(1)
    base = [f"base-{number:04d}" for number in range(BASE_PACKAGES)]
    mirror = [f"lib{chance.choice('abcdefgh')}-{number:05d}" for number in range(count)]
    write_repository(folder / "base", [(name, needs(chance, base[:at], 2)) for at, name in enumerate(base)])
    rows = []
    for at, name in enumerate(mirror):
        requires = needs(chance, mirror[max(0, at - 2000) : at], 1) + needs(chance, base, 4)
        rows.append((name, requires))
    write_repository(folder / "mirror", rows)
    return sorted(chance.sample(mirror, WANTED))


def needs(chance: random.Random, pool: Sequence[str], most: int) -> list[str]:
    """Up to `most` requirements from a pool, both names and virtual capabilities."""
    chosen = chance.sample(pool, min(len(pool), chance.randint(0, most)))
    return [f"{name}(api)" if chance.random() < 0.3 else name for name in chosen]


def write_repository(folder: Path, rows: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Write the metadata of packages that do not exist, as createrepo_c would write it."""
    # imported here, because the processes that are measured must not import it
    import createrepo_c

    repodata = folder / "repodata"
    repodata.mkdir(parents=True)
    kinds = {
        "primary": (createrepo_c.PrimaryXmlFile, createrepo_c.xml_dump_primary),
        "filelists": (createrepo_c.FilelistsXmlFile, createrepo_c.xml_dump_filelists),
        "other": (createrepo_c.OtherXmlFile, createrepo_c.xml_dump_other),
    }
    repomd = createrepo_c.Repomd()
    repomd.set_revision(str(EPOCH))
    packages = [describe(name, requires) for name, requires in rows]
    for kind, (make_file, dump) in kinds.items():
        path = repodata / f"{kind}.xml.gz"
        file = make_file(str(path), createrepo_c.GZ_COMPRESSION)
        file.set_num_of_pkgs(len(packages))
        for package in packages:
            file.add_chunk(dump(package))
        file.close()
        record = createrepo_c.RepomdRecord(kind, str(path))
        record.fill(createrepo_c.SHA256)
        record.rename_file()
        repomd.set_record(record)
    (repodata / "repomd.xml").write_text(repomd.xml_dump())


def describe(name: str, requires: Sequence[str]) -> Any:
    """One package with files, capabilities and requirements."""
    import createrepo_c

    package = createrepo_c.Package()
    package.name, package.arch = name, "noarch"
    package.epoch, package.version, package.release = "0", "1.0", "1.el6"
    package.summary = package.description = f"Generated package {name}"
    package.rpm_license, package.rpm_vendor = "MIT", "Benchmark"
    package.rpm_sourcerpm = f"{name}-1.0-1.el6.src.rpm"
    package.location_href = f"{name}-1.0-1.el6.noarch.rpm"
    package.pkgId = f"{random.Random(name).getrandbits(256):064x}"
    package.checksum_type = "sha256"
    package.time_file = package.time_build = EPOCH
    package.size_package = 1000 + random.Random(name).randrange(1_000_000)
    package.size_installed = package.size_archive = 2 * package.size_package
    package.provides = [
        (name, "EQ", "0", "1.0", "1.el6", False),
        (f"{name}(api)", "EQ", "0", "1.0", None, False),
    ]
    package.requires = [(requirement, None, None, None, None, False) for requirement in requires]
    package.files = [(None, f"/usr/share/{name}/", f"file{number}") for number in range(8)]
    package.files.append((None, "/usr/bin/", name))
    return package


# ---- the variants, each in a process of its own ----------------------------------------------------------------


def resolve_with_altai_build(folder: Path) -> int:
    """The stage behind `altai-build deps lock`: metadata, closure, reasons."""
    from altai_build.config import Key
    from altai_build.config.upstreams import Upstream
    from altai_build.model.lock import MirrorPolicy
    from altai_build.model.package import LocalRpm
    from altai_build.stages.lock import ClosureResolver
    from altai_build.stages.upstreams import read_upstreams
    from altai_build.tools.rpm.header import read_header

    key = Key(name="none", file=folder / "none.pub", is_signing_key=False)
    upstreams = [
        Upstream("base/os", (folder / "base").as_uri(), None, key, None, (), "x86_64"),
        Upstream(
            "mirror", (folder / "mirror").as_uri(), None, key, MirrorPolicy("mirror", None), (), "x86_64"
        ),
    ]
    cache = folder / "cache"
    metadata = read_upstreams(upstreams, cache=cache / "metadata", known=None, jobs=2)
    (path,) = (folder / "ours").glob("*.rpm")
    ours = LocalRpm(path=path, header=read_header(path), sha256="0" * 64)
    resolver = ClosureResolver([ours], upstreams, metadata, arch="x86_64", cache=cache / "solv")
    return len(resolver.resolve().packages)


def resolve_with_libsolv(folder: Path) -> int:
    """Resolve with libsolv alone, from its own cache: the lower limit."""
    import solv

    pool = solv.Pool()
    pool.setdisttype(solv.Pool.DISTTYPE_RPM)
    pool.setarch("x86_64")
    for name, priority in (("base", 99), ("mirror", 98)):
        repo = pool.add_repo(name)
        repo.priority = priority
        cached = folder / "bare" / f"{name}.solv"
        if cached.exists():
            stream = solv.xfopen(str(cached))
            repo.add_solv(stream)
        else:
            (primary,) = (folder / name / "repodata").glob("*-primary.xml.gz")
            stream = solv.xfopen(str(primary))
            repo.add_rpmmd(stream, None)
            cached.parent.mkdir(exist_ok=True)
            out = solv.xfopen(str(cached), "w")
            repo.write(out)
            out.close()
        stream.close()
    pool.addfileprovides()
    pool.createwhatprovides()
    names = (folder / "wanted").read_text().split()
    jobs = [
        pool.Job(solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE_PROVIDES, pool.Dep(name).id)
        for name in names
    ]
    solver = pool.Solver()
    assert not solver.solve(jobs)
    chosen = solver.transaction().newsolvables()
    return sum(one.repo.name == "mirror" for one in chosen)


def write_requirements(folder: Path, wanted: Sequence[str]) -> None:
    """Our package, as an RPM for us and as words for the others."""
    from tests.kit.keys import make_key
    from tests.kit.repositories import Package, build_packages

    make_key(folder, "none")
    build_packages(folder / "ours", [Package("our", requires=wanted)])
    (folder / "wanted").write_text(" ".join(wanted))
    (folder / "dnf.repo").write_text(
        "".join(
            f"[{name}]\nname={name}\nbaseurl={(folder / name).as_uri()}\npriority={priority}\ngpgcheck=0\n\n"
            for name, priority in (("base", 1), ("mirror", 2))
        )
    )


def dnf_command(folder: Path, wanted: Sequence[str]) -> list[str]:
    """Resolve the same requirements with dnf, from its cache."""
    options = [f"--installroot={folder / 'root'}", f"--setopt=reposdir={folder}", "--releasever=1"]
    options += [f"--setopt=cachedir={folder / 'dnf'}", "--setopt=install_weak_deps=0", "--noplugins"]
    return ["dnf", *options, "--assumeno", "--cacheonly", "install", *wanted]


# ---- measuring ---------------------------------------------------------------------------------------------------


def make(folder: Path, count: int) -> list[str]:
    """Make repositories and requirements, and print how many packages altai-build and libsolv find."""
    wanted = make_repositories(folder, count)
    write_requirements(folder, wanted)
    ours, bare = resolve_with_altai_build(folder), resolve_with_libsolv(folder)
    print(f"{count} packages, {WANTED} requirements; packages found: ours {ours}, libsolv {bare}")
    return wanted


def variants(folder: Path, wanted: Sequence[str]) -> list[Variant]:
    """All variants as processes."""
    me = [PYTHON, __file__, "--folder", str(folder), "--resolver"]
    dnf = dnf_command(folder, wanted)
    cold = [word for word in dnf if word != "--cacheonly"]
    return [
        Variant("libsolv, its own cache", [*me, "libsolv"]),
        Variant("ours", [*me, "ours"]),
        Variant("ours, cold", [*me, "ours"], before=removing(folder / "cache")),
        # with --assumeno, dnf exits with 1
        Variant("dnf, cold", cold, before=removing(folder / "dnf"), peer="dnf", status=1),
        Variant("dnf -C", dnf, peer="dnf", status=1),
    ]


def main() -> None:
    """Make the repositories, resolve once with each resolver, then measure."""
    parser = measure.make_parser(__doc__, rounds=7)
    measure.add_number(parser, "--packages", 20_000, "packages in the mirror")
    measure.add_sizes(parser, "1000,4000,16000", "packages")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--resolver", choices=["ours", "libsolv"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.resolver:
        print(
            {"ours": resolve_with_altai_build, "libsolv": resolve_with_libsolv}[arguments.resolver](
                arguments.folder
            )
        )
        return
    with measure.scratch("resolve", "dnf") as folder:
        wanted = make(folder / "main", arguments.packages)
        alone = [
            Variant("libsolv, work alone", lambda: resolve_with_libsolv(folder / "main")),
            Variant("ours, work alone", lambda: resolve_with_altai_build(folder / "main")),
        ]
        times = measure.take_turns([*variants(folder / "main", wanted), *alone], arguments.rounds)
        base = "libsolv, its own cache"
        measure.print_times(f"{arguments.packages} packages", times, base)

        def grown(count: int) -> list[Variant]:
            return variants(folder / f"{count}", make(folder / f"{count}", count))

        curves = measure.measure_growth(arguments.sizes, grown, max(3, arguments.rounds // 2))
        measure.print_growth("Resolution", "packages", curves, arguments.svg)
    measure.print_targets(
        [
            ("warm / libsolv from its own cache", ratios(times, "ours", base), 2),
            ("warm / dnf -C", ratios(times, "ours", "dnf -C"), 0.7),
            ("cold / dnf, cold", ratios(times, "ours, cold", "dnf, cold"), 0.4),
        ]
    )


if __name__ == "__main__":
    main()
