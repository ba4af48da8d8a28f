"""What the readers of specs know, compared with what rpm says; `scripts/compare-specs` does it for folders of specs."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from altai_build.model.dependency import list_dependency_names
from altai_build.model.spec import SourceTag
from altai_build.model.spec_text import close_prep
from altai_build.tools import process
from altai_build.tools.sandbox.bubblewrap import BUILD_DIR, HostSandbox
from altai_build.tools.spec import reader_child
from altai_build.tools.spec.reader import RPM_MACROS, decode_spec, encode_spec

ARCH = "x86_64"
# Seconds. A spec may run programs that never end.
TIMEOUT = 30.0
_OF_PACKAGES = r"[%{=NAME}\tprovides\t%{PROVIDENAME}\n][%{=NAME}\trequires\t%{REQUIRENAME}\n]"
_OF_SOURCE = r"%{NAME} %{EPOCH} %{VERSION} %{RELEASE}\n" + "".join(
    rf"[{kind}\t%{{{tag}}}\n]"
    for kind, tag in (("build_requires", "REQUIRENAME"), ("sources", "SOURCE"), ("patches", "PATCH"))
)
# What a scriptlet is run with, and what rpm itself has to know, is required without a tag.
_WITHOUT_TAG = re.compile(r"/|<lua>$|rpmlib\(")

# Differences in which nothing that is known is wrong.
_NOT_WRONG = {"refused": "known, but refused by rpm", "unread": "an error of ours, but read by rpm"}

# Runs a program with its options; a spec is the last of them.
Run = Callable[[Sequence[str]], process.ProcessResult]
# What is wrong: the field, what is known of it, what rpm says.
Difference = tuple[str, object, object]


def compare_spec(
    text: str, macros: Mapping[str, str], run: Run
) -> tuple[dict[str, Any], list[Difference] | None]:
    """The answer of the static reader, and where it or that for rpm's expansion differs from rpm.

    None for a spec that rpm refuses and the static reader leaves to rpm.
    """
    all_macros = {**RPM_MACROS, **macros}
    options = [f"--target={ARCH}", *(f"--define={name} {value}" for name, value in all_macros.items())]
    known = reader_child.read_spec(text, all_macros, ARCH, is_expanded=False)
    parsed = run(["rpmspec", "--parse", *options])
    if parsed.returncode != 0:
        return known, [("refused", known, parsed.error_text)] if "name" in known else None
    of_packages = decode_spec(
        run(["rpmspec", "--query", "--builtrpms", "--queryformat", _OF_PACKAGES, *options]).stdout
    )
    of_source = decode_spec(
        run(["rpmspec", "--query", "--srpm", "--queryformat", _OF_SOURCE, *options]).stdout
    )
    expansion = decode_spec(parsed.stdout)
    expanded = reader_child.read_spec(expansion, {}, ARCH, is_expanded=True)
    differences: list[Difference] = []
    for answer in (known, expanded):
        if "name" in answer:
            differences += _compare(answer, of_packages, of_source, expansion)
        elif answer is expanded or "reason" not in answer:
            differences.append(("unread", answer, "rpm reads it"))
    return known, differences


def _compare(
    answer: dict[str, Any], of_packages: str, of_source: str, expansion: str
) -> Iterator[Difference]:
    head, *lines = of_source.splitlines()
    found = {kind: set[str]() for kind in ("provides", "requires", "build_requires", "sources", "patches")}
    for _, kind, names in (line.split("\t") for line in of_packages.splitlines()):
        found[kind].update(_split(names))
    for kind, names in (line.split("\t") for line in lines):
        found[kind].update(_split(names) if kind == "build_requires" else [names])
    known = {kind: set(answer[kind]) for kind in ("provides", "requires", "build_requires")}
    known.update({kind: {SourceTag(**one).file for one in answer[kind]} for kind in ("sources", "patches")})
    for kind in ("requires", "build_requires"):
        found[kind] = {name for name in found[kind] if name in known[kind] or not _WITHOUT_TAG.match(name)}
    evr = f"{answer['name']} {answer['epoch'] or '(none)'} {answer['version']} {answer['release']}"
    pairs: dict[str, tuple[object, object]] = {kind: (known[kind], found[kind]) for kind in found}
    folders = re.findall(r"^cd '(?:\./)?([^'/]+)[^']*'$", expansion, re.MULTILINE)
    is_made = re.search(r"mkdir -p '[^']*'$", expansion, re.MULTILINE) is not None
    if folders and not is_made:
        pairs["prefix"] = (answer["prefix"], folders[0])
    for field, (ours, theirs) in {"evr": (evr, head), **pairs}.items():
        if ours != theirs:
            yield field, ours, theirs


def _split(name: str) -> list[str]:
    return list_dependency_names(name) if name.startswith("(") else [name]


def _run_in_sandbox(home: Path, argv: Sequence[str]) -> process.ProcessResult:
    command = HostSandbox(writable=home, now=1_500_000_000).command([*argv, f"{BUILD_DIR}/x.spec"])
    return process.run(command, ok=process.ANY_END, timeout=TIMEOUT)


def main() -> None:
    """Compare all specs below folders, and print the counts and what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--macro", action="append", default=["dist=.el9"], metavar="NAME=VALUE")
    options = parser.parse_args()
    macros = dict(one.split("=", 1) for one in options.macro)
    counts: Counter[str] = Counter()
    for path in sorted(path for folder in options.folders for path in folder.rglob("*.spec")):
        text = decode_spec(path.read_bytes())
        home = Path(tempfile.mkdtemp(prefix="compare-specs."))
        try:
            (home / "x.spec").write_bytes(encode_spec(close_prep(text)))
            known, differences = compare_spec(text, macros, partial(_run_in_sandbox, home))
        finally:
            shutil.rmtree(home)
        counts["specs"] += 1
        counts["known" if "name" in known else "left to rpm"] += 1
        counts["refused by rpm"] += differences is None
        for field, ours, theirs in differences or ():
            what = _NOT_WRONG.get(field, f"wrong: {field}")
            counts[what] += 1
            print(f"{path}: {what}: {ours!r}, rpm: {theirs!r}")
    print(*(f"{what}: {number}" for what, number in counts.items()), sep="\n")
    sys.exit(any(what.startswith("wrong") for what in counts))


if __name__ == "__main__":
    main()
