"""What a CI job made of a change: the components, the topic repository, and the release that it lies on."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from altai_build.model.build import BuildResult
from altai_build.model.component_status import ComponentStatus
from altai_build.model.coverage_table import NO_COVERAGE, CoverageTable
from altai_build.model.unit_tests import TestResult

# The file by which a folder of results is recognised.
RESULT_NAME = "result.json"
# Where the results of unit tests are in it.
TESTS_FOLDER = "tests"


class Installable(str, Enum):
    """Whether all packages of a change can be installed; unknown where nobody knows what the operating system has."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class InstallCheck:
    """What a machine with the release and the operating system can install of a topic repository.

    `names` are the packages of the install command: those that can be installed together, all where that is unknown.
    `refused` says of the others what they lack, by name. `reason` is why the answer is unknown, or why there is no
    command at all; "" otherwise.
    """

    answer: Installable
    names: tuple[str, ...]
    refused: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class TopicRepository:
    """A yum repository with the packages of a change.

    `url` is that of the folder, `section` the name in the .repo file; `files` are those of its packages, `check` says
    what a machine can install of them. `signer` is the fingerprint of the key that signed packages and metadata,
    `key_url` where clients find it; "" where no key is configured.
    """

    section: str
    url: str
    files: tuple[str, ...]
    check: InstallCheck
    signer: str = ""
    key_url: str = ""

    @property
    def install_command(self) -> str:
        """The command with which a machine that has the release installs the packages; "" where none would work."""
        if not self.check.names:
            return ""
        options = (
            {"gpgcheck": "1", "repo_gpgcheck": "1", "gpgkey": self.key_url}
            if self.signer
            else {"gpgcheck": "0"}
        )
        words = ["dnf", f"--repofrompath={self.section},{self.url}"]
        words += [f"--setopt={self.section}.{name}={value}" for name, value in options.items()]
        return shlex.join([*words, "install", *self.check.names])


@dataclass(frozen=True)
class CiResult:
    """What became of a change.

    `pins` are the commits of components that are not those which `commit` pins, by path. `since` is the commit that it
    was compared with, for the reason in `compared`; None for the first commit.
    `against` is the version of the release whose packages were used, and which `topic` lies on.
    `tests` are the unit tests of what has changed and of what depends on it.
    """

    commit: str
    since: str | None
    compared: str
    rows: tuple[BuildResult, ...]
    exit_code: int
    against: str | None = None
    topic: TopicRepository | None = None
    pins: Mapping[str, str] = field(default_factory=dict)
    tests: tuple[TestResult, ...] = ()
    coverage: CoverageTable = NO_COVERAGE
    has_tested: bool = False  # unit tests were to be run, whether or not there are any

    def with_status(self, *statuses: ComponentStatus) -> tuple[BuildResult, ...]:
        """The components that ended so."""
        return tuple(row for row in self.rows if row.status in statuses)

    @property
    def outcome(self) -> str:
        """One word for the whole: `unchanged`, `success` or `failure`."""
        if self.exit_code:
            return "failure"
        return "success" if self.rows else "unchanged"
