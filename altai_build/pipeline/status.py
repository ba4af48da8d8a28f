"""Where a superproject stands, by what can be read in a moment: no spec and no package is read, nothing downloaded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

from altai_build.config import Config, SourceKind
from altai_build.errors import AltaiError, InputError
from altai_build.ledger import read_outcomes
from altai_build.model.component_status import ComponentStatus
from altai_build.model.gitlink import CommitId
from altai_build.model.lock import LOCK_FILE_NAME
from altai_build.model.release import Manifest
from altai_build.model.release_files import LATEST_LINK
from altai_build.model.status import ChannelStatus, Problem, ReleaseChanges, Status, find_dependents
from altai_build.pipeline.build.journal import read_running
from altai_build.pipeline.published.releases import load_manifest
from altai_build.pipeline.status_trust import check_key, check_release, read_channel_states
from altai_build.stages.page_check import describe_outdated_page
from altai_build.stages.publish import list_releases
from altai_build.tools.git.changed_gitlinks import list_changed_gitlinks, list_gitlinks
from altai_build.tools.git.command import USER_CLONE, run_git
from altai_build.tools.git.revisions import RepositoryHistory
from altai_build.tools.git.uncommitted import list_uncommitted
from altai_build.workspace import Workspace


def read_status(config: Config, workspace: Workspace, error: AltaiError | None = None) -> Status:
    """The status; `error` is why repos.yaml cannot be read, and `config` are the defaults then.

    Raises nothing for what is wrong with the superproject, its releases or its workspace: these are problems.
    """
    return _Reader(config, workspace, error).read()


@dataclass
class _Reader:
    config: Config
    workspace: Workspace
    error: AltaiError | None
    problems: list[Problem] = field(default_factory=list)

    def read(self) -> Status:
        if self.error is not None:
            self._note(self.error)
        is_configured = self.config.file is not None and self.error is None
        if self.config.file is None and self.error is None:
            self.problems.append(
                Problem(
                    "there is no repos.yaml here or above",
                    "name the superproject with -C DIR, or let `altai-build init` write repos.yaml",
                )
            )
        history, head = self._open_superproject()
        published, manifest = self._read_releases()
        channels = None
        if is_configured:
            self._check_configuration()
            self._check_commits(head)
            channels = self._read_channels(published)
        target = next(iter(self.config.targets.values()), None) if is_configured else None
        outcomes = read_outcomes(self.workspace.outcomes)
        by_status: dict[str, list[str]] = {}
        for name, outcome in sorted(outcomes.items()):
            by_status.setdefault(outcome.status, []).append(name)
        for name in by_status.get(ComponentStatus.FAILED.value, ()):
            reason = outcomes[name].reason.split("\n")[0]
            self.problems.append(Problem(f"{name} failed: {reason}", f"see `altai-build log {name}`"))
        return Status(
            project=self.config.project if is_configured else None,
            config=str(self.config.file) if self.config.file is not None else None,
            target=target.name if target is not None else None,
            mock_config=target.mock_config if target is not None else None,
            head=head,
            components=self._count_gitlinks(history, head),
            specs=self._count_specs(history, head) if is_configured else None,
            signing_keys=tuple(key.name for key in self.config.keys.values() if key.is_signing_key),
            published=published,
            latest=self._describe_latest(history, head, manifest) if manifest is not None else None,
            channels=channels,
            last_run={status: tuple(names) for status, names in by_status.items()},
            running=self._describe_running(),
            problems=tuple(self.problems),
        )

    def _note(self, error: AltaiError) -> None:
        # The first line of a command's output says more than the command.
        lines = [line for line in error.why.strip().splitlines() if not line.startswith("$ ")]
        why = f": {lines[0]}" if lines else ""
        self.problems.append(Problem(f"{error.what}{why}", error.todo))

    def _open_superproject(self) -> tuple[RepositoryHistory | None, CommitId | None]:
        try:
            history = RepositoryHistory(self.config.superproject.path)
        except InputError as error:
            self._note(error)
            return None, None
        try:
            return history, history.resolve_revision("HEAD")
        except InputError as error:
            self._note(error)
            return history, None

    def _count_gitlinks(self, history: RepositoryHistory | None, head: CommitId | None) -> int | None:
        if history is None or head is None:
            return None
        try:
            return len(list_gitlinks(history, head, self.config.superproject.components))
        except InputError as error:
            self._note(error)
            return None

    def _count_specs(self, history: RepositoryHistory | None, head: CommitId | None) -> int | None:
        """The folders below those that repos.yaml names for third-party specs."""
        if history is None or head is None:
            return None
        places = [
            Path(repository.path).relative_to(history.path).as_posix()
            for repository in self.config.repositories.values()
            if repository.path is not None and Path(repository.path).is_relative_to(history.path)
        ]
        if not places:
            return 0
        arguments = ["ls-tree", "-d", "--name-only", "-z", head, "--", *(f"{place}/" for place in places)]
        try:
            return run_git(USER_CLONE, arguments, directory=history.place).stdout.count(b"\0")
        except InputError as error:
            self._note(error)
            return None

    def _read_releases(self) -> tuple[tuple[str, ...] | None, Manifest | None]:
        """The published versions, and the manifest of the latest."""
        if self.config.release is None:
            return None, None
        folder = self.config.release.directory
        try:
            published = list_releases(folder)
            if not published:
                return (), None
            if outdated := describe_outdated_page(folder, published):
                self.problems.append(Problem(outdated, "write it again: `altai-build report --index`"))
            link = folder / LATEST_LINK
            latest = link.readlink().name if link.is_symlink() else published[-1]
            return published, load_manifest(folder / latest)
        except InputError as error:
            self._note(error)
        except OSError as error:
            self._note(InputError(f"the releases in {folder} cannot be read", why=str(error)))
        return None, None

    def _describe_latest(
        self, history: RepositoryHistory | None, head: CommitId | None, manifest: Manifest
    ) -> ReleaseChanges:
        trust, problem = check_release(self.config, manifest)
        if problem is not None:
            self.problems.append(problem)
        return replace(self._compare(history, head, manifest), trust=trust)

    def _read_channels(self, published: tuple[str, ...] | None) -> tuple[ChannelStatus, ...] | None:
        if published is None:
            return None
        try:
            found, problems = read_channel_states(self.config, published)
        except InputError as error:
            self._note(error)
            return None
        self.problems += problems
        return found

    def _compare(
        self, history: RepositoryHistory | None, head: CommitId | None, manifest: Manifest
    ) -> ReleaseChanges:
        released = manifest.superproject.commit
        changes = ReleaseChanges(
            version=manifest.version,
            created=manifest.created,
            commit=released,
            packages=len(manifest.packages),
        )
        if history is None or head is None:
            return changes
        try:
            components = list_changed_gitlinks(history, released, head, self.config.superproject.components)
            counted = run_git(
                USER_CLONE, ["rev-list", "--count", f"{released}..{head}"], directory=history.place
            )
            arguments = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", "--ignore-submodules=all"]
            files = run_git(USER_CLONE, [*arguments, released, head], directory=history.place)
        except InputError as error:
            self._note(error)
            return changes
        gitlinks = {change.path for change in components}
        paths = [path for path in files.text.split("\0") if path and path not in gitlinks]
        names = [path.rpartition("/")[2] for path in gitlinks]
        names += [path.split("/")[-2] for path in paths if "/" in path]
        return ReleaseChanges(
            version=manifest.version,
            created=manifest.created,
            commit=released,
            packages=len(manifest.packages),
            commits=int(counted.text),
            components=tuple(components),
            files=tuple(paths),
            dependents=find_dependents(names, manifest.builds),
        )

    def _check_configuration(self) -> None:
        """What repos.yaml names and is not there."""
        for key in self.config.keys.values():
            if key.file.is_file():
                self.problems += check_key(self.config, key, datetime.now(timezone.utc))
            else:
                todo = (
                    f"make it: `altai-build keys init {key.name}`" if key.is_signing_key else "add the file"
                )
                self.problems.append(Problem(f"the file of key {key.name} is missing: {key.file}", todo))
            if key.file.is_file() and key.is_signing_key and not self.workspace.gnupg.is_dir():
                self.problems.append(
                    Problem(
                        f"the workspace has no keyring, so that nothing can be signed with {key.name}",
                        f"`altai-build keys init {key.name}`, or --workspace DIR where the keyring is",
                    )
                )
        has_mirrors = self.config.find_repository(SourceKind.MIRROR) is not None
        if has_mirrors and not (self.config.root / LOCK_FILE_NAME).is_file():
            self.problems.append(
                Problem(
                    f"there is no {LOCK_FILE_NAME}: third-party packages are not locked",
                    "`altai-build deps lock`",
                )
            )

    def _check_commits(self, head: CommitId | None) -> None:
        """What `release` would refuse, as releases are made of commits alone: repos.yaml, the lock and keys."""
        keys = [key.file for key in self.config.keys.values()]
        files = [
            path for path in (self.config.file, self.config.root / LOCK_FILE_NAME, *keys) if path is not None
        ]
        if head is None:
            return
        try:
            names = list_uncommitted(Path(self.config.superproject.path), files)
        except InputError as error:
            self._note(error)
            return
        if names:
            self.problems.append(
                Problem(f"not committed: {', '.join(names)}", "commit it: releases are made of commits alone")
            )

    def _describe_running(self) -> str | None:
        state = read_running(self.workspace)
        if state is None:
            return None
        return f"{len(state.ended)} of {len(state.planned)} done"
