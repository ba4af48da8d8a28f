"""Steps of scripts/make-sample-superproject that need Python: archives, fast-import streams, history.json."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

import sdists
import streams
from catalogue import COMPONENTS, HISTORY, Sdist
from errors import SampleError

HERE = Path(__file__).resolve().parent
SPECS = HERE.parents[1] / "specs"
MOCK_CONFIG = "mock-configs/testbed-x86_64.cfg"
EXIT_INPUT = 3
EXIT_INCOMPLETE = 1


def main() -> int:
    """Run one step; returns 0, 1 when `cached` misses an archive, or 3 after an error message."""
    arguments = _parser().parse_args()
    try:
        if arguments.step == "cached":
            return EXIT_INCOMPLETE if sdists.missing(arguments.cache, _all_sdists()) else 0
        if arguments.step == "fetch":
            _fetch(arguments.cache)
        elif arguments.step == "components":
            _write_components(arguments.cache, arguments.out)
        elif arguments.step == "work-tree":
            _make_work_tree(arguments.folder, arguments.url)
        elif arguments.step == "superproject":
            _write_superproject(arguments.out, arguments.testbed, arguments.baseurl)
        else:
            _write_history(arguments.out, arguments.file)
    except (SampleError, OSError) as error:
        print(f"make-sample-superproject: {error}", file=sys.stderr)
        return EXIT_INPUT
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sample", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    for name in ("cached", "fetch", "components"):
        steps.add_parser(name).add_argument("--cache", type=Path, required=True)
    steps.add_parser("superproject")
    steps.choices["superproject"].add_argument("--testbed", type=Path, required=True)
    steps.choices["superproject"].add_argument("--baseurl", required=True)
    steps.add_parser("history").add_argument("--file", type=Path, required=True)
    steps.add_parser("work-tree").add_argument("--folder", type=Path, required=True)
    steps.choices["work-tree"].add_argument("--url", required=True)
    for name in ("components", "superproject", "history"):
        steps.choices[name].add_argument(
            "--out", type=Path, required=True, help="folder of streams and marks"
        )
    return parser


def _all_sdists() -> tuple[Sdist, ...]:
    """Every archive once, in the order of the catalogue."""
    return tuple(dict.fromkeys(commit.sdist for component in COMPONENTS for commit in component.commits))


def _fetch(cache: Path) -> None:
    # Imported here: with a full cache it is not needed.
    from altai_build.errors import AltaiError
    from altai_build.tools.http.pypi import fetch_sdist

    for sdist in sdists.missing(cache, _all_sdists()):
        try:
            fetch_sdist(sdist.project, sdist.version, sdist.sha256, cache / sdist.file)
        except AltaiError as error:
            raise SampleError(str(error).replace("\n", "\n  ")) from error


def _write_components(cache: Path, out: Path) -> None:
    """Write OUT/NAME.stream for each component."""
    archives: dict[Sdist, bytes] = {}
    for sdist in _all_sdists():
        data = sdists.read(cache, sdist)
        if data is None:
            raise SampleError(
                f"{cache / sdist.file} was removed or changed during the run.\n  Run this again."
            )
        archives[sdist] = data
    for component in COMPONENTS:
        with (out / f"{component.name}.stream").open("wb") as stream:
            streams.component_stream(stream, component, archives, HERE / "packaging")


def _make_work_tree(folder: Path, url: str) -> None:
    # Imported here: the other steps do not need GitPython, whose import is slow.
    from worktree import make_work_tree

    history = json.loads((folder / "history.json").read_text(encoding="utf-8"))
    make_work_tree(folder, history["release-1.0.0"], url)


def _write_superproject(out: Path, testbed: Path, baseurl: str) -> None:
    """Write OUT/altai.stream from OUT/NAME.marks of every component."""
    files = {
        version: _superproject_files(testbed, baseurl, version)
        for version in {commit.release_version for commit in HISTORY if commit.release_version is not None}
    }
    with (out / "altai.stream").open("wb") as stream:
        streams.superproject_stream(
            stream,
            HISTORY,
            {component.name: component for component in COMPONENTS},
            {component.name: _commit_ids(out / f"{component.name}.marks") for component in COMPONENTS},
            files,
        )


def _superproject_files(testbed: Path, baseurl: str, version: str) -> streams.Tree:
    """The superproject's own files: our templates filled in, the testbed's mock configuration and public keys."""
    replacements = {
        "TESTBED": str(testbed),
        "BASEURL": baseurl,
        "VERSION": version,
        "DIST": _dist(testbed / MOCK_CONFIG),
    }
    tree = streams.folder_tree(HERE / "superproject", replacements)
    # The specs of third-party packages of this repository.
    for path, entry in streams.folder_tree(SPECS, {}).items():
        tree[f"specs/{path}"] = entry
    for file in (testbed / MOCK_CONFIG, *sorted((testbed / "keys").glob("RPM-GPG-KEY-*"))):
        tree[file.relative_to(testbed).as_posix()] = streams.Entry(mode=streams.FILE, data=file.read_bytes())
    return tree


def _dist(mock_config: Path) -> str:
    """The value of %{?dist} there, which our configuration must match; read without running the file."""
    found = re.search(
        r"^config_opts\['dist'\] = '(\w+)'$", mock_config.read_text(encoding="utf-8"), re.MULTILINE
    )
    if found is None:
        raise SampleError(
            f"{mock_config} does not set config_opts['dist'].\n"
            "  The release of the packages ends in it. Run scripts/make-testbed again."
        )
    return found[1]


def _commit_ids(marks: Path) -> tuple[str, ...]:
    """Commit ids of a marks file (`:1 <id>` per line) in the order of their marks."""
    rows = [line.split() for line in marks.read_text(encoding="ascii").splitlines()]
    return tuple(commit for _, commit in sorted((int(mark[1:]), commit) for mark, commit in rows))


def _write_history(out: Path, file: Path) -> None:
    """Write the superproject's commits as JSON: all in order, and those of releases by version."""
    commit_ids = _commit_ids(out / "altai.marks")
    commits = list(zip(commit_ids, HISTORY))
    history: dict[str, object] = {"commits": [{"commit": c, "subject": step.subject} for c, step in commits]}
    history.update({f"release-{step.releases}": c for c, step in commits if step.releases is not None})
    file.write_text(json.dumps(history, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
