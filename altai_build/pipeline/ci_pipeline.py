"""The pipeline of a CI service → a file in the superproject, which is never replaced without a word."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from altai_build.errors import InputError
from altai_build.stages.ci_pipeline import (
    TOOL_REV,
    TOOL_URL,
    PipelineService,
    PipelineSettings,
    check_setting,
    format_pipeline,
    get_pipeline_path,
    group_components,
)
from altai_build.tools.files import make_directory, write_atomically
from altai_build.tools.git.command import USER_CLONE, run_git
from altai_build.tools.git.merge_base import name_main_branch
from altai_build.tools.git.revisions import RepositoryHistory
from altai_build.tools.output_directory import refuse_release
from altai_build.tools.url import is_web_url, without_password

if TYPE_CHECKING:
    from altai_build.pipeline.run import Run
    from altai_build.tools.progress import ProgressReporter

# Where the package is, if it is not installed elsewhere.
_CHECKOUT = Path(__file__).resolve().parents[2]


def plan_groups(run: Run, most: int) -> tuple[tuple[str, ...], ...]:
    """At most that many groups of components that can be built at the same time, from the plan of HEAD.

    Raises InputError where the plan has no components. Those whose name a pipeline cannot hold are in no group.
    """
    from altai_build.pipeline.build.plan import plan_build

    order = plan_build(run, "HEAD", (), None).buildable
    names = [name for wave in order.waves for name in wave if name not in order.bootstrap_builds]
    needs = {name: order.needs[name] for name in names if check_setting(name) is None}
    if not needs:
        raise InputError(
            "the plan has no components that jobs could share",
            todo="see `altai-build plan`, or leave --matrix out",
        )
    groups = group_components(needs, most)
    run.reporter.info(
        f"jobs of the matrix: {len(groups)}, for the {sum(map(len, groups))} components that no other one needs "
        f"({max(map(len, groups))} in a job at most); the plan has {len(names)} components"
    )
    return groups


class ToolSource(NamedTuple):
    """Where jobs get altai-build: a git repository and a revision there, and why these."""

    url: str
    rev: str
    reason: str


def find_tool_source(checkout: Path = _CHECKOUT) -> ToolSource:
    """The altai-build that writes the pipeline: its commit where it runs from a checkout, else the tag of its version.

    The URL is that of the remote `origin`, if jobs can fetch from it without a password or a key.
    """
    if not ((checkout / ".git").exists() and (checkout / "scripts" / "ci-job").is_file()):
        return ToolSource(TOOL_URL, TOOL_REV, "the tag of the installed version")
    history = RepositoryHistory(checkout)
    commit = history.resolve_revision("HEAD")
    listed = run_git(USER_CLONE, ["config", "--get", "remote.origin.url"], directory=checkout, ok=(0, 1))
    origin = listed.text.strip()
    reason = f"the commit of {checkout}"
    is_public = is_web_url(origin) and without_password(origin) == origin and check_setting(origin) is None
    if not is_public:
        return ToolSource(TOOL_URL, commit, f"{reason}; whether {TOOL_URL} has it is not known")
    refs = history.list_refs_containing(commit)
    if not any(ref.startswith("refs/remotes/origin/") for ref in refs):
        reason += f", which no known branch of {origin} has: push it"
    return ToolSource(origin, commit, reason)


def write_pipeline(
    superproject: Path,
    service: PipelineService,
    file: Path | None,
    given: Mapping[str, str],
    *,
    force: bool,
    reporter: ProgressReporter,
    groups: tuple[tuple[str, ...], ...] = (),
) -> Path:
    """Write the pipeline with the `given` settings (fields of PipelineSettings) and return its path.

    `file` is by default where the service looks for it. Raises InputError for a file that is there, unless `force`.
    """
    settings = dict(given)
    if "branch" not in settings and service is PipelineService.GITHUB:
        branch = name_main_branch(RepositoryHistory(superproject))
        if branch is not None and check_setting(branch) is None:
            settings["branch"] = branch
        else:
            why = "is not known" if branch is None else f"has a name that a pipeline cannot hold: {branch}"
            reporter.warn(
                f"the main branch {why}; pushes to `{PipelineSettings.branch}` start jobs: name the right one with "
                "--branch NAME"
            )
    path = file if file is not None else superproject / get_pipeline_path(service)
    if os.path.lexists(path) and not (force and path.is_file()):
        raise InputError(
            f"{path} is there already",
            why="a pipeline that somebody may have changed is never replaced unasked"
            if path.is_file()
            else "it is no file",
            todo="replace it with --force, or name another file with -o"
            if path.is_file()
            else "name a file with -o",
        )
    if "tool_rev" not in settings:
        source = find_tool_source()
        settings = {"tool_url": source.url, **settings, "tool_rev": source.rev}
        reporter.info(
            f"jobs get altai-build {source.rev[:12]} from {settings['tool_url']} ({source.reason}); "
            "for another one write ALTAI_BUILD_URL and ALTAI_BUILD_REV in the file, or give --tool-url and --tool-rev"
        )
    refuse_release(path.parent)
    make_directory(path.parent)
    write_atomically(path, format_pipeline(service, PipelineSettings(**settings, groups=groups)).encode())
    return path
