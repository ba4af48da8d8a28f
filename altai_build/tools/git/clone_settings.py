"""What the configuration of a clone of the user's says about where it and its submodules come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from altai_build.tools.git.command import REMOTE, USER_CLONE, GitProfile, run_git

_KEYS = r"^(remote\..*\.url|branch\..*\.remote|submodule\..*\.url|url\..*\.insteadof)$"
_URLS = r"^submodule\..*\.url$"


@dataclass(frozen=True)
class CloneSettings:
    """The settings of a clone, the user's own and the machine's included."""

    # The URL that relative URLs of submodules start at; None: the clone comes from nowhere.
    remote_url: str | None
    # Name of a submodule → the URL that the user wants it from, whatever .gitmodules says.
    submodule_urls: Mapping[str, str]
    # Key and value of each url.BASE.insteadOf.
    rewrites: tuple[tuple[str, str], ...]

    @property
    def remote_profile(self) -> GitProfile:
        """The profile for fetching what the clone lacks, with its own insteadOf settings."""
        environment = {"GIT_CONFIG_COUNT": str(len(self.rewrites))}
        for number, (key, value) in enumerate(self.rewrites):
            environment[f"GIT_CONFIG_KEY_{number}"] = key
            environment[f"GIT_CONFIG_VALUE_{number}"] = value
        return REMOTE._replace(environment={**REMOTE.environment, **environment})


def read_clone_settings(place: Path) -> CloneSettings:
    """The settings of a work tree or bare repository. Raises GitError when git cannot read them."""
    words = ["config", "--null", "--get-regexp", _KEYS]
    listed = run_git(USER_CLONE, words, directory=place, ok=(0, 1))
    remotes: dict[str, str] = {}
    branches: dict[str, str] = {}
    submodules: dict[str, str] = {}
    rewrites: list[tuple[str, str]] = []
    for row in listed.text.split("\0")[:-1]:
        key, _, value = row.partition("\n")
        section, _, rest = key.partition(".")
        name = rest.rpartition(".")[0]
        if section == "url":
            rewrites.append((key, value))
        elif value:
            {"remote": remotes, "branch": branches, "submodule": submodules}[section][name] = value
    return CloneSettings(
        remote_url=_choose_remote(place, remotes, branches),
        submodule_urls=submodules,
        rewrites=tuple(rewrites),
    )


def read_submodule_urls(git_dir: Path) -> dict[str, str]:
    """Name of a submodule → the URL that a clone's own configuration gives it.

    The file is read by itself, because a clone whose work tree is gone (`git submodule deinit`) is none to git.
    """
    if not (git_dir / "config").is_file():
        return {}
    words = ["config", "--file", str(git_dir / "config"), "--includes", "--null", "--get-regexp", _URLS]
    listed = run_git(USER_CLONE, words, place=str(git_dir), ok=(0, 1))
    rows = [row.partition("\n") for row in listed.text.split("\0")[:-1]]
    return {key[len("submodule.") : -len(".url")]: value for key, _, value in rows if value}


def _choose_remote(place: Path, remotes: Mapping[str, str], branches: Mapping[str, str]) -> str | None:
    """The URL of the branch's remote, else of origin, else of the only remote (git-submodule(1), "add")."""
    wanted = []
    # Mostly all branches are those of origin.
    if set(branches.values()) - {"origin"}:
        head = run_git(USER_CLONE, ["symbolic-ref", "--quiet", "HEAD"], directory=place, ok=(0, 1))
        branch = head.text.strip().removeprefix("refs/heads/")
        wanted.append(branches.get(branch, ""))
    wanted.append("origin")
    if len(remotes) == 1:
        wanted += remotes
    return next((remotes[name] for name in wanted if name in remotes), None)
