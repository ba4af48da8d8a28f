"""Builders are chosen from one registry; a builder that is only in the registry builds like those of this program."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from altai_build.errors import InputError
from altai_build.model.build import BuilderSettings, BuildOutcome, BuildRequest, FailureKind, HostSupport
from altai_build.model.component_status import ComponentStatus
from altai_build.pipeline.build.toolchains import refuse_other_arch
from altai_build.tools.chroot.resolver import Buildroot
from altai_build.tools.mock.config import MockConfig, read_config
from altai_build.tools.mock.option_check import UnsupportedOption
from tests.kit.builders import HostSite
from tests.kit.rpms import build_rpm
from tests.kit.superprojects import make_files, make_spec

# Makes rpmbuild require rpmlib(DynamicBuildRequires) of the source package.
GENERATED = "%generate_buildrequires\necho 'not-in-any-repository'\n\n%prep"


class PrebuiltBuilder:
    """A third builder: hands out packages that were made before, by the name of the component."""

    name: ClassVar[str] = "prebuilt"
    resolves_dependencies: ClassVar[bool] = True
    packages: ClassVar[Path]
    built: ClassVar[list[tuple[str, str]]]  # component and buildroot of each build
    prepared: ClassVar[list[Buildroot]]

    @classmethod
    def open(cls, config: MockConfig, settings: BuilderSettings) -> PrebuiltBuilder:
        assert config.name == "m" and ("dist", ".x") in settings.macros
        return cls()

    @classmethod
    def is_installed(cls) -> bool:
        return True

    @classmethod
    def require_usable(cls) -> None:
        pass

    @classmethod
    def inspect_host(cls, scratch: Path) -> HostSupport:
        return HostSupport(found="ready", todo="nothing" if scratch.is_file() else "")

    @classmethod
    def find_unsupported(cls, config: MockConfig) -> tuple[UnsupportedOption, ...]:
        return tuple(option for option in config.unsupported if not option.is_error)

    def version(self) -> str:
        return "7"

    def prepare(self, base: Buildroot) -> None:
        self.prepared.append(base)

    def build(self, request: BuildRequest, buildroot: Buildroot) -> BuildOutcome:
        self.built.append((request.component, " ".join(buildroot.lines)))
        found = sorted(self.packages.glob(f"{request.component}-*.noarch.rpm"))
        rpms = tuple(Path(shutil.copy(path, request.result_dir)) for path in found)
        return BuildOutcome(
            failure=None if rpms else FailureKind.BUILD,
            rpms=rpms,
            log=None,
            reason="" if rpms else "it was not built before",
            seconds=0.1,
            buildroot=buildroot.lines,
        )


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    site = HostSite.create(tmp_path, monkeypatch, builder=PrebuiltBuilder)
    site.world.component("repos/one", make_files("one"))
    site.world.component(
        "repos/two", {**make_files("two"), "two.spec": make_spec("two").replace("%prep", GENERATED)}
    )
    site.world.pin()
    PrebuiltBuilder.packages = tmp_path / "prebuilt"
    PrebuiltBuilder.packages.mkdir()
    PrebuiltBuilder.built, PrebuiltBuilder.prepared = [], []
    for name in ("one", "two"):
        commit = site.world.components[f"repos/{name}"].git("rev-parse", "HEAD")
        made = build_rpm(tmp_path / f"rpm-{name}", name, "1.0", f"1.1.g{commit[:7]}.x")
        shutil.copy(made.binary, PrebuiltBuilder.packages)
    return site


def test_a_target_and_its_mock_configuration_are_for_one_architecture(site: HostSite) -> None:
    target = site.run.config.get_target()
    mock = read_config(target.mock_config, search=site.run.config.mock_config_directories)
    for arch, other in (("i686", "i386"), ("x86_64", "x86_64")):
        refuse_other_arch(replace(target, arch=arch), replace(mock, target_arch=other))
    with pytest.raises(InputError) as caught:
        refuse_other_arch(replace(target, arch="vax"), mock)
    assert caught.value.what == "the target t is for vax, its mock configuration for x86_64"


def test_a_builder_of_the_registry_builds(site: HostSite) -> None:
    build_run = site.build()
    statuses = {name: result.status for name, result in build_run.results.items()}
    assert statuses == {"one": ComponentStatus.BUILT, "two": ComponentStatus.BUILT}, build_run.rows
    (base,) = PrebuiltBuilder.prepared
    assert [package.nevra.name for package in base.base] == ["bash"]
    # `two` is built once: a builder that resolves dependencies is not asked to generate BuildRequires first.
    assert sorted(PrebuiltBuilder.built) == [("one", base.lines[0]), ("two", base.lines[0])]
    assert {result.status for result in site.build().results.values()} == {ComponentStatus.REUSED}
    recorded = {dict(record.inputs)["builder"] for record in site.run.ledger.history("build", "one")}
    assert recorded == {"prebuilt 7"}
