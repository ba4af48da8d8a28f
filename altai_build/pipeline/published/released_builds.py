"""The packages of a release by the inputs of their builds, for machines that have not built them themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.component import Component
from altai_build.model.package import LocalRpm
from altai_build.model.release import MirrorOrigin, ReleasedPackage
from altai_build.model.trust import TrustLevel
from altai_build.pipeline.build.plan import BuildPlan
from altai_build.pipeline.published.manifest_trust import CheckedManifest
from altai_build.pipeline.published.verify import trusted_keys
from altai_build.pipeline.run import Run
from altai_build.stages.build.cache import ReleasedBuild
from altai_build.tools.files import sha256_file
from altai_build.tools.rpm.header import read_header
from altai_build.tools.rpm.signatures import verify_signatures


class ReleasedBuilds:
    """The builds in one release. A build is found by its key, which covers everything that it was made from."""

    @property
    def version(self) -> str:
        """The version of the release."""
        return self._release.manifest.version

    @property
    def directory(self) -> Path:
        """The folder of the release."""
        return self._release.directory

    @property
    def repositories(self) -> tuple[tuple[str, Path], ...]:
        """(name, folder) of each repository that the release has for clients."""
        listed = self._release.manifest.repositories
        return tuple((one.name, self.directory / one.name) for one in listed if not one.source)

    def __init__(self, run: Run, release: CheckedManifest) -> None:
        """Raises InputError for a release whose manifest no key of repos.yaml signed: what it says cannot be used."""
        if release.trust.level is not TrustLevel.PINNED:
            raise InputError(
                f"the packages of release {release.manifest.version} cannot be used for builds",
                why=f"no signing key of repos.yaml signed its release.json; {release.trust.detail}",
                todo=f"`altai-build verify {release.manifest.version}` lists all findings about the release",
            )
        self._run = run
        self._release = release
        self._packages: dict[str, list[ReleasedPackage]] = {}
        for package in release.manifest.packages:
            if package.build_origin is not None and not package.is_source:
                self._packages.setdefault(package.build_origin.build_key, []).append(package)

    def has_commit_of(self, component: Component) -> bool:
        """Whether the release has packages that were built from a component's commit: no others can be used for it."""
        return any(
            (origin.path, origin.commit) == (component.path, component.commit)
            for packages in self._packages.values()
            for origin in (package.origin for package in packages)
            if not isinstance(origin, MirrorOrigin)
        )

    def describe(self, build_plan: BuildPlan) -> BuildPlan:
        """The plan with what the release has of each component, in its reasons.

        Only a build knows all of its inputs, so that the plan does not know which packages will be used.
        """
        bootstrap_builds = build_plan.order.bootstrap_builds
        components = {source.component.name: source.component for source in build_plan.discovery.sourced}
        reasons = dict(build_plan.reasons)
        for name, reason in reasons.items():
            component = components.get(bootstrap_builds.get(name, name))
            if component is not None:
                reasons[name] = f"{reason}; {self.describe_commit(component)}"
        return replace(build_plan, reasons=reasons)

    def describe_commit(self, component: Component) -> str:
        """What the release has of a component's commit, as a reason."""
        if self.has_commit_of(component):
            return f"release {self.version} has packages of this commit, used if all inputs are the same"
        return f"release {self.version} has no packages of this commit"

    def has_build(self, key: str) -> bool:
        """Whether the manifest names packages of the build with this key."""
        return key in self._packages

    def find(self, key: str) -> ReleasedBuild | None:
        """The packages of the build with this key; None where the release has none, or not all as its manifest says."""
        packages = self._packages.get(key, ())
        keys = {repository.name: repository.keys for repository in self._release.manifest.repositories}
        files = dict(trusted_keys(self._run.config))
        rpms = [self._read(package, keys, files) for package in packages]
        found = tuple(rpm for rpm in rpms if rpm is not None)
        if not found or len(found) != len(packages):
            return None
        return ReleasedBuild(release=self._release.manifest.version, rpms=found)

    def _read(
        self, package: ReleasedPackage, keys: Mapping[str, tuple[str, ...]], files: Mapping[str, Path]
    ) -> LocalRpm | None:
        """A package whose bytes and signature are right; None, with a warning, for another."""
        path = self._release.directory / package.path
        problem = ""
        if not path.is_file() or sha256_file(path) != package.sha256:
            problem = "it is missing or has other bytes than the manifest says"
        else:
            names = [name for name in keys.get(package.repository, ()) if name in files]
            (check,) = verify_signatures([path], [files[name] for name in names])
            problem = "" if check.is_good else check.description
        if problem:
            version = self._release.manifest.version
            self._run.reporter.warn(f"{package.file} of release {version} is not used: {problem}")
            return None
        return LocalRpm(path=path, header=read_header(path), sha256=package.sha256)
