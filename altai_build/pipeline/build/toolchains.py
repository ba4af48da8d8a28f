"""What a run builds with: a build environment for each target, with the builder that is asked for or to be had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from altai_build.config import Config, Target
from altai_build.errors import InputError
from altai_build.model.limits import Limits
from altai_build.pipeline.run import Run
from altai_build.stages.build import BuildEnvironment
from altai_build.tools.git.superproject import ComponentSource
from altai_build.tools.mock.builder import MockBuilder
from altai_build.tools.mock.config import MockConfig, read_config


def open_build_environments(run: Run, sourced: Sequence[ComponentSource]) -> dict[str, BuildEnvironment]:
    """A build environment for each target that the components are built for, by the target's name."""
    environments: dict[str, BuildEnvironment] = {}
    for one in sourced:
        target = component_target(run.config, one)
        if target.name not in environments:
            config = read_config(target.mock_config, search=run.config.mock_config_directories)
            policy = run.dependants or run.config.dependants
            environments[target.name] = BuildEnvironment.open(
                target, config, builder_name(run), run.workspace, policy, _limits(run.config.limits, config)
            )
    return environments


def _limits(limits: Limits, config: MockConfig) -> Limits:
    """The limits of repos.yaml; a time that the mock configuration sets counts where that says nothing."""
    if config.rpmbuild_timeout and limits.seconds == Limits().seconds:
        return replace(limits, seconds=float(config.rpmbuild_timeout))
    return limits


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


def builder_name(run: Run) -> str:
    """mock where it is asked for or installed, else the embedded builder."""
    if run.builder != "auto":
        return run.builder
    return "mock" if MockBuilder.available() else "chroot"
