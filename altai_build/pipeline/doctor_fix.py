"""`doctor --fix`: which packages of the operating system are missing, and their installation by its package manager."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from dataclasses import dataclass

from altai_build.errors import MissingToolError
from altai_build.pipeline.doctor import PROGRAMS, find_shared_libraries
from altai_build.regular_files import read_regular_file
from altai_build.tools import commands, process
from altai_build.tools.commands import quote_command

_MAX_RELEASE_FILE = 64 << 10  # bytes
_LONGEST_INSTALLATION = 3600.0  # seconds
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY", "all_proxy")
# IDs of os-release(5) → the package manager; ID_LIKE names those that a distribution is made like.
_MANAGERS = {
    **dict.fromkeys(("debian", "ubuntu"), "apt-get"),
    **dict.fromkeys(("fedora", "rhel", "centos", "almalinux", "rocky", "ol"), "dnf"),
}
# The mode of `apt-get` that asks nothing.
_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive"}


@dataclass(frozen=True)
class MissingPackage:
    """A package that is not installed, and what it is for."""

    name: str
    purpose: str


@dataclass(frozen=True)
class Installation:
    """What is missing here, and the commands that install it: none where the distribution is not known."""

    packages: tuple[MissingPackage, ...]
    commands: tuple[tuple[str, ...], ...]

    @property
    def text(self) -> str:
        """The commands for a shell, as root."""
        return " && ".join(map(quote_command, self.commands))


def plan_installation() -> Installation:
    """What is missing on this machine; nothing is changed."""
    ids = _read_ids()
    manager = next((_MANAGERS[name] for name in ids if name in _MANAGERS), None)
    packages = list_missing_packages(manager or "apt-get")
    if not packages or manager is None or commands.find_program(manager) is None:
        return Installation(packages, ())
    return Installation(packages, make_commands(manager, packages, is_fedora="fedora" in ids[:1]))


def list_missing_packages(manager: str) -> tuple[MissingPackage, ...]:
    """The packages, by the names that a package manager knows, of which something is missing; each once."""
    is_debian = manager == "apt-get"
    found: dict[str, str] = {}
    for program in PROGRAMS:
        if commands.find_program(program.name) is None:
            name = program.debian if is_debian else program.redhat
            found.setdefault(name, f"{program.name} {program.purpose}")
    if importlib.util.find_spec("rpm") is None:
        found.setdefault(
            "python3-rpm", "Python's bindings of rpm; in a checkout run scripts/setup afterwards"
        )
    for library in find_shared_libraries():
        name = library.debian if is_debian else library.redhat
        found.setdefault(name, f"createrepo_c reads and writes metadata of repositories with {library.name}")
    if not is_debian and commands.find_program("mock") is None:
        found.setdefault("mock", "mock builds packages; without it altai-build does so itself")
    if os.geteuid() != 0 and commands.find_program("newuidmap") is None:
        name = "uidmap" if is_debian else "shadow-utils"
        found.setdefault(name, "newuidmap gives builds without root the ids of /etc/subuid")
    if not commands.may_mount() and commands.find_program("fuse-overlayfs") is None:
        found.setdefault(
            "fuse-overlayfs", "fuse-overlayfs makes buildroots where the kernel mounts no overlays"
        )
    return tuple(MissingPackage(name, purpose) for name, purpose in found.items())


def make_commands(
    manager: str, packages: Iterable[MissingPackage], *, is_fedora: bool
) -> tuple[tuple[str, ...], ...]:
    """The commands that install packages. On Enterprise Linux mock is in EPEL, whose repositories come first."""
    names = tuple(package.name for package in packages)
    if manager == "apt-get":
        return (
            ("apt-get", "--quiet", "update"),
            ("apt-get", "--quiet", "install", "--yes", "--no-install-recommends", *names),
        )
    install = ("dnf", "install", "--assumeyes")
    needs_epel = "mock" in names and not is_fedora
    return ((*install, "epel-release"), (*install, *names)) if needs_epel else ((*install, *names),)


def install(installation: Installation) -> None:
    """Install what is missing; its progress goes to stderr. Raises MissingToolError when that fails."""
    environment = {name: os.environ[name] for name in _PROXIES if name in os.environ}
    for command in installation.commands:
        with os.fdopen(os.dup(2), "wb") as stream:
            done = process.run(
                command,
                env={**environment, **_ENVIRONMENT},
                stdout=stream,
                merge_stderr=True,
                ok=process.ANY_END,
                timeout=_LONGEST_INSTALLATION,
            )
        if done.returncode != 0:
            raise MissingToolError(
                f"the packages could not be installed: {command[0]} {commands.describe_exit(done.returncode)}",
                why=f"$ {quote_command(command)}",
                todo="its last lines above say why; run it yourself, then `altai-build doctor`",
            )


def _read_ids() -> list[str]:
    """The id of this machine's distribution, then of those that it is like (os-release(5))."""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            text = read_regular_file(path, limit=_MAX_RELEASE_FILE).decode("utf-8", "replace")
        except OSError:
            continue
        rows = (line.partition("=") for line in text.splitlines())
        values = {name: value.strip("\"'") for name, _, value in rows}
        return [*values.get("ID", "").split(), *values.get("ID_LIKE", "").split()]
    return []
