"""The repositories of repos.yaml that are not ours: of the operating system, and those that packages come from."""

from __future__ import annotations

from dataclasses import dataclass

from altai_build.config.schema import Config, Key, MirrorListKind, SourceKind
from altai_build.model.connection import USUAL_CONNECTION, ConnectionSettings
from altai_build.model.lock import BASE_PREFIX, MirrorPolicy, RepositoryDefinition


@dataclass(frozen=True)
class Upstream:
    """A repository as repos.yaml defines it; `policy` is None for those of the operating system."""

    name: str
    url: str
    listing: MirrorListKind | None
    key: Key
    policy: MirrorPolicy | None
    exclude: tuple[str, ...]
    # The architecture of its target.
    arch: str
    modules: tuple[tuple[str, str], ...] = ()
    connection: ConnectionSettings = USUAL_CONNECTION

    @property
    def is_base(self) -> bool:
        """True for the repositories of the operating system."""
        return self.policy is None

    @property
    def definition(self) -> RepositoryDefinition:
        """Its settings in repos.yaml."""
        policy = self.policy or MirrorPolicy(name=self.name, packages=None)
        return RepositoryDefinition(
            url=self.url,
            key=self.key.name,
            packages=policy.packages,
            prefer=policy.prefer,
            exclude=self.exclude,
            modules=self.modules,
            weak=policy.weak,
        )


def list_upstreams(config: Config) -> tuple[Upstream, ...]:
    """The repositories of the operating system, then the mirrored ones, both as ordered in repos.yaml.

    This is the order of preference.
    """
    base = [
        Upstream(
            name=f"{BASE_PREFIX}{repository.name}",
            url=repository.url,
            listing=repository.listing,
            key=config.keys[repository.key],
            policy=None,
            exclude=(),
            arch=config.get_target().arch,
            connection=repository.connection,
        )
        for repository in config.get_target().base
    ]
    mirrored = [
        Upstream(
            name=repository.name,
            url=repository.url or "",
            listing=repository.listing,
            key=config.keys[repository.key],
            policy=MirrorPolicy(
                name=repository.name,
                packages=repository.packages,
                prefer=repository.prefer,
                weak=repository.weak,
            ),
            exclude=repository.exclude,
            arch=config.get_target().arch,
            modules=repository.modules,
            connection=repository.connection,
        )
        for repository in config.repositories.values()
        if repository.source is SourceKind.MIRROR
    ]
    return (*base, *mirrored)
