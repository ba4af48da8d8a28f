"""`init`: a superproject → its first definition, which is checked before it is written; nothing is overwritten."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from altai_build.config import load_config
from altai_build.errors import InputError, MissingToolError, quote_path
from altai_build.model.distribution import find_distribution, list_distributions
from altai_build.model.first_steps import (
    GUESS,
    TODO,
    FileStatus,
    Imported,
    PlannedFile,
    Survey,
    guess_distribution,
    list_marks,
)
from altai_build.model.gitlink import CommitId
from altai_build.model.quantity import format_count
from altai_build.model.suggestion import suggest
from altai_build.regular_files import read_regular_file, resolve_links
from altai_build.stages.first_steps.definition import (
    Choice,
    KeyFiles,
    choose_key_files,
    format_definition,
    list_missing_keys,
)
from altai_build.stages.first_steps.mock_file import format_mock_config
from altai_build.stages.first_steps.older.ayer import read_ayer
from altai_build.stages.first_steps.older.dlrn import read_dlrn
from altai_build.stages.first_steps.older.files import OlderFiles
from altai_build.stages.first_steps.older.gear import read_gear
from altai_build.stages.first_steps.older.tito import read_tito
from altai_build.stages.first_steps.survey import make_project_name, survey_superproject
from altai_build.stages.first_steps.texts import CommitFiles
from altai_build.tools.files import make_directory, scratch_directory, write_atomically
from altai_build.tools.git.superproject import Superproject
from altai_build.tools.mock.config import available_configs, read_config
from altai_build.workspace import Workspace

DEFINITION = "repos.yaml"
OLDER_TOOLS: dict[str, Callable[[OlderFiles], Imported]] = {
    "ayer": read_ayer,
    "gear": read_gear,
    "tito": read_tito,
    "dlrn": read_dlrn,
}
# What a commit of the superproject must not contain.
_IGNORED = ("/.altai-build/", "/releases/")
_MAX_GIVEN = 1 << 20  # bytes of a file of an older tool
_MAX_EXISTING = 1 << 20
_LONGEST_DIFFERENCE = 400  # lines
_ARCH = "x86_64"


@dataclass(frozen=True)
class Wanted:
    """What a person said. `files` are those of the older tool `tool` that are outside the superproject."""

    distribution: str | None = None
    arch: str | None = None
    tool: str | None = None
    files: tuple[Path, ...] = ()
    fetch: bool = False
    jobs: int = 1


@dataclass(frozen=True)
class FirstSteps:
    """The plan of `init`: what was found, what is chosen, the files, and what a person does next."""

    root: Path
    survey: Survey
    choice: Choice
    imported: Imported | None
    files: tuple[PlannedFile, ...]
    next: tuple[str, ...]

    @property
    def is_refused(self) -> bool:
        """Whether another definition is there, so that nothing is written."""
        return any(one.path == DEFINITION and one.status is FileStatus.DIFFERENT for one in self.files)


def plan_first_steps(root: Path, workspace: Workspace, wanted: Wanted) -> FirstSteps:
    """Look at the superproject and decide what to write; writes nothing but the workspace's copies of repositories.

    Raises InputError when `root` is no work tree of git, for unknown names, and for unreadable files of an older tool.
    """
    superproject = open_work_tree(root, workspace)
    commit = _find_head(superproject)
    mock_configs = available_configs([root / "mock-configs"])
    project = make_project_name((superproject.remote_url or "", root.name))
    survey = survey_superproject(
        superproject, commit, project=project, mock_configs=mock_configs, fetch=wanted.fetch, jobs=wanted.jobs
    )
    imported = _read_older_tool(superproject, commit, wanted)
    if imported is not None:
        evidence = (*imported.evidence, *survey.evidence)
        name = make_project_name((imported.project,)) if imported.project else project
        survey = replace(survey, project=name, evidence=evidence)
    choice = choose(survey, wanted)
    keys = choose_key_files(survey, choice.distribution)
    files = [(DEFINITION, format_definition(survey, choice, keys, imported))]
    if choice.mock_config not in mock_configs:
        text = format_mock_config(choice.mock_config, choice.arch, choice.distribution, choice.wanted)
        files.append((f"mock-configs/{choice.mock_config}.cfg", text))
    files.append((".gitignore", "".join(f"{line}\n" for line in _IGNORED)))
    planned = tuple(compare(root, path, text) for path, text in files)
    steps = FirstSteps(root, survey, choice, imported, planned, ())
    return replace(steps, next=tuple(_list_next(steps, keys)))


def open_work_tree(root: Path, workspace: Workspace) -> Superproject:
    """The superproject in a work tree. Raises InputError for another folder."""
    if not (root / ".git").exists():
        bare = (root / "HEAD").is_file() and (root / "objects").is_dir()
        raise InputError(
            f"{root} is {'a bare repository' if bare else 'not a git repository'}",
            why="a definition of releases belongs into the superproject, whose commits pin what a release consists of",
            todo=f"clone it, and run `altai-build init` in the clone: git clone {quote_path(root)}"
            if bare
            else "name the superproject's folder with -C DIR, or make a repository of this one: git init",
        )
    return Superproject(root, state=workspace.git)


def _find_head(superproject: Superproject) -> CommitId | None:
    """The commit that is checked out; None in a repository without commits. Raises InputError for a damaged one."""
    try:
        return superproject.resolve_revision("HEAD")
    except InputError:
        if superproject.has_any_commit():
            raise
        return None


def _read_older_tool(superproject: Superproject, commit: CommitId | None, wanted: Wanted) -> Imported | None:
    if wanted.tool is None:
        return None
    if commit is None:
        raise InputError(
            f"the files of {wanted.tool} cannot be read",
            why="the repository has no commit",
            todo="commit them, then run `altai-build init` again",
        )
    files = CommitFiles(superproject.open_store(commit), commit, limit=_MAX_GIVEN)
    submodules = {one.link.path: one for one in superproject.read_submodules(commit, files.tree, (".",))}

    def open_component(path: str) -> CommitFiles | None:
        one = submodules[path]
        try:
            store = superproject.find_local_store(one, (one.link.commit,))
            return None if store is None else CommitFiles(store, one.link.commit)
        except InputError:
            return None

    given = tuple((path.name, _read_given(path)) for path in wanted.files)
    older = OlderFiles(files, given, tuple(submodules), open_component)
    imported = OLDER_TOOLS[wanted.tool](older)
    if not imported.files:
        raise InputError(
            f"this repository has no files of {wanted.tool}",
            why="none is in the commit that is checked out, or in the clones of its components",
            todo="name one that is elsewhere with --from-file FILE, or leave --from out",
        )
    return imported


def _read_given(path: Path) -> str:
    try:
        return read_regular_file(path, limit=_MAX_GIVEN).decode("utf-8", "replace")
    except OSError as error:
        raise InputError(
            f"cannot read {path}", why=error.strerror or str(error), todo="correct --from-file"
        ) from error


def choose(survey: Survey, wanted: Wanted) -> Choice:
    """The distribution and the architecture that the definition is for. Raises InputError for an unknown name."""
    guess = guess_distribution(survey.evidence)
    if wanted.distribution is not None:
        distribution = find_distribution(wanted.distribution)
        if distribution is None:
            names = list_distributions()
            raise InputError(
                f"{wanted.distribution!r} is no distribution that is known here",
                why=f"known: {', '.join(names)}",
                todo=suggest(wanted.distribution, names)
                or "name one of these, and correct repos.yaml afterwards",
            )
    else:
        distribution = find_distribution(guess.distribution) if guess else None
    arch = wanted.arch or (survey.architectures[0] if len(survey.architectures) == 1 else _ARCH)
    only = survey.mock_configs[0] if len(survey.mock_configs) == 1 else None
    target = distribution.id if distribution else "target"
    return Choice(
        distribution=distribution,
        guess=guess,
        chosen=wanted.distribution is not None,
        arch=arch,
        mock_config=only or f"{survey.project}-{target}-{arch}",
        arch_is_guess=wanted.arch is None,
    )


def compare(root: Path, path: str, text: str) -> PlannedFile:
    """The file with what is there now. Raises InputError where a link leads out of the superproject."""
    file = root / path
    if resolve_links(root) not in (resolve_links(file.parent), *resolve_links(file.parent).parents):
        raise InputError(
            f"{file.parent} leads out of the superproject",
            why=f"it is a symbolic link to {resolve_links(file.parent)}",
            todo="replace the link by a folder",
        )
    if not os.path.lexists(file):
        return PlannedFile(path, text, FileStatus.NEW)
    try:
        if file.is_symlink():
            raise OSError("it is a symbolic link")
        there = read_regular_file(file, limit=_MAX_EXISTING).decode("utf-8", "replace")
    except OSError as error:
        return PlannedFile(path, text, FileStatus.DIFFERENT, f"{path}: {error.strerror or error}")
    if path == ".gitignore":
        lines = {line.strip().strip("/") for line in there.splitlines()}
        missing = [line for line in text.splitlines() if line.strip("/") not in lines]
        if missing:
            end = "" if not there or there.endswith("\n") else "\n"
            text = there + end + "".join(f"{line}\n" for line in missing)
        else:
            text = there
    if there == text:
        return PlannedFile(path, text, FileStatus.SAME)
    lines_of_difference = list(
        difflib.unified_diff(
            there.splitlines(), text.splitlines(), f"{path} (there now)", f"{path} (of init)", lineterm=""
        )
    )
    return PlannedFile(path, text, FileStatus.DIFFERENT, "\n".join(lines_of_difference[:_LONGEST_DIFFERENCE]))


def check_files(steps: FirstSteps, workspace: Workspace) -> str:
    """Load the planned files as a command would. Returns what could not be checked, or "".

    Raises InputError for a definition that does not load: none is written then.
    """
    with scratch_directory(make_directory(workspace.scratch), "init") as folder:
        for one in steps.files:
            write_atomically(folder / one.path, one.text.encode(), durable=False)
        config = load_config(folder / DEFINITION)
        target = next(iter(config.targets.values()))
        written = folder / "mock-configs" / f"{target.mock_config}.cfg"
        search = [written.parent if written.exists() else steps.root / "mock-configs"]
        try:
            read_config(target.mock_config, search=search)
        except MissingToolError as error:
            return f"the mock configuration is not checked: {error.what}"
    return ""


def write_files(steps: FirstSteps) -> tuple[str, ...]:
    """Write the new files, the definition last, and load it from its place; returns their paths."""
    new = [one for one in steps.files if one.status is FileStatus.NEW]
    for one in sorted(new, key=lambda one: one.path == DEFINITION):
        write_atomically(steps.root / one.path, one.text.encode())
    load_config(steps.root / DEFINITION)
    return tuple(one.path for one in new)


def _list_next(steps: FirstSteps, keys: KeyFiles) -> Iterator[str]:
    """What a person does after `init`, in order; commands are in backquotes."""
    marks = [mark for one in steps.files for mark in list_marks(one.text)]
    if steps.survey.commit is None:
        yield "add submodules: `git submodule add URL repos/NAME`, commit, remove repos.yaml, run init again"
    if marks:
        yield f"look at the {format_count(len(marks), 'marked line')} ({GUESS} {TODO}): correct, then remove the mark"
    for key, path in list_missing_keys(steps.survey, steps.choice, keys):
        if key.url:
            command = f"curl --fail --create-dirs --output {path} {key.url}"
            yield f"get the key {key.name} and compare its fingerprint: `{command}`"
        else:
            yield f"get the key {key.name}: copy {key.installed_path} of the package distribution-gpg-keys to {path}"
    if keys.own_found is None:
        yield f"make your signing key: `altai-build keys init {steps.survey.project} --expires 5y`"
    ignore = next((one for one in steps.files if one.path == ".gitignore"), None)
    if ignore is not None and ignore.status is FileStatus.DIFFERENT:
        yield "add the lines that git should ignore to .gitignore, see above"
    yield "check this machine and the definition: `altai-build doctor`"
    yield f"commit: `git add {' '.join(_list_top_names(steps, keys))} && git commit`"
    yield "see what would be built, and in which order: `altai-build plan`"
    if any(source.mirror for source in (steps.choice.distribution.more if steps.choice.distribution else ())):
        yield "build, then choose third-party packages: `altai-build build`, `altai-build deps lock`"
    yield "make a release: `altai-build release 1.0.0`"


def _list_top_names(steps: FirstSteps, keys: KeyFiles) -> list[str]:
    """What a person commits: the files of the plan, and the folder of the keys where some are missing."""
    names = dict.fromkeys(one.path.partition("/")[0] for one in steps.files)
    missing = keys.own_found is None or list_missing_keys(steps.survey, steps.choice, keys)
    return [*names, *(["keys"] if missing else [])]
