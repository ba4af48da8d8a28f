#!/usr/bin/env python3
"""The history of releases: `verify --history` of a sound one, and after each class of change, all of which it finds."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from altai_build.tools.openpgp.signing import SigningKey  # noqa: E402
from benchmarks import measure  # noqa: E402
from benchmarks.measure import HELLO, OURS, Variant  # noqa: E402
from tests.kit.chains import MUTATIONS, make_chain  # noqa: E402
from tests.kit.keys import make_key, signing_key  # noqa: E402


def ours(releases: Path, key: SigningKey) -> tuple[str, ...]:
    """The command line of altai-build for a folder of releases."""
    return (*OURS, "verify", "--history", f"{releases}/", "--key", str(key.file), "--json")


def find_changes(
    folder: Path, releases: Path, made: list[Path], key: SigningKey
) -> list[tuple[str, float, bool]]:
    """(class of change, seconds, whether the release was named and the command failed), for each class."""
    results = []
    for mutation in MUTATIONS:
        copy = folder / "changed"
        subprocess.run(["cp", "--archive", str(releases), str(copy)], check=True)
        changed = [copy / release.name for release in made]
        mutation.apply(copy, changed, key)
        start = time.perf_counter()
        result = subprocess.run(ours(copy, key), stdin=subprocess.DEVNULL, capture_output=True, text=True)
        seconds = time.perf_counter() - start
        found = result.returncode == 7 and f'"subject": "{mutation.subject(changed)}"' in result.stdout
        results.append((mutation.name, seconds, found))
        shutil.rmtree(copy)
    return results


def sound(folder: Path, count: int, key: SigningKey) -> list[Variant]:
    """A sound history of so many releases, and the bare hashes of its files."""
    releases = folder / f"sound{count}"
    make_chain(releases, count, key)
    hashes = f"find {releases} -type f -links 1 -print0 | xargs -0 sha256sum >/dev/null"
    return [Variant("sha256sum", ["sh", "-c", hashes]), Variant("ours", ours(releases, key))]


def main() -> None:
    """Measure, and print the results beside the targets."""
    parser = measure.make_parser(__doc__, rounds=7)
    measure.add_number(parser, "--releases", 100, "releases in the history")
    measure.add_sizes(parser, "10,100,300", "releases")
    arguments = parser.parse_args()
    with (
        measure.scratch("history", "gpg") as folder,
        signing_key(make_key(folder, "ours")) as key,
    ):
        releases = folder / "releases"
        made = make_chain(releases, arguments.releases, key)
        times = measure.take_turns(
            [Variant("click hello world", HELLO), Variant("ours, sound", ours(releases, key))],
            arguments.rounds,
        )
        measure.print_times(f"{arguments.releases} releases", times, "click hello world")
        changes = find_changes(folder, releases, made, key)
        for name, seconds, found in changes:
            print(f"{name:40} {seconds:6.2f} s  {'found' if found else 'MISSED'}")
        curves = measure.measure_growth(
            arguments.sizes, lambda count: sound(folder, count, key), max(3, arguments.rounds // 2)
        )
        measure.print_growth("Verification of a history", "releases", curves, arguments.svg)
    measure.print_targets(
        [
            ("seconds, sound history", times["ours, sound"], 1.0),
            ("seconds, changed history", [max(seconds for _, seconds, _ in changes)], 1.0),
            ("changes that were missed", [sum(not found for *_, found in changes)], 0),
        ]
    )


if __name__ == "__main__":
    main()
