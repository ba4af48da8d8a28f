"""The one place that starts git: a profile says which configuration a git process follows and what it may do.

No profile runs programs that a repository's configuration names (hooks, the file system monitor), asks questions, or
shows replacement objects (git-replace(1)) in place of the pinned ones. Callers choose a profile and cannot leave a
protection out:

`USER_CLONE`: a clone of the user's is read, or given a tag. Its configuration and the user's count (ownership checks,
object format, line endings), because the result must be what the user's own git shows.

`ISOLATED`: the objects of any repository, hostile ones too, are read through a private repository that this tool made.
Only that repository's configuration counts, so the result depends on the commit alone.

`REMOTE`: a mirror or a clone talks to another repository. The user's proxies, certificates and credential helpers
count; protocols that run commands are refused, and there is a time limit. Where this process has become root of a user
namespace, ssh and credential helpers see the user who called.
"""

from __future__ import annotations

import os
from collections.abc import Container, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, NamedTuple

from altai_build.errors import InputError, quote_path
from altai_build.tools import commands, process

if TYPE_CHECKING:
    from pathlib import Path

# What git's transport may use; `ext::` and unknown helpers run commands and stay out (gitremote-helpers(7)).
ALLOWED_PROTOCOLS = ("https", "http", "ssh", "git", "file")
# Bytes that git may print, names of files and of commits most of all: those of the largest known repositories need
# a quarter. A tree whose folders share their content can name more files than any machine can hold.
OUTPUT_LIMIT = 64 << 20
# Bytes. git collects all differences of two trees before it prints one. A million commits take a quarter of this.
MEMORY_LIMIT = 3 << 30

_PROTECTIONS = {
    # Programs of the clone that git would start by itself, even to compare two commits.
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    # Would have gpg look at every commit that is listed.
    "log.showSignature": "false",
    "submodule.recurse": "false",
}
# git's default is to flush packs only: after a power cut a new tag or pin would be an empty file (git-config(1)).
_DURABLE = {"core.fsync": "all"}
_PROTECTED_ENVIRONMENT = {
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    # Overrules core.sshCommand, a program that the clone's configuration may name.
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    "GIT_ALLOW_PROTOCOL": ":".join(ALLOWED_PROTOCOLS),
}
# Overrules core.askPass.
_NO_QUESTIONS = {"GIT_ASKPASS": ""}


# Objects that are fetched are checked (git-fsck(1)): names such as `..` and `.git`, and .gitmodules that would make git
# run something, are refused. Real histories have these faults, which mislead nobody: requests has a bad time zone.
_HARMLESS_FAULTS = (
    *("badDate", "badDateOverflow", "badEmail", "badName", "badTimezone", "missingEmail", "multipleAuthors"),
    *("missingNameBeforeEmail", "missingSpaceBeforeDate", "missingSpaceBeforeEmail", "zeroPaddedDate"),
    *("missingAuthor", "missingCommitter", "missingTaggerEntry", "badTagName", "extraHeaderEntry"),
    *("badFilemode", "zeroPaddedFilemode", "duplicateEntries", "treeNotSorted", "emptyName", "nulInCommit"),
    *("gitmodulesParse", "gitmodulesMissing"),
)
_CHECKED_OBJECTS = {
    "fetch.fsckObjects": "true",
    **{f"fetch.fsck.{fault}": "ignore" for fault in _HARMLESS_FAULTS},
}


# A tuple, because a dataclass takes longer to define, and `changed` imports this module.
class GitProfile(NamedTuple):
    """Settings (`-c`) and environment of a git process, and what a person does when it fails.

    `inherited` names variables that it gets from this process besides those that every child gets; after `timeout`
    seconds it is stopped.
    """

    settings: Mapping[str, str]
    environment: Mapping[str, str]
    todo: str
    inherited: tuple[str, ...] = ()
    timeout: float = 900.0
    memory: int | None = MEMORY_LIMIT
    as_caller: bool = False


USER_CLONE = GitProfile(
    settings={**_PROTECTIONS, **_DURABLE},
    environment={**_PROTECTED_ENVIRONMENT, **_NO_QUESTIONS},
    # Tags have the name of the user who called.
    as_caller=True,
    todo="check the clone with `git -C {place} fsck`; fetch what is missing there, or clone it again",
)
ISOLATED = GitProfile(
    settings={
        **_PROTECTIONS,
        # A `$Format:%h$` in an archived file (export-subst) would otherwise be as long as the clone is large, and file
        # modes would depend on the user's umask.
        "core.abbrev": "12",
        "tar.umask": "0022",
    },
    environment={
        **_PROTECTED_ENVIRONMENT,
        **_NO_QUESTIONS,
        "GIT_ALLOW_PROTOCOL": "",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        # ~/.config/git/attributes counts whatever else is switched off (gitattributes(5)).
        "HOME": "/nonexistent",
        # A `$Format:%G?$` in an archived file would have git run gpg on the commit's signature.
        "PATH": "/nonexistent",
    },
    todo="the repository may be damaged: check it with `git fsck`; fetch what is missing there, or clone it again",
)
REMOTE = GitProfile(
    # One pack is flushed faster than many objects.
    settings={
        **_PROTECTIONS,
        **_DURABLE,
        **_CHECKED_OBJECTS,
        "fetch.unpackLimit": "1",
        "gc.autoDetach": "false",
    },
    environment=_PROTECTED_ENVIRONMENT,
    todo="check the address, the network and your access there, then rerun the command",
    inherited=("SSH_AUTH_SOCK",),
    # Unpacking what was fetched takes as much as the largest repositories need.
    memory=None,
    as_caller=True,
)


class GitError(InputError):
    """git failed: a damaged or unreadable repository, a remote that does not answer. `result` is the whole answer."""

    def __init__(self, result: process.ProcessResult, what: str, todo: str) -> None:
        self.result = result
        super().__init__(what, why=f"$ {commands.quote_command(result.argv)}\n{result.error_text}", todo=todo)


class IncompleteRepository(InputError):
    """An object is missing, or git cannot read it."""


def run_git(
    profile: GitProfile,
    arguments: Sequence[str],
    *,
    directory: str | Path | None = None,
    git_dir: Path | None = None,
    place: str = "",
    input: bytes | None = None,
    ok: Container[int] = (0,),
    timeout: float | None = None,
    limit: int = OUTPUT_LIMIT,
) -> process.ProcessResult:
    """Run git to its end and return what it printed.

    It works in a `directory` (a work tree or a bare repository, where git checks who owns it) or on a `git_dir`.
    `place` names the repository in errors, where neither says whose objects these are; `timeout`, in seconds, is the
    profile's when it is None. `ok` as for `process.run`. Raises GitError for a status that is not in it and for a git
    that was stopped, because it ran longer or printed more than `limit` bytes; ProgramFailed when something else has
    killed git.
    """
    argv, env = _command(profile, arguments, directory, git_dir)
    seconds = profile.timeout if timeout is None else timeout
    result = process.run(
        argv, env=env, input=input, ok=process.ANY_END, timeout=seconds, limit=limit, memory=profile.memory
    )
    if result.returncode not in ok:
        if result.returncode < 0 and not result.stopped:
            raise process.ProgramFailed(result)
        raise make_git_error(profile, result, arguments[0], place or str(directory or git_dir))
    return result


def start_git(
    profile: GitProfile, arguments: Sequence[str], *, git_dir: Path, input: bytes | None = None
) -> AbstractContextManager[process.ChildProcess]:
    """A running git whose output is read while it works; the caller raises `make_git_error` when it fails.

    With an `input`, of whatever bytes, the caller writes to its standard input.
    """
    argv, env = _command(profile, arguments, None, git_dir)
    return process.start_child(argv, env=env, input=input, memory=profile.memory)


def own_mailmap(commit: str) -> list[str]:
    """For `$Format:%aN$`: git's options for the commit's own .mailmap, not that of whatever is checked out."""
    return ["-c", f"mailmap.blob={commit}:.mailmap"]


def make_git_error(
    profile: GitProfile, result: process.ProcessResult, subcommand: str, place: str
) -> GitError:
    """The error for a git that failed, with what to do about it."""
    if "dubious ownership" in result.error_text:
        return GitError(
            result,
            f"git does not read {place}, which belongs to another user",
            f"if you trust it: git config --global --add safe.directory {quote_path(place)}; or run as its owner",
        )
    todo = profile.todo.format(place=quote_path(place))
    ending = "was stopped" if result.stopped else commands.describe_exit(result.returncode)
    return GitError(result, f"git {subcommand} {ending} in {place}", todo)


def git_version() -> str:
    """What `git --version` prints."""
    return process.read_program_version("git")


def _command(
    profile: GitProfile, arguments: Sequence[str], directory: str | Path | None, git_dir: Path | None
) -> tuple[list[str], dict[str, str]]:
    env = {**profile.environment}
    env.update({name: os.environ[name] for name in profile.inherited if name in os.environ})
    words = [word for name, value in profile.settings.items() for word in ("-c", f"{name}={value}")]
    if directory is not None:
        words += ["-C", os.fspath(directory)]
        # A damaged repository is an error, and never makes git answer from a repository around it.
        env["GIT_CEILING_DIRECTORIES"] = os.path.dirname(os.path.realpath(directory))
    if git_dir is not None:
        env["GIT_DIR"] = os.fspath(git_dir)
    # Found here, because a profile's PATH may lead nowhere.
    program = (commands.find_program("git") or "git") if "PATH" in env else "git"
    prefix = commands.caller_prefix() if profile.as_caller else []
    if prefix:
        env["GIT_SSH_COMMAND"] = f"ssh -F {_find_ssh_configuration()} -o BatchMode=yes"
    return [*prefix, program, *words, *arguments], env


def _find_ssh_configuration() -> str:
    """The user's file for ssh, quoted for a shell.

    The machine's files belong to root, who is no user of the namespace: ssh refuses those that /etc/ssh/ssh_config
    includes ("Bad owner or permissions").
    """
    file = os.path.expanduser("~/.ssh/config")
    return quote_path(file) if os.path.exists(file) else "none"
