"""Tag what a release was made from: the superproject's commit and every component's pin, all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import AltaiError, InputError, PublishError
from altai_build.model.gitlink import CommitId
from altai_build.model.quantity import format_count
from altai_build.regular_files import read_regular_file
from altai_build.tools.commands import quote_command
from altai_build.tools.files import scratch_directory
from altai_build.tools.git import tags
from altai_build.tools.git.command import GitError
from altai_build.tools.git.layout import common_directory
from altai_build.tools.git.superproject import Submodule, Superproject
from altai_build.tools.openpgp.signing import SigningKey
from altai_build.tools.url import without_password

_MAX_PARALLEL_REMOTES = 8


@dataclass(frozen=True)
class TagTarget:
    """One repository to tag: the user's clone of the component `path`; `remote` is where the tag is pushed, if any."""

    path: str
    git_dir: Path
    commit: CommitId
    remote: str | None


@dataclass(frozen=True)
class TagPlan:
    """One tag in many repositories, dated `time` (seconds since the epoch), the time of the superproject's commit.

    The superproject is the last target: its tag says that all the others exist.
    """

    name: str
    message: str
    time: int
    targets: tuple[TagTarget, ...]


@dataclass(frozen=True)
class _RemoteAnswer:
    """What a remote said about the tag; `error` when it did not answer."""

    target: TagTarget
    has_tag: bool
    error: str = ""

    def __str__(self) -> str:
        error = f": {self.error}" if self.error else ""
        return f"  {self.target.path}: {without_password(self.target.remote or '')}{error}"


def plan_tags(
    superproject: Superproject,
    submodules: Sequence[Submodule],
    commit: CommitId,
    *,
    project: str,
    version: str,
    workers: int = _MAX_PARALLEL_REMOTES,
    warn: Callable[[str], None],
    pushing: bool,
) -> TagPlan:
    """Where to make the tag PROJECT-VERSION: in the user's own clones.

    Raises InputError naming each component without a clone, and PublishError naming each clone or remote that has a
    tag of that name already, unless an interrupted run of this release made it. A remote that does not answer is
    reported with `warn`, and is an InputError when tags are to be pushed.
    """
    name = make_tag_name(project, version)
    own = TagTarget(path=".", git_dir=superproject.common, commit=commit, remote=superproject.remote_url)
    plan = TagPlan(
        name=name,
        message=f"{project} {version}\n\nMade from the superproject's commit {commit}.",
        time=superproject.open_store(commit).read_commit_time(commit),
        targets=(*_list_tag_targets(superproject, submodules), own),
    )
    taken = [f"  {target.path}: {target.git_dir}" for target in plan.targets if _has_other_tag(target, plan)]
    remotes = [target for target in plan.targets if target.remote is not None]
    with ThreadPoolExecutor(max(1, workers)) as pool:
        answers = list(pool.map(lambda target: _ask_remote(target, name), remotes))
    taken += [str(answer) for answer in answers if answer.has_tag]
    if taken:
        raise PublishError(
            f"the tag {name} exists already",
            why="\n".join(taken),
            todo="tags are never moved: choose another version, or release without --tag",
        )
    silent = [str(answer) for answer in answers if answer.error]
    if silent and pushing:
        raise InputError(
            f"{format_count(len(silent), 'remote')} did not answer, and tags are to be pushed there",
            why="\n".join(silent),
            todo="check the connection, or release without --push-tags and push later",
        )
    for line in silent:
        warn(f"cannot check whether the tag {name} exists in{line}")
    return plan


def make_tag_name(project: str, version: str) -> str:
    """PROJECT-VERSION, with other characters for the two that git refuses in names (git-check-ref-format(1)).

    Two releases never get one name: a version that is the same as an earlier one is refused.
    """
    return f"{project}-{version.replace('~', '-').replace('^', '+')}"


def _list_tag_targets(superproject: Superproject, submodules: Sequence[Submodule]) -> list[TagTarget]:
    targets: dict[Path, TagTarget] = {}
    missing = []
    for submodule in submodules:
        path, commit = submodule.link.path, submodule.link.commit
        git_dir = _find_clone(superproject, submodule)
        if git_dir is None:
            missing.append(f"  {path}: {commit[:12]}")
            continue
        other = targets.get(git_dir)
        if other is not None and other.commit != commit:
            raise InputError(
                f"{other.path} and {path} pin two commits of one repository",
                why=f"{git_dir}: one tag cannot name both",
                todo="pin the same commit, or release without --tag",
            )
        targets[git_dir] = TagTarget(path=path, git_dir=git_dir, commit=commit, remote=submodule.url)
    if missing:
        raise InputError(
            f"no clone to tag for {format_count(len(missing), 'component')}",
            why="\n".join(missing),
            todo="run `git submodule update --init` in the superproject, or release without --tag",
        )
    return sorted(targets.values(), key=lambda target: target.path)


def _find_clone(superproject: Superproject, submodule: Submodule) -> Path | None:
    """The user's own clone that has the pinned commit; mirrors in the workspace are not tagged."""
    for folder in superproject.list_local_clones(submodule):
        git_dir = common_directory(folder)
        if git_dir not in (None, superproject.common) and tags.has_commit(git_dir, submodule.link.commit):
            return git_dir
    return None


def _has_other_tag(target: TagTarget, plan: TagPlan) -> bool:
    """True for a tag of that name that no interrupted run of this release made."""
    tag = tags.read_tag(target.git_dir, plan.name)
    if tag is None:
        return False
    head, _, message = tag.partition(b"\n\n")
    is_ours = head.startswith(f"object {target.commit}\n".encode()) and message.startswith(
        plan.message.encode()
    )
    return not is_ours


def _ask_remote(target: TagTarget, name: str) -> _RemoteAnswer:
    assert target.remote is not None
    try:
        return _RemoteAnswer(target, tags.remote_has_tag(target.git_dir, target.remote, name))
    except AltaiError as error:
        return _RemoteAnswer(target, has_tag=False, error=(error.why.splitlines() or [error.what])[-1])


@contextmanager
def create_tags(
    plan: TagPlan, key: SigningKey, scratch: Path, *, is_published: Callable[[], bool]
) -> Iterator[None]:
    """Make the tags, signed with `key`, for the block.

    When the block raises, those made here are removed again, unless the release is published all the same. Raises
    PublishError when a tag cannot be made.
    """
    made: list[tuple[TagTarget, str]] = []
    try:
        _make_tags(plan, key, scratch, made)
        yield
    except BaseException:
        for target, oid in made if not is_published() else ():
            tags.delete_tag(target.git_dir, plan.name, oid)
        raise


def _make_tags(plan: TagPlan, key: SigningKey, scratch: Path, made: list[tuple[TagTarget, str]]) -> None:
    """Make the tags that do not exist, and append each to `made` at once."""
    for target in plan.targets:
        if tags.read_tag(target.git_dir, plan.name) is not None:
            continue
        text = tags.format_tag(plan.name, target.commit, key.public.uid, plan.time, plan.message)
        try:
            oid = tags.write_tag(target.git_dir, plan.name, text + _sign(text, key, scratch))
        except GitError as error:
            raise PublishError(
                f"cannot make the tag {plan.name} in {target.git_dir}",
                why=error.why,
                todo="correct what git names; nothing was published, and the tags made before are removed",
            ) from error
        made.append((target, oid))


def _sign(text: bytes, key: SigningKey, scratch: Path) -> bytes:
    with scratch_directory(scratch, "tag.") as folder:
        file = folder / "tag"
        file.write_bytes(text)
        return read_regular_file(key.sign_detached(file))


def push_tags(plan: TagPlan) -> tuple[str, ...]:
    """Push the tag to every remote, the superproject's last; returns the components' paths.

    Raises PublishError with the commands that are left to run.
    """
    pushed: list[str] = []
    failed: list[tuple[TagTarget, str]] = []
    for target in plan.targets:
        if target.remote is None:
            continue
        if failed and target is plan.targets[-1]:
            failed.append((target, "not pushed, because its tag says that all the others exist"))
            continue
        result = tags.push_tag(target.git_dir, target.remote, plan.name)
        if result.returncode:
            failed.append((target, result.error_text))
        else:
            pushed.append(target.path)
    if failed:
        commands = [_push_command(target, plan.name) for target, _ in failed]
        raise PublishError(
            f"the release is published, but its tag {plan.name} was not pushed to "
            f"{format_count(len(failed), 'remote')}",
            why="\n".join(f"  {target.path}: {error}" for target, error in failed),
            todo="correct what the remotes say, then run:\n" + "\n".join(f"  {line}" for line in commands),
        )
    return tuple(pushed)


def _push_command(target: TagTarget, name: str) -> str:
    remote = without_password(target.remote or "")
    return quote_command(["git", f"--git-dir={target.git_dir}", "push", remote, f"refs/tags/{name}"])
