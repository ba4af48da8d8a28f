"""`srpm`: source packages straight from git."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from altai_build.cli.app import App
from altai_build.cli.options import (
    choose_revision,
    components_argument,
    format_option,
    json_option,
    rev_option,
    worktree_option,
)
from altai_build.cli.output import digest_cell, print_rows
from altai_build.model.component_status import name_component
from altai_build.model.srpm import SrpmResult


@click.command()
@components_argument
@rev_option
@worktree_option
@click.option(
    "-o",
    "output",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Also copy the source packages to DIR.",
)
@format_option
@json_option
@click.pass_obj
def srpm(
    app: App, components: tuple[str, ...], rev: str, worktree: bool, output: Path | None, as_json: bool
) -> int:
    """Make source packages (SRPMs) from pinned commits.

    Without COMPONENT a source package is made for every component. The spec comes from the component's commit, Source0
    is an archive of the repository, and Release: and %changelog name the commit. Specs are evaluated in a sandbox
    without network, home directory or keys. The same commit always gives the same bytes.

    \b
    Examples:
      altai-build srpm
      altai-build srpm nova glance --rev v1.0.2 -o /tmp/srpms
    """
    if output is not None:
        from altai_build.tools.output_directory import prepare_output

        prepare_output(output)
    if worktree:
        rev = choose_revision(app.create_run(app.load_config(needed=False), builds=False), rev, worktree)
    results = _make_or_recall(app, components, rev)
    if output is not None:
        results = _copy_packages(results, output)
    print_rows(
        results,
        as_json,
        ("status", "component", "commit", "package", "reason"),
        lambda result: (
            result.status.value,
            result.component,
            digest_cell(result.commit),
            "-" if result.srpm is None else str(result.srpm.path),
            result.reason.split("\n")[0],
        ),
        to_json=_result_to_json,
    )
    for result in results:
        if result.error is not None:
            app.create_run(app.load_config(needed=False), builds=False).reporter.warn(
                name_component(result.component, result.reason)
            )
    return max((result.exit_code for result in results), default=0)


def _result_to_json(result: SrpmResult) -> dict[str, object]:
    srpm = result.srpm
    return {
        "component": result.component,
        "commit": result.commit,
        "status": result.status,
        "srpm": None if srpm is None else str(srpm.path),
        "nevra": None if srpm is None else srpm.nevra,
        "reason": result.reason,
    }


def _copy_packages(results: Sequence[SrpmResult], output: Path) -> list[SrpmResult]:
    """The results with the packages' paths in the directory `output`."""
    from altai_build.tools.output_directory import copy_all_into

    made = [result.srpm for result in results if result.srpm is not None]
    copies = iter(copy_all_into((srpm.path for srpm in made), output))
    return [
        result if result.srpm is None else replace(result, srpm=replace(result.srpm, path=next(copies)))
        for result in results
    ]


def _make_or_recall(app: App, components: tuple[str, ...], rev: str) -> Sequence[SrpmResult]:
    """The results; those of an earlier run where nothing that they depend on has changed."""
    from altai_build.pipeline.build.srpm_cache import SrpmCache
    from altai_build.tools.git.revisions import RepositoryHistory

    superproject = app.read_superproject()
    commit = RepositoryHistory(superproject.path).resolve_revision(rev)
    cache = SrpmCache(superproject.path, commit, app.config_path, app.get_workspace())
    known = None if components else cache.load_results()
    if known is not None:
        return known
    from altai_build.tools.spec.reader import SpecReader

    # The reader starts its child process while the rest is loaded.
    with SpecReader(cache=app.get_workspace().specs) as reader:
        from altai_build.pipeline.build.srpms import make_srpms

        config = app.load_config(needed=False)
        run = app.create_run(config, builds=False)
        compare = bool(components) and rev == "HEAD"
        srpm_batch = make_srpms(run, commit, components, reader, compare_work_trees=compare)
    if not components:
        cache.store_results(srpm_batch.results, config)
    return srpm_batch.results
