#!/usr/bin/env python3
"""Whole releases of the sample superproject: the first, with a small change, with none; time and disk of each.

usage: sudo .venv/bin/python benchmarks/release.py [--testbed DIR] [--releases N] [--jobs N] [--svg FILE]

Needs root, the network (the sample's sources are fetched once) and the testbed (scripts/make-testbed makes it).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from benchmarks.measure import OURS, ROOT, Times, judge, run, show, show_growth, tell_machine  # noqa: E402

_AUTHOR = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Bench"), ("EMAIL", "bench@example.org"))
}
CHANGED = "bottle"  # a small component that no other is built with


class Bench:
    """A copy of the sample, its releases numbered 1.0.1, 1.0.2…"""

    def __init__(self, folder: Path, testbed: Path, jobs: int) -> None:
        self.sample = folder / "sample"
        self.altai = self.sample / "altai"
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        words = [
            str(ROOT / "scripts" / "make-sample-superproject"),
            "--testbed",
            str(testbed),
            str(self.sample),
        ]
        run(words, environment={"PATH": path})
        self.front = [*OURS, "-q", "-C", str(self.altai), "--builder", "chroot", "--jobs", str(jobs)]
        run([*self.front, "keys", "init", "altai", "--no-passphrase"])
        self.git("add", "keys")
        self.git("commit", "--quiet", "--allow-empty", "--message=keys")
        run([*self.front, "deps", "lock"])  # builds everything to know what it needs
        self.git("add", "deps.lock.yaml")
        self.git("commit", "--quiet", "--message=lock")
        shutil.rmtree(self.altai / ".altai-build" / "builds")
        self.made = 0

    def git(self, *words: str) -> str:
        """git in the superproject."""
        return run(["git", "-C", str(self.altai), *words], environment=_AUTHOR).strip()

    def change(self) -> None:
        """Another commit of one small component, pinned."""
        clone = self.sample / "clone"
        shutil.rmtree(clone, ignore_errors=True)
        run(["git", "clone", "--quiet", str(self.sample / f"{CHANGED}.git"), str(clone)])
        with open(clone / "README.rst", "a", encoding="utf-8") as stream:
            stream.write(f"\nChange {self.made}.\n")
        run(["git", "-C", str(clone), "commit", "--quiet", "--all", "--message=change"], environment=_AUTHOR)
        run(["git", "-C", str(clone), "push", "--quiet"])
        commit = run(["git", "-C", str(clone), "rev-parse", "HEAD"]).strip()
        self.git("update-index", "--cacheinfo", f"160000,{commit},repos/altai/{CHANGED}")
        self.git("commit", "--quiet", "--message=pin")

    def release(self) -> tuple[float, int]:
        """Seconds, and bytes that the releases take more than before."""
        before = disk(self.altai / "releases")
        self.made += 1
        begin = time.perf_counter()
        told = run([*self.front, "release", f"1.0.{self.made}", "--json"])
        seconds = time.perf_counter() - begin
        assert json.loads(told)["findings"] == [], told
        return seconds, disk(self.altai / "releases") - before


def disk(folder: Path) -> int:
    """Bytes on the disk, each file once."""
    return int(run(["du", "--summarize", "--block-size=1", str(folder)]).split()[0]) if folder.exists() else 0


def main() -> None:
    """Measure and judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--testbed", type=Path, default=Path("/var/cache/altai-build/testbed"))
    parser.add_argument("--releases", type=int, default=8, help="of the growth curve")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--svg", type=Path)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="release.", dir="/tmp"))
    folder.chmod(0o755)
    try:
        tell_machine("git", "rpmbuild", "createrepo_c", "gpg")
        bench = Bench(folder, arguments.testbed, arguments.jobs)
        times: Times = {
            name: []
            for name in ("changed", "release, all new", "release, one changed", "release, nothing changed")
        }
        sizes: dict[str, list[int]] = {name: [] for name in times}
        curves: dict[str, list[tuple[float, float]]] = {"nothing changed": [], "one changed": []}
        for number in range(arguments.releases):
            begin = time.perf_counter()
            run([*bench.front, "changed"])
            times["changed"].append(time.perf_counter() - begin)
            if number == 0:
                seconds, size = bench.release()
                times["release, all new"].append(seconds)
                sizes["release, all new"].append(size)
                continue
            bench.change()
            for name in ("release, one changed", "release, nothing changed"):
                seconds, size = bench.release()
                times[name].append(seconds)
                sizes[name].append(size)
                curves[name.partition(", ")[2]].append((bench.made, seconds))
        show("Releases of the sample", times, "changed")
        print("\n| release | disk, median |\n|---|---:|")
        for name, found in sizes.items():
            if found:
                print(f"| {name} | {statistics.median(found) / 1e6:.2f} MB |")
        show_growth("A release, by how many there are", "releases", curves, arguments.svg)
        nothing = statistics.median(times["release, nothing changed"])
        judge(
            [
                ("nothing changed / all new", nothing / times["release, all new"][0], 0.2),
                ("nothing changed / change detection", nothing / statistics.median(times["changed"]), 3),
            ]
        )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
