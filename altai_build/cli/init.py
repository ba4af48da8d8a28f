"""`init`: the first definition of a superproject, from what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from altai_build.cli.app import App
from altai_build.cli.options import json_option
from altai_build.cli.output import print_json, print_table, print_text

if TYPE_CHECKING:
    from altai_build.model.first_steps import Evidence
    from altai_build.pipeline.first_steps import FirstSteps

_REFUSED = 3
_MOST_EVIDENCE = 3


def _check_arch(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    from altai_build.config.names import check_arch

    if value is not None and (wrong := check_arch(value)):
        raise click.BadParameter(wrong)
    return value


@click.command()
@click.option(
    "--distribution",
    metavar="NAME",
    help="What packages are built for: centos6, centos7, el8, el9, el10, fedora-N, opensuse-leap-15.6, "
    "opensuse-tumbleweed; default: guessed from specs, tags, keys and configurations.",
)
@click.option(
    "--arch",
    metavar="ARCH",
    callback=_check_arch,
    help="The architecture; default: x86_64, or that of mock's files.",
)
@click.option(
    "--from",
    "tool",
    type=click.Choice(["ayer", "gear", "tito", "dlrn"]),
    help="Also read the files of this tool; none of them is run. Prints what each setting becomes here.",
)
@click.option(
    "--from-file",
    "files",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of that tool outside the superproject, as ~/.config/ayer/ayer or rdoinfo's rdo.yml; may be repeated.",
)
@click.option(
    "--fetch", is_flag=True, help="Fetch the components that are not cloned here, to read their specs."
)
@click.option("--dry-run", is_flag=True, help="Write nothing; print what would be written.")
@json_option
@click.pass_obj
def init(
    app: App,
    distribution: str | None,
    arch: str | None,
    tool: str | None,
    files: tuple[Path, ...],
    fetch: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Write a first repos.yaml for a superproject.

    Looks at the commit that is checked out, and at its components, for submodules, specs, keys, mock configurations
    and what says for which distribution they are. Writes repos.yaml with comments, a mock configuration and .gitignore,
    checks that they load, and says what to do next. Guesses are marked as guesses. No file is ever overwritten: where
    another one is there, the difference is printed, and with another repos.yaml nothing is written.

    \b
    Examples:
      altai-build init
      altai-build init --distribution el9 --dry-run
      altai-build init --from ayer --from-file ~/.config/ayer/ayer
      altai-build init --from dlrn --from-file rdoinfo/rdo.yml
    """
    if files and tool is None:
        raise click.UsageError("--from-file needs --from, which says whose file it is")
    from altai_build.config import default_config
    from altai_build.pipeline.first_steps import Wanted, check_files, plan_first_steps, write_files

    root = app.find_repository()
    config = default_config(root)
    run = app.create_run(config, builds=False) if fetch else app.create_reading_run(config)
    wanted = Wanted(distribution=distribution, arch=arch, tool=tool, files=files, fetch=fetch, jobs=run.jobs)
    _warn_of_submodule(app, root)
    if fetch:
        app.info("fetching the components that are not cloned here")
    steps = plan_first_steps(root, run.workspace, wanted)
    unchecked = check_files(steps, run.workspace)
    if unchecked:
        app.warn(unchecked)
    written = () if dry_run or steps.is_refused else write_files(steps)
    if as_json:
        print_json(_to_json(steps, written))
    else:
        _print_steps(app, steps, written, dry_run)
    return _REFUSED if steps.is_refused and not dry_run else 0


def _warn_of_submodule(app: App, root: Path) -> None:
    """A submodule is a repository too, but seldom the one whose releases are meant."""
    from altai_build.tools.git.layout import git_directory

    above, found, _ = (git_directory(root) or "").partition("/.git/modules/")
    if found:
        app.warn(f"{root} is a submodule: for releases of the superproject run this in {above}")


def _to_json(steps: FirstSteps, written: tuple[str, ...]) -> dict[str, object]:
    guess, choice = steps.choice.guess, steps.choice
    return {
        "root": str(steps.root),
        "project": steps.survey.project,
        "commit": steps.survey.commit,
        "distribution": {
            "id": choice.distribution.id if choice.distribution else None,
            "title": choice.distribution.title if choice.distribution else None,
            "guessed": not choice.chosen,
            "seen": guess.distribution if guess else None,
            "evidence": [str(one) for one in guess.evidence] if guess else [],
            "others": [{"id": name, "weight": weight} for name, weight in guess.others] if guess else [],
        },
        "arch": choice.arch,
        "components": [
            {"path": one.path, "state": one.state, "specs": one.specs} for one in steps.survey.components
        ],
        "root_specs": steps.survey.root_specs,
        "spec_folders": steps.survey.spec_folders,
        "loose_specs": steps.survey.loose_specs,
        "keys": [
            {"file": one.path, "fingerprints": one.fingerprints, "uids": one.uids}
            for one in steps.survey.keys
        ],
        "from": None
        if steps.imported is None
        else {
            "tool": steps.imported.tool,
            "files": steps.imported.files,
            "settings": [
                {"setting": row.setting, "value": row.value, "target": row.target or None, "note": row.note}
                for row in steps.imported.rows
            ],
        },
        "files": [
            {
                "path": one.path,
                "status": one.status,
                "written": one.path in written,
                "difference": one.difference,
                "text": one.text,
            }
            for one in steps.files
        ],
        "next": steps.next,
    }


def _print_steps(app: App, steps: FirstSteps, written: tuple[str, ...], dry_run: bool) -> None:
    for line in _describe_found(steps):
        print_text(line)
    if steps.imported is not None:
        print_text(f"{steps.imported.tool}: read {', '.join(steps.imported.files)}")
        rows = [
            (row.setting, row.value, row.target or "no equivalent", row.note) for row in steps.imported.rows
        ]
        print_table(("setting", "value", "here", "note"), rows)
    for one in steps.files:
        state = "written" if one.path in written else "would be written" if one.status == "new" else ""
        print_text(f"{one.path}: {state or _STATES[one.status.value]}")
        if one.difference:
            for line in one.difference.splitlines():
                print_text(f"  {line}")
        elif dry_run and one.status == "new":
            for line in one.text.splitlines():
                print_text(f"  {line}")
    if steps.is_refused:
        app.info("another repos.yaml is there, so nothing was written; compare, and take over what you want")
        return
    print_text("What to do next:")
    for number, step in enumerate(steps.next, 1):
        print_text(f"  {number}. {step}")


_STATES = {
    "new": "not written",
    "same": "is there already, with the same content",
    "different": "another one is there, and stays; what differs:",
}


def _describe_found(steps: FirstSteps) -> list[str]:
    from altai_build.model.first_steps import SpecState

    survey, choice = steps.survey, steps.choice
    counts = {state: sum(one.state is state for one in survey.components) for state in SpecState}
    parts = [f"{count} {_WORDS[state.value]}" for state, count in counts.items() if count]
    lines = [
        f"components: {len(survey.components)} pinned repositories"
        + (f": {', '.join(parts)}" if parts else "")
    ]
    if survey.root_specs:
        lines.append(f"root: {', '.join(survey.root_specs)}")
    if survey.spec_folders:
        lines.append(f"folders of specs: {', '.join(survey.spec_folders)}")
    if survey.loose_specs:
        lines.append(f"specs that no repository builds: {len(survey.loose_specs)}")
    if survey.keys:
        lines.append(f"keys: {', '.join(one.path for one in survey.keys)}")
    if choice.chosen and choice.distribution:
        lines.append(f"distribution: {choice.distribution.title}")
    elif choice.guess is None:
        lines.append("distribution: unknown, nothing says it; name it with --distribution")
    else:
        known = (
            choice.distribution.title
            if choice.distribution
            else f"{choice.guess.distribution}, not known here"
        )
        lines.append(f"distribution: {known} (a guess: {_join(choice.guess.evidence)})")
    if counts[SpecState.NOT_CLONED]:
        lines.append("components that are not cloned here were not looked at: --fetch gets them")
    return lines


_WORDS = {
    "found": "with a spec",
    "elsewhere": "with a spec in another folder",
    "none": "without a spec",
    "not cloned": "not cloned here",
    "unreadable": "not readable",
}


def _join(evidence: tuple[Evidence, ...]) -> str:
    more = len(evidence) - _MOST_EVIDENCE
    shown = "; ".join(str(one) for one in evidence[:_MOST_EVIDENCE])
    return f"{shown}; {more} more" if more > 0 else shown
