"""The pipeline of a CI service → a file in the superproject, which is never replaced without a word."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.errors import InputError
from altai_build.stages.ci_pipeline import (
    PipelineService,
    PipelineSettings,
    check_setting,
    format_pipeline,
    get_pipeline_path,
    group_components,
)
from altai_build.tools.files import make_directory, write_atomically
from altai_build.tools.git.merge_base import name_main_branch
from altai_build.tools.git.revisions import RepositoryHistory
from altai_build.tools.output_directory import refuse_release

if TYPE_CHECKING:
    from altai_build.pipeline.run import Run


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


def write_pipeline(
    superproject: Path,
    service: PipelineService,
    file: Path | None,
    given: Mapping[str, str],
    *,
    force: bool,
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
    refuse_release(path.parent)
    make_directory(path.parent)
    write_atomically(path, format_pipeline(service, PipelineSettings(**settings, groups=groups)).encode())
    return path
