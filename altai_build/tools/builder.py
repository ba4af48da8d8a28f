"""What a builder is: the interface between a run and the programs that make binary packages in clean chroots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from altai_build.model.build import BuilderSettings, BuildOutcome, BuildRequest, HostSupport

if TYPE_CHECKING:
    from altai_build.tools.chroot.resolver import Buildroot
    from altai_build.tools.mock.config import MockConfig
    from altai_build.tools.mock.option_check import UnsupportedOption


class Builder(Protocol):
    """Makes binary packages from source packages in the chroots of one mock configuration.

    A new builder is one file with such a class and one line in `pipeline.build.builders.BUILDERS`.
    """

    # What `--builder` calls it, and part of every build key.
    name: ClassVar[str]
    # True: it chooses and installs BuildRequires itself, those of %generate_buildrequires too, as mock does. False: it
    # installs exactly the buildroot that it is given, and a request for another step than packages makes
    # a source package whose header says what a build requires there.
    resolves_dependencies: ClassVar[bool]

    @classmethod
    def open(cls, config: MockConfig, settings: BuilderSettings) -> Builder:
        """A builder for the chroots of this configuration. Touches nothing; see `require_usable` and `prepare`."""

    @classmethod
    def is_installed(cls) -> bool:
        """Whether `--builder auto` may choose it; says nothing about the right to use it."""

    @classmethod
    def require_usable(cls) -> None:
        """Raise MissingToolError when a program or a privilege is missing on this machine."""

    @classmethod
    def inspect_host(cls, scratch: Path) -> HostSupport:
        """What `doctor` reports about it; `scratch` is for trials. Raises what `require_usable` raises."""

    @classmethod
    def find_unsupported(cls, config: MockConfig) -> tuple[UnsupportedOption, ...]:
        """The options that the configuration sets and that this builder does not carry out."""

    def version(self) -> str:
        """What distinguishes its results from those of another version; part of every build key."""

    def prepare(self, base: Buildroot) -> None:
        """Do once what all builds share; called before the first build, when no other run is at work."""

    def build(self, request: BuildRequest, buildroot: Buildroot) -> BuildOutcome:
        """Build one source package; safe to call from several threads.

        A failed build is an outcome. Raises MissingToolError or InputError for faults that every other build would
        meet too.
        """
