"""Tag what a release was made of: the superproject's commit and every component's pin, all or none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import AltaiError, InputError, PublishError
from altai_build.model.gitlink import CommitId
from altai_build.tools.files import scratch_directory
from altai_build.tools.git import tags
from altai_build.tools.git.command import GitError
from altai_build.tools.git.layout import common_directory
from altai_build.tools.git.superproject import Submodule, Superproject
from altai_build.tools.git.url import without_password
from altai_build.tools.openpgp.signing import SigningKey
from altai_build.tools.process import quote_command

_MAX_PARALLEL_REMOTES = 8  # remotes that are asked side by side


@dataclass(frozen=True)
class TagTarget:
    """One repository to be tagged; `title` is the component's path, `remote` where it is pushed to, if anywhere."""

    title: str
    git_dir: Path
    commit: CommitId
    remote: str | None


@dataclass(frozen=True)
class TagPlan:
    """One tag in many repositories; `time` is that of the superproject's commit."""

    name: str
    message: str
    time: int
    targets: tuple[TagTarget, ...]  # the superproject last: its tag says that all others are there


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
    """Where the tag PROJECT-VERSION is to be made: the user's own clones.

    Raises InputError naming each component without a clone here, and PublishFailed naming each repository, here or
    remote, that has a tag of that name which is not this very release's. A remote that cannot be asked is told with
    `warn`, and is an error where tags are to be pushed.
    """
    name = f"{project}-{version}"
    targets = _list_tag_targets(superproject, submodules)
    own = TagTarget(title=".", git_dir=superproject.common, commit=commit, remote=superproject.remote_url)
    plan = TagPlan(
        name=name,
        message=f"{project} {version}\n\nMade from the superproject's commit {commit}.",
        time=superproject.open_store(commit).read_commit_info(commit).time,
        targets=(*targets, own),
    )
    taken = [
        f"  {place.title}: {place.git_dir}" for place in plan.targets if _is_conflicting_tag(place, plan)
    ]
    with ThreadPoolExecutor(max(1, workers)) as pool:
        asked = [one for one in pool.map(lambda place: _check_remote(place, name), plan.targets) if one]
    taken += [f"  {title}: {remote}" for title, remote, complaint in asked if not complaint]
    if taken:
        raise PublishError(
            f"the tag {name} exists already",
            why="\n".join(taken),
            todo="tags are never moved: choose another version, or release without --tag",
        )
    deaf = [f"  {title}: {remote}: {complaint}" for title, remote, complaint in asked if complaint]
    if deaf and pushing:
        raise InputError(
            f"{len(deaf)} remotes cannot be asked, and tags are to be pushed there",
            why="\n".join(deaf),
            todo="mend the connection, or release without --push-tags and push later",
        )
    for line in deaf:
        warn(f"whether the tag {name} exists there could not be asked:{line}")
    return plan


def _list_tag_targets(superproject: Superproject, submodules: Sequence[Submodule]) -> tuple[TagTarget, ...]:
    found: dict[Path, TagTarget] = {}
    missing = []
    for submodule in submodules:
        path, commit = submodule.link.path, submodule.link.commit
        git_dir = _find_clone(superproject, submodule)
        if git_dir is None:
            missing.append(f"  {path}: {commit[:12]}")
            continue
        before = found.get(git_dir)
        if before is not None and before.commit != commit:
            raise InputError(
                f"{before.title} and {path} pin two commits of one repository",
                why=f"{git_dir}: one tag cannot name both",
                todo="release without --tag, or pin the same commit",
            )
        found[git_dir] = TagTarget(title=path, git_dir=git_dir, commit=commit, remote=submodule.url)
    if missing:
        raise InputError(
            f"{len(missing)} components have no clone here to be tagged",
            why="\n".join(missing),
            todo="run `git submodule update --init` in the superproject, or release without --tag",
        )
    return tuple(sorted(found.values(), key=lambda place: place.title))


def _find_clone(superproject: Superproject, submodule: Submodule) -> Path | None:
    """The user's own clone that has the pin; a mirror in the workspace is nobody's to tag."""
    for place in superproject.list_local_clones(submodule):
        git_dir = common_directory(place)
        if git_dir not in (None, superproject.common) and tags.has_commit(git_dir, submodule.link.commit):
            return git_dir
    return None


def _is_conflicting_tag(place: TagTarget, plan: TagPlan) -> bool:
    """A tag of that name that is not what a run of this very release left when it was killed."""
    text = tags.read_tag(place.git_dir, plan.name)
    return text is not None and not _is_ours(text, place, plan)


def _is_ours(text: bytes, place: TagTarget, plan: TagPlan) -> bool:
    head, _, rest = text.partition(b"\n\n")
    return head.startswith(f"object {place.commit}\n".encode()) and rest.startswith(plan.message.encode())


def _check_remote(place: TagTarget, name: str) -> tuple[str, str, str] | None:
    """(place, remote, complaint) where the remote has the tag, or could not be asked; None where all is well."""
    if place.remote is None:
        return None
    try:
        has = tags.remote_has_tag(place.git_dir, place.remote, name)
    except AltaiError as error:
        return place.title, without_password(place.remote), (error.why.splitlines() or [error.what])[-1]
    return (place.title, without_password(place.remote), "") if has else None


@contextmanager
def create_tags(plan: TagPlan, key: SigningKey, scratch: Path) -> Iterator[None]:
    """The tags are there within the block and stay if it ends well; otherwise those made here are taken back.

    They are signed with `key`. Raises PublishError when one cannot be made.
    """
    made: list[tuple[TagTarget, str]] = []
    try:
        _make_tags(plan, key, scratch, made)
        yield
    except BaseException:
        for place, oid in made:
            tags.delete_tag(place.git_dir, plan.name, oid)
        raise


def _make_tags(plan: TagPlan, key: SigningKey, scratch: Path, made: list[tuple[TagTarget, str]]) -> None:
    """Make the tags that are not there, and note each in `made` as soon as it is."""
    for place in plan.targets:
        if tags.read_tag(place.git_dir, plan.name) is not None:
            continue
        text = tags.format_tag(plan.name, place.commit, key.public.uid, plan.time, plan.message)
        try:
            oid = tags.write_tag(place.git_dir, plan.name, text + _signature(text, key, scratch))
        except GitError as error:
            raise PublishError(
                f"the tag {plan.name} could not be made in {place.git_dir}",
                why=error.why,
                todo="mend what it names; nothing was published, and tags made before are taken back",
            ) from error
        made.append((place, oid))


def _signature(text: bytes, key: SigningKey, scratch: Path) -> bytes:
    with scratch_directory(scratch, "tag.") as folder:
        file = folder / "tag"
        file.write_bytes(text)
        return key.sign_detached(file).read_bytes()


def push_tags(plan: TagPlan) -> tuple[str, ...]:
    """Push the tag to every remote, the superproject's last. Raises PublishFailed with what is left to be done."""
    pushed: list[str] = []
    failed: list[tuple[TagTarget, str]] = []
    for place in plan.targets:
        if place.remote is None:
            continue
        if failed and place is plan.targets[-1]:
            failed.append((place, "left, because its tag says that all others are there"))
            continue
        result = tags.push_tag(place.git_dir, place.remote, plan.name)
        if result.returncode:
            failed.append((place, result.error_text))
        else:
            pushed.append(place.title)
    if failed:
        commands = [
            "  "
            + quote_command(
                [
                    "git",
                    f"--git-dir={place.git_dir}",
                    "push",
                    without_password(place.remote or ""),
                    f"refs/tags/{plan.name}",
                ]
            )
            for place, _ in failed
        ]
        raise PublishError(
            f"the release is published, and its tag {plan.name} could not be pushed to {len(failed)} remotes",
            why="\n".join(f"  {place.title}: {complaint}" for place, complaint in failed),
            todo="when they can be reached:\n" + "\n".join(commands),
        )
    return tuple(pushed)
