#!/usr/bin/env python3
"""Repositories: new metadata, unchanged metadata, links, hashes; altai-build and the bare programs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from altai_build.model.compat import Compat  # noqa: E402
from altai_build.tools.files import link_or_copy, sha256_file  # noqa: E402
from altai_build.tools.repo.repodata import createrepo_program, write_repodata  # noqa: E402
from benchmarks import measure  # noqa: E402
from benchmarks.measure import PYTHON, Variant, ratios, removing, run  # noqa: E402

EPOCH = 1_700_000_000
_SUBPACKAGE = (
    "%package -n {name}\nSummary: x\n%description -n {name}\nx\n%files -n {name}\n/usr/share/p/{name}\n"
)
# A whole process: what a release does for one repository, and the start of Python.
_IMPORTS = (
    "import sys\nfrom pathlib import Path\nfrom altai_build.tools.repo.repodata import write_repodata\n"
)
_IMPORTS += "from altai_build.model.compat import Compat\n"
_WRITE = _IMPORTS + (
    "folder, *other = map(Path, sys.argv[1:])\n"
    f"write_repodata(folder, epoch={EPOCH}, compat=Compat.EL6, reuse_from=other[0] if other else None)\n"
)


def make_packages(folder: Path, count: int) -> None:
    """So many small RPMs from one spec."""
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


def lay_out(source: Path, destination: Path) -> Path:
    """Link every package, as composing a release does."""
    destination.mkdir()
    for entry in os.scandir(source):
        link_or_copy(entry.path, f"{destination}/{entry.name}")
    return destination


def metadata(folder: Path, packages: Path) -> list[Variant]:
    """New metadata and unchanged metadata; altai-build as whole processes, and within a run."""
    scratch, updated, done, again = (
        lay_out(packages, folder / f"{packages.name}-{name}")
        for name in ("scratch", "updated", "done", "again")
    )
    bare = [
        createrepo_program(),
        "--quiet",
        "--no-database",
        "--workers",
        str(measure.CPUS),
        "--compatibility",
    ]
    run([*bare, str(updated)])
    write_repodata(done, epoch=EPOCH, compat=Compat.EL6)
    fresh, linked = removing(scratch / "repodata"), removing(again / "repodata")

    digests = {entry.name: sha256_file(entry) for entry in packages.iterdir()}

    def write_signed() -> None:
        # What signing adds, and what that saves.
        write(scratch, known={entry.name: sha256_file(entry) for entry in packages.iterdir()})()

    def write(
        folder: Path, other: Path | None = None, known: Mapping[str, str] | None = None
    ) -> Callable[[], object]:
        return lambda: write_repodata(folder, epoch=EPOCH, compat=Compat.EL6, reuse_from=other, digests=known)

    return [
        Variant("createrepo_c --no-database", [*bare, str(scratch)], before=fresh),
        Variant("ours", [PYTHON, "-c", _WRITE, str(scratch)], before=fresh),
        Variant("createrepo_c --update, no change", [*bare, "--update", "--skip-stat", str(updated)]),
        Variant("ours, no change", [PYTHON, "-c", _WRITE, str(again), str(done)], before=linked),
        Variant("ours, within a run", write(scratch), before=fresh),
        Variant("ours, locked packages, within a run", write(scratch, known=digests), before=fresh),
        Variant("ours, packages signed in this run, hashed once more", write_signed, before=fresh),
        Variant("ours, no change, within a run", write(again, done), before=linked),
    ]


def measure_metadata(folder: Path, count: int, rounds: int) -> list[measure.Target]:
    """The metadata of one repository, and the parts of its time."""
    packages = folder / "main"
    make_packages(packages, count)
    files = sorted(map(str, packages.iterdir()))
    times = measure.take_turns(
        [
            Variant("sha256sum of every package", ["sha256sum", *files]),
            Variant("our imports alone", [PYTHON, "-c", _IMPORTS]),
            *metadata(folder, packages),
        ],
        rounds,
    )
    base, added = "createrepo_c --no-database", "createrepo_c and our imports, added up"
    times[added] = [seconds + other for seconds, other in zip(times[base], times["our imports alone"])]
    measure.print_times(f"Metadata of {count} packages", times, base)
    update, going = "createrepo_c --update, no change", "within a run"
    return [
        ("metadata, whole process / createrepo_c and our imports", ratios(times, "ours", added), 1.1),
        (f"metadata, {going} / createrepo_c", ratios(times, f"ours, {going}", base), 1.1),
        (
            f"metadata, locked packages, {going} / createrepo_c",
            ratios(times, f"ours, locked packages, {going}", base),
            1.1,
        ),
        (
            f"metadata, packages signed in this run, {going} / createrepo_c",
            ratios(times, "ours, packages signed in this run, hashed once more", base),
            1.1,
        ),
        ("no change, whole process / createrepo_c --update", ratios(times, "ours, no change", update), 0.4),
        (
            f"no change, {going} / createrepo_c --update",
            ratios(times, f"ours, no change, {going}", update),
            0.4,
        ),
    ]


def measure_links(folder: Path, count: int, rounds: int) -> list[measure.Target]:
    """The folder of a repository with so many files of one byte."""
    source, target = folder / "files", folder / "links"
    source.mkdir()
    for number in range(count):
        (source / f"{number:06d}.rpm").write_bytes(b"x")
    before = removing(target)
    times = measure.take_turns(
        [
            Variant("cp -al", ["cp", "-al", str(source), str(target)], before=before),
            Variant("cp -a", ["cp", "-a", str(source), str(target)], before=before),
            Variant("ours", lambda: lay_out(source, target), before=before),
        ],
        rounds,
    )
    measure.print_times(f"{count} files linked", times, "cp -al")
    return [
        ("linking / cp -al", ratios(times, "ours", "cp -al"), 1.1),
        ("linking / cp -a", ratios(times, "ours", "cp -a"), 0.05),
    ]


def measure_hashes(folder: Path, megabytes: int, rounds: int) -> list[measure.Target]:
    """The SHA-256 of one large file."""
    large = folder / "large"
    large.write_bytes(os.urandom(1 << 20) * megabytes)
    times = measure.take_turns(
        [
            Variant("cat", ["sh", "-c", 'cat "$1" >/dev/null', "sh", str(large)]),
            Variant("openssl dgst -sha256", ["openssl", "dgst", "-sha256", str(large)], peer="openssl"),
            Variant("coreutils sha256sum", ["sha256sum", str(large)]),
            Variant("ours, without Python's start", lambda: sha256_file(large)),
        ],
        rounds,
    )
    measure.print_times(f"SHA-256 of {megabytes} MiB", times, "coreutils sha256sum")
    ours = "ours, without Python's start"
    return [
        ("hashing / openssl", ratios(times, ours, "openssl dgst -sha256"), 1.2),
        ("hashing / coreutils", ratios(times, ours, "coreutils sha256sum"), 1 / 3),
    ]


def main() -> None:
    """Measure, and print the results beside the targets."""
    parser = measure.make_parser(__doc__, rounds=5)
    measure.add_number(parser, "--packages", 2000, "packages in the repository")
    measure.add_sizes(parser, "50,200,800", "packages")
    measure.add_number(parser, "--files", 10_000, "files to link")
    measure.add_number(parser, "--megabytes", 256, "megabytes to hash")
    measure.add_parts(parser, "metadata", "links", "hashes", "growth")
    arguments = parser.parse_args()
    only, targets = arguments.only, list[measure.Target]()
    with measure.scratch("repositories", createrepo_program(), "openssl", "sha256sum") as folder:
        if "metadata" in only:
            targets += measure_metadata(folder, arguments.packages, arguments.rounds)
        if "links" in only:
            targets += measure_links(folder, arguments.files, arguments.rounds)
        if "hashes" in only:
            targets += measure_hashes(folder, arguments.megabytes, arguments.rounds)

        def grown(count: int) -> list[Variant]:
            packages = folder / f"{count}"
            make_packages(packages, count)
            return metadata(folder, packages)

        if "growth" in only:
            curves = measure.measure_growth(arguments.sizes, grown, max(3, arguments.rounds // 2))
            measure.print_growth("Repository metadata", "packages", curves, arguments.svg)
    measure.print_targets(targets)


if __name__ == "__main__":
    main()
