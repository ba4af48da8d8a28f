#!/usr/bin/env python3
"""Repositories: metadata from nothing and with nothing changed, links, hashes; ours against the programs.

usage: .venv/bin/python benchmarks/repositories.py [--packages N] [--files N] [--sizes N,N,…] [--rounds N] [--svg FILE]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from altai_build.model.release import Compat  # noqa: E402
from altai_build.tools.files import link_or_copy, sha256_file  # noqa: E402
from altai_build.tools.repodata import program, write_repodata  # noqa: E402
from benchmarks.measure import Variant, judge, ratio, run, show, show_growth, take_turns, tell_machine  # noqa: E402

EPOCH = 1_700_000_000
_SUBPACKAGE = (
    "%package -n {name}\nSummary: x\n%description -n {name}\nx\n%files -n {name}\n/usr/share/p/{name}\n"
)


def make_packages(folder: Path, count: int) -> None:
    """So many small RPMs, all out of one spec."""
    folder.mkdir(parents=True)
    names = [f"package{number:05d}" for number in range(count)]
    spec = folder / "many.spec"
    spec.write_text(
        "Name: many\nVersion: 1\nRelease: 1\nSummary: x\nLicense: MIT\nBuildArch: noarch\n%description\nx\n"
        + "".join(_SUBPACKAGE.format(name=name) for name in names)
        + "%install\nmkdir -p %{buildroot}/usr/share/p\ncd %{buildroot}/usr/share/p\n"
        + f"for n in $(seq -f package%05g 0 {count - 1}); do\n"
        + "mkdir $n; for f in 1 2 3 4 5 6 7; do echo $n >$n/$f; done; done\n"
    )
    defines = [
        f"--define=_topdir {folder}/top",
        f"--define=_rpmdir {folder}",
        "--define=_rpmfilename %%{NAME}.rpm",
    ]
    run(["rpmbuild", "-bb", "--nodeps", "--define=_binary_payload w1.gzdio", *defines, str(spec)])
    shutil.rmtree(folder / "top")
    spec.unlink()


def lay_out(source: Path, destination: Path) -> None:
    """What composing does with every package."""
    destination.mkdir()
    for entry in os.scandir(source):
        link_or_copy(Path(entry.path), destination / entry.name)


def removing(*places: Path) -> Callable[[], None]:
    """Remove trees before a measurement."""

    def remove() -> None:
        for place in places:
            shutil.rmtree(place, ignore_errors=True)

    return remove


def metadata(folder: Path, packages: Path, rounds: int) -> list[tuple[str, float, float]]:
    """From nothing, and with nothing changed."""
    scratch, done, again = folder / "scratch", folder / "done", folder / "again"
    for place in (scratch, done, again):
        lay_out(packages, place)
    write_repodata(done, epoch=EPOCH, compat=Compat.EL6)
    bare = [program(), "--quiet", "--no-database", "--workers", str(os.cpu_count() or 1), "--compatibility"]
    updated = folder / "updated"
    lay_out(packages, updated)
    run([*bare, str(updated)])
    times = take_turns(
        [
            Variant(
                "createrepo_c --no-database", [*bare, str(scratch)], before=removing(scratch / "repodata")
            ),
            Variant("createrepo_c --update, no change", [*bare, "--update", "--skip-stat", str(updated)]),
            Variant(
                "ours, from nothing",
                lambda: write_repodata(scratch, epoch=EPOCH, compat=Compat.EL6),
                before=removing(scratch / "repodata"),
            ),
            Variant(
                "ours, no change",
                lambda: write_repodata(again, epoch=EPOCH, compat=Compat.EL6, reuse_from=done),
                before=removing(again / "repodata"),
            ),
        ],
        rounds,
    )
    base = "createrepo_c --no-database"
    show(f"Metadata of {len(os.listdir(packages))} packages", times, base)
    return [
        ("metadata from nothing / createrepo_c", ratio(times, "ours, from nothing", base), 1.1),
        (
            "metadata, no change / createrepo_c --update",
            ratio(times, "ours, no change", "createrepo_c --update, no change"),
            0.4,
        ),
    ]


def links(folder: Path, count: int, rounds: int) -> list[tuple[str, float, float]]:
    """A repository's folder of so many files."""
    source, target = folder / "files", folder / "links"
    source.mkdir()
    for number in range(count):
        (source / f"{number:06d}.rpm").write_bytes(b"x")
    before = removing(target)
    times = take_turns(
        [
            Variant("cp -al", ["cp", "-al", str(source), str(target)], before=before),
            Variant("cp -a", ["cp", "-a", str(source), str(target)], before=before),
            Variant("ours", lambda: lay_out(source, target), before=before),
        ],
        rounds,
    )
    show(f"{count} files laid out", times, "cp -al")
    return [
        ("layout / cp -al", ratio(times, "ours", "cp -al"), 1.1),
        ("layout / cp -a", ratio(times, "ours", "cp -a"), 0.05),
    ]


def hashes(folder: Path, megabytes: int, rounds: int) -> list[tuple[str, float, float]]:
    """The SHA-256 of one large file."""
    large = folder / "large"
    large.write_bytes(os.urandom(1 << 20) * megabytes)
    times = take_turns(
        [
            Variant("openssl dgst -sha256", ["openssl", "dgst", "-sha256", str(large)]),
            Variant("sha256sum", ["sha256sum", str(large)]),
            Variant("ours", lambda: sha256_file(large)),
        ],
        rounds,
    )
    show(f"SHA-256 of {megabytes} MiB", times, "openssl dgst -sha256")
    return [("hashing / openssl", ratio(times, "ours", "openssl dgst -sha256"), 1.2)]


def main() -> None:
    """Measure and judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--packages", type=int, default=1000)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--sizes", default="50,200,800", help="packages of the growth curve")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--svg", type=Path)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="repositories."))
    try:
        tell_machine(program(), "openssl", "sha256sum")
        make_packages(folder / "main", arguments.packages)
        targets = metadata(folder, folder / "main", arguments.rounds)
        targets += links(folder, arguments.files, arguments.rounds)
        targets += hashes(folder, 128, arguments.rounds)
        curves: dict[str, list[tuple[float, float]]] = {"from nothing": [], "no change": []}
        for size in map(int, arguments.sizes.split(",")):
            source, first, second = (folder / f"{size}{kind}" for kind in ("packages", "first", "second"))
            make_packages(source, size)
            lay_out(source, first)
            lay_out(source, second)
            found = take_turns(
                [
                    Variant(
                        "from nothing",
                        lambda: write_repodata(first, epoch=EPOCH, compat=Compat.EL6),  # noqa: B023 - called here
                    ),
                    Variant(
                        "no change",
                        lambda: write_repodata(second, epoch=EPOCH, compat=Compat.EL6, reuse_from=first),  # noqa: B023
                    ),
                ],
                3,
            )
            for name, curve in curves.items():
                curve.append((size, statistics.median(found[name])))
        show_growth("Repository metadata", "packages", curves, arguments.svg)
        judge(targets)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
