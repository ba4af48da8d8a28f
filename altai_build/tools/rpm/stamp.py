"""The commit written into a spec, in each Release: and in %changelog, and looked for in the package that was made."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.component import ComponentKind
from altai_build.model.limits import Limits
from altai_build.model.package import RpmHeader
from altai_build.model.release_suffix import (
    append_release_suffix,
    has_release,
    has_subpackage_versions,
    shows_commit,
    write_computed_values,
    write_given_release,
)
from altai_build.model.spec_changelog import (
    Changelog,
    UnknownChangelog,
    add_changelog_entry,
    has_changelog,
    read_changelog,
    read_expanded_changelog,
)
from altai_build.model.spec_text import add_sources, inline_includes
from altai_build.tools.rpm import rpmbuild
from altai_build.tools.rpm.recipe import SrpmRecipe
from altai_build.tools.rpm.source_files import LARGEST_SHOWN_FILE, list_unlisted_sources
from altai_build.tools.spec.reader import decode_spec, encode_spec

# rpmautospec's; builds do not have it.
_AUTOCHANGELOG = re.compile(r"^%\{?\??autochangelog\}?[ \t]*\n?", re.MULTILINE)
AUTHOR = "altai-build <altai-build@localhost>"


@dataclass(frozen=True)
class StampedSpec:
    """A spec that shows its commit."""

    text: str
    # What rpm takes of the changelog that the spec had before.
    own_changelog: Changelog


def stamp_spec(recipe: SrpmRecipe, limits: Limits, *, scratch: Path) -> StampedSpec:
    """The spec with the commit in each Release: and in its %changelog.

    Where only rpm knows what the %changelog says, rpm expands the spec in the sandbox, within `limits`. Raises
    InputError when the spec has no Release:, the commits cannot be counted, or rpm refuses the spec.
    """
    component, store = recipe.sourced.component, recipe.sourced.store
    folder = component.path if component.kind is ComponentKind.SPEC else None
    count = store.count_commits(component.commit, folder)
    try:
        text = _inline_needed_files(recipe)
        if "release" in recipe.macros:
            text = write_given_release(text, recipe.macros["release"])
        text = append_release_suffix(
            write_computed_values(
                _AUTOCHANGELOG.sub("", text),
                recipe.info,
                recipe.macros.get("dist", ""),
            ),
            recipe.info,
            recipe.release_template,
            count=count,
            commit=component.commit,
            dist=recipe.macros.get("dist", ""),
        )
    except ValueError as error:
        raise InputError(
            f"cannot write the release into {component.spec_path}",
            why=str(error),
            todo="write a Release: line in the preamble, before %description",
        ) from error
    own = read_changelog(text)
    if isinstance(own, UnknownChangelog):
        own = _read_expanded_changelog(recipe, text, limits, scratch)
    text = add_changelog_entry(
        text,
        own,
        time=recipe.time,
        author=AUTHOR,
        # As it is in the package; where subpackages have their own, the macros are theirs.
        version="" if has_subpackage_versions(text) else "%{version}-%{release}",
        lines=[_changelog_text(recipe)],
    )
    return StampedSpec(text=text, own_changelog=own)


def check_stamp(recipe: SrpmRecipe, stamped: StampedSpec, header: RpmHeader, complaints: str) -> None:
    """Raise InputError unless a source package shows its commit and has the changelog that its spec had before.

    rpmbuild ends with exit status 0 when it drops a changelog; `complaints` is what it wrote to standard error.
    """
    component = recipe.sourced.component
    problems = []
    if not shows_commit(header.nevra.release, recipe.release_template, component.commit):
        problems.append(f"its release {header.nevra.release} does not name the commit {component.commit[:7]}")
    if _changelog_text(recipe) not in header.changelog:
        problems.append(f"its newest changelog entry does not name the commit {component.commit[:12]}")
    elif stamped.own_changelog.newest is not None and header.changelog_size < 2:
        problems.append("the entries of its own %changelog are missing")
    if problems:
        raise InputError(
            f"{component.name}: the source package is not what was meant: {'; '.join(problems)}",
            why=complaints or "rpmbuild reported nothing",
            todo=f"write Release: and %changelog into {component.spec_path} itself, not by macros or conditions",
        )


def _changelog_text(recipe: SrpmRecipe) -> str:
    # Only the commit: anything else (a path, a project) may change while the NEVRA does not.
    return f"Made from commit {recipe.sourced.component.commit}"


def _inline_needed_files(recipe: SrpmRecipe) -> str:
    """The spec with a SourceN: for each file that it reads, and the included files in it that have what is stamped.

    Raises ValueError where it has no place for another source.
    """
    info, text = recipe.info, recipe.sourced.text
    if info.unlisted:
        text = add_sources(text, list_unlisted_sources(info))
    if not has_release(text):
        text = inline_includes(text, _read_small_files(recipe), info.sources)
    if "%include" in text and not has_changelog(text):
        whole = inline_includes(text, _read_small_files(recipe), info.sources)
        text = whole if has_changelog(whole) else text
    return text


def _read_expanded_changelog(recipe: SrpmRecipe, text: str, limits: Limits, scratch: Path) -> Changelog:
    """What rpm takes of the %changelog of a text, with the sources beside it."""
    spec = posixpath.join("SPECS", posixpath.basename(recipe.sourced.component.spec))
    files = {f"SOURCES/{name}": encode_spec(content) for name, content in _read_small_files(recipe).items()}
    files[spec] = encode_spec(text)
    expanded = rpmbuild.expand_spec(
        spec,
        files,
        recipe.macros,
        recipe.arch,
        limits,
        epoch=recipe.time,
        scratch=scratch,
        macro_files=recipe.macro_files,
    )
    if expanded.returncode != 0:
        raise rpmbuild.spec_error(recipe.sourced, expanded, text)
    return read_expanded_changelog(decode_spec(expanded.stdout))


def _read_small_files(recipe: SrpmRecipe) -> dict[str, str]:
    """Name → text of the source files that a spec may include."""
    blobs = [(file.name, file.blob) for file in recipe.files if file.blob is not None]
    store = recipe.sourced.store
    sizes = store.read_blob_sizes([blob for _, blob in blobs])
    small = [(name, blob) for (name, blob), size in zip(blobs, sizes) if size <= LARGEST_SHOWN_FILE]
    contents = store.read_blobs([blob for _, blob in small])
    texts = {name: decode_spec(content) for (name, _), content in zip(small, contents)}
    texts.update({file.name: decode_spec(file.content) for file in recipe.files if file.content is not None})
    return texts
