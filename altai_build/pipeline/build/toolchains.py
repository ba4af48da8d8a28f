"""What a run builds with: a build environment for each target, with the builder that the run asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from altai_build.config import Config, Target
from altai_build.errors import InputError
from altai_build.model.build import BuilderSettings
from altai_build.model.component import Component
from altai_build.model.limits import Limits
from altai_build.model.package_fingerprint import RebuildPolicy
from altai_build.model.variables import get_base_arch
from altai_build.pipeline.build.builders import find_builder
from altai_build.pipeline.build.executor import Executor
from altai_build.pipeline.build.executors import find_executor
from altai_build.pipeline.run import Run
from altai_build.stages.build.environment import BuildEnvironment, BuilderDefinition
from altai_build.tools.builder import Builder
from altai_build.tools.chroot.resolver import BuildrootResolver
from altai_build.tools.git.component_source import ComponentSource
from altai_build.tools.mock.config import MockConfig, read_config
from altai_build.workspace import Workspace


def open_build_environments(
    run: Run, sourced: Sequence[ComponentSource], *, can_build: bool = True
) -> dict[str, BuildEnvironment]:
    """A build environment for each target that the components are built for, by the target's name.

    Without `can_build` it is only for looking things up, which does not need what builds need, such as root.
    """
    environments: dict[str, BuildEnvironment] = {}
    for source in sourced:
        target = component_target(run.config, source)
        if target.name not in environments:
            config = read_config(
                target.mock_config,
                search=run.config.mock_config_directories,
                cache=run.workspace.mock_configs,
            )
            environments[target.name] = open_build_environment(
                target,
                config,
                run.builder,
                run.workspace,
                policy=run.dependants or run.config.dependants,
                limits=_limits(run.config.limits, config),
                can_build=can_build,
            )
            for option in environments[target.name].builder.find_unsupported(config):
                run.reporter.warn(f"mock configuration {config.name}: {option}")
    return environments


def open_build_environment(
    target: Target,
    config: MockConfig,
    builder: str,
    workspace: Workspace,
    *,
    policy: RebuildPolicy = RebuildPolicy.REBUILD,
    limits: Limits | None = None,
    can_build: bool = True,
) -> BuildEnvironment:
    """A build environment with the builder of this name, or `auto`.

    Raises InputError for an unknown builder and for options of the mock configuration that the builder must not ignore,
    MissingToolError when the builder cannot run on this machine.
    """
    chosen = find_builder(builder)
    if can_build:
        chosen.require_usable()
    refuse_other_arch(target, config)
    _refuse_unsupported(chosen, config)
    settings = BuilderSettings(
        workspace=workspace.root,
        scratch=workspace.scratch,
        roots=workspace.buildroots,
        packages=workspace.cache / "packages",
        macros=target.build_macros,
        limits=limits or Limits(),
    )
    definition = BuilderDefinition(builder=chosen.name, config=config, settings=settings)
    return BuildEnvironment(
        target=target,
        definition=definition,
        resolver=BuildrootResolver(config, cache=workspace.cache),
        builder=open_builder(definition),
        policy=policy,
    )


def open_builder(definition: BuilderDefinition) -> Builder:
    """The builder of a definition, in a process that has no build environment."""
    return find_builder(definition.builder).open(definition.config, definition.settings)


def open_executor(run: Run, environments: Mapping[str, BuildEnvironment], *, limit: int) -> Executor:
    """The executor that the run names, with at most `limit` slots."""
    return find_executor(run.executor).open(run, environments, max(1, limit))


def refuse_other_arch(target: Target, config: MockConfig) -> None:
    """Raise InputError where a target and its mock configuration are for different architectures."""
    if get_base_arch(target.arch) != get_base_arch(config.target_arch):
        raise InputError(
            f"the target {target.name} is for {target.arch}, its mock configuration for {config.target_arch}",
            why=f"targets.{target.name}.arch in repos.yaml and target_arch in {config.name} have to agree",
            todo="correct one of them",
        )


def _refuse_unsupported(builder: type[Builder], config: MockConfig) -> None:
    refused = [option for option in builder.find_unsupported(config) if option.is_error]
    if refused:
        raise InputError(
            f"the builder {builder.name} cannot build with the mock configuration {config.name}",
            why="\n".join(f"  {option}" for option in refused),
            todo="remove these options, or build with --builder mock",
        )


def _limits(limits: Limits, config: MockConfig) -> Limits:
    """The limits of repos.yaml; where they set no time, rpmbuild_timeout of the mock configuration counts."""
    if config.rpmbuild_timeout and limits.seconds == Limits().seconds:
        return replace(limits, seconds=float(config.rpmbuild_timeout))
    return limits


def list_build_macros(
    config: Config, component: Component, bootstrap: Sequence[tuple[str, str]] = ()
) -> tuple[tuple[str, str], ...]:
    """The macros of a component's build over those of its target: its own, and over these its bootstrap build's."""
    settings = config.find_component(component.name, component.path)
    return tuple({**dict(settings.macros if settings else ()), **dict(bootstrap)}.items())


def component_target(config: Config, sourced: ComponentSource) -> Target:
    """The target of a component. Raises InputError where no repository takes it."""
    name = sourced.component.repository
    if name is None:
        raise InputError(
            f"{sourced.component.name} belongs to no repository",
            why="repos.yaml has no repository with source: superproject",
            todo="add one, so that a target is known to build for",
        )
    return config.targets[config.repositories[name].target]
