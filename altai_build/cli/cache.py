"""`cache`: what one CI job leaves for the next."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from altai_build.cli.app import App
from altai_build.cli.options import choose_passphrase, format_option, json_option, wait_option
from altai_build.cli.output import print_json, print_table
from altai_build.cli.suggestions import SuggestingGroup
from altai_build.model.quantity import format_count, format_size, parse_size

if TYPE_CHECKING:
    from altai_build.model.job_cache import CacheUnit
    from altai_build.stages.cache_export import ExportedCache
    from altai_build.stages.cache_import import ImportedCache


def _parse_bytes(value: str) -> int:
    try:
        return int(parse_size(value))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


_folder_argument = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))


@click.group(cls=SuggestingGroup)
def cache() -> None:
    """Keep builds and downloads between CI jobs.

    \b
    Examples:
      altai-build cache import ci-cache
      altai-build cache export ci-cache --max-size 2G
    """


@cache.command(name="export")
@_folder_argument
@click.option(
    "--max-size",
    metavar="SIZE",
    type=_parse_bytes,
    default="4G",
    help="Leave out what was not used for the longest time, until at most SIZE is left; default: 4G.",
)
@click.option("--unsigned", is_flag=True, help="Do not sign, although repos.yaml names a key for CI jobs.")
@wait_option
@format_option
@json_option
@click.pass_obj
def export_command(app: App, folder: Path, max_size: int, unsigned: bool, wait: float, as_json: bool) -> None:
    """Copy what makes the next job fast to DIR.

    That is: builds and source packages with their records, base buildroots, downloaded packages, sources and metadata,
    and the repositories of components. What DIR has already is kept, and what is not in the cache any more is removed
    from it. The list of its files, `cache.json`, is signed by the key `ci.key` of repos.yaml. `key` in the result of
    --json names the content, for the cache of a CI service: the same content has the same key.

    \b
    Example:
      altai-build cache export ci-cache --max-size 2G
    """
    from contextlib import nullcontext

    from altai_build.pipeline.ci import unlock_topic_key
    from altai_build.pipeline.job_cache import export
    from altai_build.stages.cache_export import prepare_cache_folder

    prepare_cache_folder(folder)
    run = app.create_run(app.load_config())
    unlocked = nullcontext(None) if unsigned else unlock_topic_key(run, choose_passphrase())
    with run.lock(wait=wait), unlocked as key:
        exported = export(run, folder, max_size=max_size, key=key)
    for note in exported.notes:
        run.reporter.info(note)
    if as_json:
        print_json(_exported_to_json(exported))
    else:
        print_table(("kind", "number", "size"), _sum_up(exported.units))
    size = format_size(sum(unit.size for unit in exported.units))
    left = (
        f"; {format_count(len(exported.left_out), 'item')} left out by --max-size"
        if exported.left_out
        else ""
    )
    how = "signed" if exported.is_signed else "not signed"
    run.reporter.info(f"the cache {folder} has {size} and is {how}, key {exported.index.compute_key()}{left}")


@cache.command(name="import")
@_folder_argument
@click.option(
    "--max-size",
    metavar="SIZE",
    type=_parse_bytes,
    default="10G",
    help="Take at most SIZE, what was used last first; default: 10G.",
)
@click.option(
    "--trust-unsigned",
    is_flag=True,
    help="Also take builds and buildroots that no key of repos.yaml signed: whoever can write the cache then decides "
    "what is in your packages.",
)
@wait_option
@format_option
@json_option
@click.pass_obj
def import_command(
    app: App, folder: Path, max_size: int, trust_unsigned: bool, wait: float, as_json: bool
) -> None:
    """Take what an earlier job left in DIR.

    Builds, source packages and base buildroots are taken if a signing key of repos.yaml signed the list of the cache;
    downloads and repositories, whose content shows what they are, in any case. Each file is compared with the list.
    What is missing or damaged is left out, and a missing or damaged cache is no error.

    \b
    Example:
      altai-build cache import ci-cache
    """
    from altai_build.pipeline.job_cache import take
    from altai_build.stages.cache_import import list_reasons

    run = app.create_run(app.load_config())
    with run.lock(wait=wait):
        imported = take(run, folder, max_size=max_size, trust_unsigned=trust_unsigned)
    if as_json:
        print_json(_imported_to_json(imported))
    else:
        print_table(("kind", "number", "size"), _sum_up(imported.taken))
    for reason, count in list_reasons(imported):
        run.reporter.warn(f"{format_count(count, 'item')} left out: {reason}")
    size = format_size(sum(unit.size for unit in imported.taken))
    run.reporter.info(
        f"{format_count(len(imported.taken), 'item')} ({size}) taken from {folder}; "
        f"{len(imported.present)} were there already"
    )


def _sum_up(units: Iterable[CacheUnit]) -> list[tuple[str, str, str]]:
    sizes: dict[str, list[int]] = {}
    for unit in units:
        sizes.setdefault(unit.kind.value, []).append(unit.size)
    return [(kind, str(len(found)), format_size(sum(found))) for kind, found in sorted(sizes.items())]


def _unit_to_json(unit: CacheUnit) -> dict[str, object]:
    return {"kind": unit.kind, "name": unit.name, "bytes": unit.size}


def _exported_to_json(exported: ExportedCache) -> dict[str, object]:
    return {
        "key": exported.index.compute_key(),
        "bytes": sum(unit.size for unit in exported.units),
        "signed": exported.is_signed,
        "kept": [_unit_to_json(unit) for unit in exported.units],
        "left_out": [
            {**_unit_to_json(unit), "reason": "it does not fit into --max-size"} for unit in exported.left_out
        ],
        "notes": list(exported.notes),
    }


def _imported_to_json(imported: ImportedCache) -> dict[str, object]:
    return {
        "bytes": sum(unit.size for unit in imported.taken),
        "taken": [_unit_to_json(unit) for unit in imported.taken],
        "present": [_unit_to_json(unit) for unit in imported.present],
        "left_out": [{**_unit_to_json(left.unit), "reason": left.reason} for left in imported.left_out],
    }
