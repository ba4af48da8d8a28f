"""Resolution on a generated repository of 20,000 packages: the question of `deps lock`, bare libsolv and dnf in turn.

usage: .venv/bin/python benchmarks/resolve.py [--packages N] [--rounds N] [--keep DIR]

Every variant is a process of its own and answers the same question: what does one package of ours need of a base
repository of 1,000 packages and a mirror of N? Variants take turns inside each round; a ratio is the median of the
ratios inside the rounds. Nothing here fails for being slow: read the table.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
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
    from altai_build.stages.deps import Upstream, close_over, read_upstreams
    from altai_build.tools.buildroot import LocalRpm
    from altai_build.tools.closure import Offer
    from altai_build.tools.rpmfile import read_header

    begin = time.perf_counter()
    key = Key(name="none", file=folder / "none", signs=False)
    upstreams = [
        Upstream("base/os", (folder / "base").as_uri(), None, key, None, ()),
        Upstream("mirror", (folder / "mirror").as_uri(), None, key, Offer("mirror", None), ()),
    ]
    cache = folder / "cache"
    metadata = read_upstreams(upstreams, cache=cache / "metadata", known=None, jobs=2)
    (path,) = (folder / "ours").glob("*.rpm")
    ours = LocalRpm(path=path, header=read_header(path), sha256="0" * 64)
    closure, _ = close_over([ours], upstreams, metadata, arch="x86_64", cache=cache / "solv")
    _tell_time(begin)
    return len(closure.members)


def answer_libsolv(folder: Path) -> int:
    """What libsolv alone needs from its own cache: the limit."""
    import solv

    begin = time.perf_counter()
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
    _tell_time(begin)
    return sum(one.repo.name == "mirror" for one in chosen)


def _tell_time(begin: float) -> None:
    """The seconds that the work itself took, without Python's start and imports, for the measuring process."""
    print(f"inside {time.perf_counter() - begin}", file=sys.stderr)


def make_question(folder: Path, wanted: Sequence[str]) -> None:
    """Our package, as an RPM for us and as words for the others."""
    sys.path.insert(0, str(ROOT))
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


def seconds(argv: Sequence[str]) -> tuple[float, float]:
    """How long a process takes, and what of it was work (0 where it does not say).

    Its exit status is the caller's business: dnf --assumeno ends with 1.
    """
    begin = time.perf_counter()
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""},
        check=False,
    )
    whole = time.perf_counter() - begin
    told = [line.split() for line in done.stderr.decode().splitlines() if line.startswith("inside ")]
    return whole, float(told[0][1]) if told else 0.0


def measure(folder: Path, wanted: Sequence[str], rounds: int) -> None:
    """Take turns, then print medians and ratios."""
    me = [sys.executable, __file__, "--folder", str(folder), "--answer"]
    dnf = dnf_command(folder, wanted)
    variants: dict[str, tuple[list[str], tuple[str, ...]]] = {
        "libsolv alone, its own cache": ([*me, "libsolv"], ()),
        "ours, warm": ([*me, "ours"], ()),
        "dnf -C, warm": (dnf, ()),
        "ours, cold": ([*me, "ours"], ("cache",)),
        "dnf, cold": ([one for one in dnf if one != "--cacheonly"], ("dnf",)),
    }
    if shutil.which("dnf") is None:
        variants = {name: one for name, one in variants.items() if "dnf" not in name}
        print("dnf is not installed: it is left out")
    times: dict[str, list[float]] = {name: [] for name in variants}
    works: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, (argv, forgotten) in variants.items():
            for place in forgotten:
                shutil.rmtree(folder / place, ignore_errors=True)
            whole, work = seconds(argv)
            times[name].append(whole)
            works[name].append(work)
    print(f"{'variant':32}{'median':>10}{'min':>10}{'max':>10}{'ratio to the first':>22}{'work alone':>12}")
    first = times["libsolv alone, its own cache"]
    for name, found in times.items():
        ratio = statistics.median(one / base for one, base in zip(found, first))
        print(
            f"{name:32}{statistics.median(found) * 1000:8.0f}ms{min(found) * 1000:8.0f}ms"
            f"{max(found) * 1000:8.0f}ms{ratio:22.2f}"
            + (f"{statistics.median(works[name]) * 1000:10.0f}ms" if any(works[name]) else "")
        )
    for ours, peer in (("ours, warm", "dnf -C, warm"), ("ours, cold", "dnf, cold")):
        if peer in times:
            ratio = statistics.median(one / other for one, other in zip(times[ours], times[peer]))
            print(f"{ours} to {peer}: {ratio:.2f}")


def main() -> None:
    """Make the repositories, ask once to see that all agree, then measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--packages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="make it there, and leave it")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--answer", choices=["ours", "libsolv"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.answer:
        answer = {"ours": answer_ours, "libsolv": answer_libsolv}[arguments.answer](arguments.folder)
        print(answer)
        return
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="resolve."))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        wanted = make_repositories(folder, arguments.packages)
        make_question(folder, wanted)
        print(f"{arguments.packages} packages, {WANTED} requirements")
        print(f"answers: ours {answer_ours(folder)} packages, libsolv {answer_libsolv(folder)}")
        seconds([one for one in dnf_command(folder, wanted) if one != "--cacheonly"])
        measure(folder, wanted, arguments.rounds)
    finally:
        if arguments.keep is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
