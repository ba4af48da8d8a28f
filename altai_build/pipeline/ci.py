"""A change of the superproject → its topic repository: what it is compared with, and what clients install."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.errors import InputError, quote_path
from altai_build.model.ci_result import RESULT_NAME, TESTS_FOLDER, TopicRepository
from altai_build.model.component_status import ComponentStatus
from altai_build.model.gitlink import CommitId, is_commit_id
from altai_build.model.release_files import KEY_FILE_PREFIX, make_repo_section_name
from altai_build.model.repo_file import format_repo_section
from altai_build.model.suggestion import suggest
from altai_build.pipeline.build.unchanged import is_unchanged
from altai_build.pipeline.release.signing import unlock_keys
from altai_build.stages.sign import sign_packages
from altai_build.tools.files import (
    link_or_copy,
    make_directory,
    remove_tree,
    scratch_directory,
    write_atomically,
)
from altai_build.tools.git.layout import is_shallow
from altai_build.tools.git.merge_base import ComparedCommit, find_branch, find_merge_base
from altai_build.tools.git.revisions import RepositoryHistory
from altai_build.tools.git.worktree import commit_with_pins
from altai_build.tools.leftovers import remove_abandoned
from altai_build.tools.openpgp.keyfile import read_rewritten_keys
from altai_build.tools.output_directory import prepare_output
from altai_build.tools.repo.repodata import write_repodata
from altai_build.tools.repo.repomd import REPOMD

if TYPE_CHECKING:
    from altai_build.pipeline.build.run import BuildRun
    from altai_build.pipeline.published.released_builds import ReleasedBuilds
    from altai_build.pipeline.run import Run
    from altai_build.tools.ci_service import CiJob
    from altai_build.tools.openpgp.passphrase import Passphrase
    from altai_build.tools.openpgp.signing import SigningKey

TOPIC_FOLDER = "repo"
_RESULT_NAMES = (TOPIC_FOLDER, "logs", TESTS_FOLDER, "*-ci.repo", f"{KEY_FILE_PREFIX}*")
_SCRATCH = ".altai-build"
# Of packages that nobody installs to try a change.
_DEBUG_SUFFIXES = ("-debuginfo", "-debugsource")


@dataclass(frozen=True)
class Change:
    """What a job is about: a commit of the superproject, and the one that it is compared with.

    `built` is the commit that is built: `commit` itself, or one like it that pins components at `pins`, by path.
    """

    commit: CommitId
    built: CommitId
    pins: Mapping[str, CommitId]
    compared: ComparedCommit

    @property
    def description(self) -> str:
        """What is compared with what, and why, in a line."""
        where = self.compared.commit[:12] if self.compared.commit is not None else "nothing"
        pins = "".join(f" with {path} at {pin[:12]}" for path, pin in self.pins.items())
        return f"{self.commit[:12]}{pins} is compared with {where} ({self.compared.reason})"


def has_changed(run: Run, change: Change) -> bool:
    """False where a change has nothing to build, as far as the superproject alone tells."""
    since = change.compared.commit
    return since is None or bool(change.pins) or not is_unchanged(run, since, change.commit)


def find_change(run: Run, rev: str, pinned: Mapping[str, str], job: CiJob, since: str | None) -> Change:
    """The change that a job is about; `pinned` as in `pin_components`, `since` as in `choose_compared_commit`."""
    history = RepositoryHistory(run.superproject.path)
    commit = history.resolve_revision(rev)
    built, pins = pin_components(run, commit, pinned) if pinned else (commit, {})
    if pinned and since is None:
        compared = ComparedCommit(commit, "the pins that --component replaces")
    else:
        compared = choose_compared_commit(history, commit, job, since)
    return Change(commit, built, pins, compared)


def choose_compared_commit(
    history: RepositoryHistory, commit: CommitId, job: CiJob, since: str | None
) -> ComparedCommit:
    """The commit that `commit` is compared with: the named one, that of the job, or where its branch left the main one.

    After a forced push it is none: everything is built, or reused.
    Raises InputError for a named commit that this clone does not have, and where a shallow clone lacks what decides it.
    """
    if since is not None:
        return ComparedCommit(history.resolve_revision(since), "named by --since")
    if job.since is None:
        found = find_merge_base(history, commit, find_branch(history, job.target) if job.target else None)
        return found._replace(reason=f"the branch is new; {found.reason}") if job.is_new_branch else found
    if is_shallow(history.common) or history.has_commit(job.since):
        return ComparedCommit(history.resolve_revision(job.since), job.since_reason)
    # After a forced push it is in no branch. Any other commit to compare with could hide a change.
    return ComparedCommit(None, f"this clone does not have {job.since[:12]}, {job.since_reason}")


def pin_components(
    run: Run, base: CommitId, given: Mapping[str, str]
) -> tuple[CommitId, dict[str, CommitId]]:
    """A commit of the superproject like `base`, in which components have other pins; and these, by path.

    `given` is component → the full id of a commit, or the path of a clone, whose HEAD is taken. Raises InputError for a
    component that `base` does not pin, and for a clone that cannot be used.
    """
    superproject = run.superproject
    tree = superproject.open_store(base).read_tree(base)
    submodules = superproject.read_submodules(base, tree, run.config.superproject.components)
    paths = [submodule.link.path for submodule in submodules]
    pins: dict[str, CommitId] = {}
    for name, value in given.items():
        path = _find_gitlink(name, paths)
        if is_commit_id(value):
            pins[path] = CommitId(value)
            continue
        clone = RepositoryHistory(Path(value).absolute())
        if is_shallow(clone.common):
            raise InputError(
                f"the clone {value} of {name} is shallow",
                why="packages are numbered by counting commits",
                todo=f"fetch the rest: `git -C {quote_path(value)} fetch --unshallow`",
            )
        superproject.clones[path] = clone.path
        pins[path] = clone.resolve_revision("HEAD")
    run.workspace.prepare()
    return commit_with_pins(superproject.path, base, pins, run.workspace.scratch), pins


def _find_gitlink(name: str, paths: Sequence[str]) -> str:
    """The path of the gitlink that is meant: it, or the end of it. Raises InputError where that is none or several."""
    found = [path for path in paths if path == name] or [path for path in paths if path.endswith(f"/{name}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{name} may be {' or '.join(found)}", todo="write the whole path")
    raise InputError(
        f"no component {name} is pinned in the superproject",
        why=suggest(name, [*paths, *(path.rpartition("/")[2] for path in paths)]),
        todo="`altai-build plan` lists the components",
    )


@contextmanager
def reserve_results(folder: Path) -> Iterator[None]:
    """Have a folder for the results of a job during a block; where it fails, a new folder is removed again."""
    missing = [path for path in (folder, *folder.absolute().parents) if not path.exists()]
    _prepare_results_folder(folder)
    try:
        yield
    except BaseException:
        # What is not empty stays, and so does all that it is in.
        with suppress(OSError):
            for path in missing:
                path.rmdir()
        raise


def _prepare_results_folder(folder: Path) -> None:
    """Refuse a folder with files that no earlier job wrote: what a job writes replaces all that it wrote before."""
    if folder.is_dir() and not (folder / RESULT_NAME).is_file() and any(folder.iterdir()):
        raise InputError(
            f"{folder} has files that are no results of `altai-build ci`",
            why=f"it has no {RESULT_NAME}; the results replace what is in their folder",
            todo="name a new or empty folder with -o",
        )
    prepare_output(folder)


@contextmanager
def open_results(folder: Path) -> Iterator[Path]:
    """A folder for the results of a job; when the block has ended well, they replace those of an earlier job."""
    remove_abandoned(folder, f"{_SCRATCH}.*")
    with scratch_directory(folder, _SCRATCH) as scratch:
        yield scratch
        for pattern in _RESULT_NAMES:
            for old in folder.glob(pattern):
                remove_tree(old)
        # The file by which the folder is recognised is always there.
        for new in sorted(scratch.iterdir(), key=lambda path: path.name == RESULT_NAME):
            new.replace(folder / new.name)


@contextmanager
def unlock_topic_key(run: Run, passphrase: Passphrase) -> Iterator[SigningKey | None]:
    """The key that signs topic repositories, unlocked before anything is built; None without ci.key in repos.yaml."""
    name = run.config.ci.key
    if name is None:
        yield None
        return
    with unlock_keys(run, [name], run.config.get_target(), passphrase) as keys:
        yield keys[name]


def make_topic_repository(
    run: Run,
    build_run: BuildRun,
    released: ReleasedBuilds | None,
    folder: Path,
    url: str,
    key: SigningKey | None,
) -> TopicRepository | None:
    """Fill `folder`, which clients find at `url`, with what a change adds to a release; None where that is nothing.

    It gets the binary packages and the source package of each component whose build the release does not have, and a
    .repo file. Everything is signed by `key`, if there is one.
    """
    # A job without changes does not need the solver.
    from altai_build.pipeline.ci_install import check_installable

    added = [
        row
        for row in build_run.rows
        if row.status in (ComponentStatus.BUILT, ComponentStatus.REUSED)
        and not (released is not None and released.has_build(row.key))
    ]
    sources = [row.srpm for row in added if row.srpm is not None]
    files = [*(rpm.path for row in added for rpm in row.rpms), *sources]
    if not files:
        return None
    target = run.config.get_target()
    digests = {}
    if key is not None:
        signed = sign_packages(files, key=key, store=run.workspace.signed, compat=target.compat)
        files = [package.path for package in signed]
        digests = {package.path.name: package.sha256 for package in signed if package.sha256}
    repository = make_directory(folder / TOPIC_FOLDER)
    for file in files:
        link_or_copy(file, repository / file.name)
    discovery = build_run.build_plan.discovery
    write_repodata(repository, epoch=discovery.time, compat=target.compat, digests=digests)
    key_file = f"{KEY_FILE_PREFIX}{run.config.ci.key}"
    if key is not None:
        key.sign_detached(repository / REPOMD)
        write_atomically(folder / key_file, read_rewritten_keys(key.file), durable=False)
    names = {rpm.header.nevra.name for row in added for rpm in row.rpms}
    names = {name for name in names if not name.endswith(_DEBUG_SUFFIXES)}
    topic = TopicRepository(
        section=make_repo_section_name(run.config.project, "ci"),
        url=f"{url}/{TOPIC_FOLDER}/",
        files=tuple(sorted(file.name for file in files)),
        check=check_installable(run, repository, sorted(names), released),
        signer=key.public.fingerprint if key is not None else "",
        key_url=f"{url}/{key_file}" if key is not None else "",
    )
    title = f"{run.config.project} at {discovery.commit[:12]}"
    text = format_repo_section(topic.section, title, topic.url, [topic.key_url] if topic.key_url else [])
    write_atomically(folder / f"{topic.section}.repo", text.encode(), durable=False)
    return topic
