"""Resolution on a generated repository: the question of `deps lock`, bare libsolv and dnf in turn.

Every variant is a process of its own and answers the same question: what does one package of ours need of a base
repository of 1,000 packages and a mirror of so many? The rows `work alone` are without Python's start and imports.
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
WANTED = 60  # requirements of our package
EPOCH = 1_700_000_000


# ---- the repository ----------------------------------------------------------------------------------------------


def make_repositories(folder: Path, count: int) -> list[str]:
    """base and mirror below `folder`; returns what our package requires."""
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
    """Up to `most` requirements out of a pool, names and virtual capabilities mixed."""
    chosen = chance.sample(pool, min(len(pool), chance.randint(0, most)))
    return [f"{name}(api)" if chance.random() < 0.3 else name for name in chosen]


def write_repository(folder: Path, rows: Sequence[tuple[str, Sequence[str]]]) -> None:
    """The metadata of packages that do not exist, as createrepo_c would write it."""
    import createrepo_c  # here, and not in the processes that are measured

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
    package.requires = [(one, None, None, None, None, False) for one in requires]
    package.files = [(None, f"/usr/share/{name}/", f"file{number}") for number in range(8)]
    package.files.append((None, "/usr/bin/", name))
    return package


# ---- the variants, each in a process of its own ----------------------------------------------------------------


def answer_ours(folder: Path) -> int:
    """The stage behind `altai-build deps lock`: metadata, closure, reasons."""
    from altai_build.config import Key
    from altai_build.config.upstreams import Upstream
    from altai_build.model.lock import MirrorPolicy
    from altai_build.model.package import LocalRpm
    from altai_build.stages.deps import resolve_closure
    from altai_build.stages.upstreams import read_upstreams
    from altai_build.tools.rpm.header import read_header

    key = Key(name="none", file=folder / "none", is_signing_key=False)
    upstreams = [
        Upstream("base/os", (folder / "base").as_uri(), None, key, None, ()),
        Upstream("mirror", (folder / "mirror").as_uri(), None, key, MirrorPolicy("mirror", None), ()),
    ]
    cache = folder / "cache"
    metadata = read_upstreams(upstreams, cache=cache / "metadata", known=None, jobs=2)
    (path,) = (folder / "ours").glob("*.rpm")
    ours = LocalRpm(path=path, header=read_header(path), sha256="0" * 64)
    closure, _ = resolve_closure([ours], upstreams, metadata, arch="x86_64", cache=cache / "solv")
    return len(closure.packages)


def answer_libsolv(folder: Path) -> int:
    """What libsolv alone needs from its own cache: the limit."""
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
        pool.Job(solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE_PROVIDES, pool.Dep(one).id)
        for one in names
    ]
    solver = pool.Solver()
    assert not solver.solve(jobs)
    chosen = solver.transaction().newsolvables()
    return sum(one.repo.name == "mirror" for one in chosen)


def make_question(folder: Path, wanted: Sequence[str]) -> None:
    """Our package, as an RPM for us and as words for the others."""
    from tests.kit.repositories import Package, build_packages

    build_packages(folder / "ours", [Package("our", requires=wanted)])
    (folder / "wanted").write_text(" ".join(wanted))
    (folder / "dnf.repo").write_text(
        "".join(
            f"[{name}]\nname={name}\nbaseurl={(folder / name).as_uri()}\npriority={priority}\ngpgcheck=0\n\n"
            for name, priority in (("base", 1), ("mirror", 2))
        )
    )


def dnf_command(folder: Path, wanted: Sequence[str]) -> list[str]:
    """The same question to dnf, from its cache."""
    options = [f"--installroot={folder / 'root'}", f"--setopt=reposdir={folder}", "--releasever=1"]
    options += [f"--setopt=cachedir={folder / 'dnf'}", "--setopt=install_weak_deps=0", "--noplugins"]
    return ["dnf", *options, "--assumeno", "--cacheonly", "install", *wanted]


# ---- measuring ---------------------------------------------------------------------------------------------------


def make(folder: Path, count: int) -> list[str]:
    """Repositories and question, and see that we find what libsolv finds; returns what is wanted."""
    wanted = make_repositories(folder, count)
    make_question(folder, wanted)
    ours, bare = answer_ours(folder), answer_libsolv(folder)
    print(f"{count} packages, {WANTED} requirements; answers: ours {ours} packages, libsolv {bare}")
    return wanted


def variants(folder: Path, wanted: Sequence[str]) -> list[Variant]:
    """All who answer, as processes."""
    me = [PYTHON, __file__, "--folder", str(folder), "--answer"]
    dnf = dnf_command(folder, wanted)
    cold = [one for one in dnf if one != "--cacheonly"]
    return [
        Variant("libsolv, its own cache", [*me, "libsolv"]),
        Variant("ours", [*me, "ours"]),
        Variant("ours, cold", [*me, "ours"], before=removing(folder / "cache")),
        # An answer that is only assumed is 1.
        Variant("dnf, cold", cold, before=removing(folder / "dnf"), peer="dnf", status=1),
        Variant("dnf -C", dnf, peer="dnf", status=1),
    ]


def main() -> None:
    """Make the repositories, ask once to see that all agree, then measure."""
    parser = measure.make_parser(__doc__, rounds=7)
    measure.add_number(parser, "--packages", 20_000, "of the mirror")
    measure.add_sizes(parser, "1000,4000,16000", "packages")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--answer", choices=["ours", "libsolv"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.answer:
        print({"ours": answer_ours, "libsolv": answer_libsolv}[arguments.answer](arguments.folder))
        return
    with measure.scratch("resolve", "dnf") as folder:
        wanted = make(folder / "main", arguments.packages)
        alone = [
            Variant("libsolv, work alone", lambda: answer_libsolv(folder / "main")),
            Variant("ours, work alone", lambda: answer_ours(folder / "main")),
        ]
        times = measure.take_turns([*variants(folder / "main", wanted), *alone], arguments.rounds)
        base = "libsolv, its own cache"
        measure.show(f"{arguments.packages} packages", times, base)

        def grown(count: int) -> list[Variant]:
            return variants(folder / f"{count}", make(folder / f"{count}", count))

        curves = measure.measure_growth(arguments.sizes, grown, max(3, arguments.rounds // 2))
        measure.show_growth("Resolution", "packages", curves, arguments.svg)
    measure.judge(
        [
            ("warm / libsolv from its own cache", ratios(times, "ours", base), 2),
            ("warm / dnf -C", ratios(times, "ours", "dnf -C"), 0.7),
            ("cold / dnf, cold", ratios(times, "ours, cold", "dnf, cold"), 0.4),
        ]
    )


if __name__ == "__main__":
    main()
