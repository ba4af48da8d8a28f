"""What the records of repos.yaml derive from their settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from altai_build.config import Bootstrap, Config, Key, Repository, SourceKind, Target
from altai_build.config.schema import DEFAULT_STAMP, ComponentSettings
from altai_build.config.superproject import get_default_superproject
from altai_build.model.compat import Compat

ROOT = Path("/srv/altai")
TARGET = Target(
    name="el6", mock_config="m", arch="i686", macros=(("dist", ".el6"),), base=(), compat=Compat.EL6
)


def make_config(*repositories: Repository, keys: tuple[Key, ...] = ()) -> Config:
    return Config(
        project="altai",
        file=None,
        root=ROOT,
        superproject=get_default_superproject(str(ROOT)),
        targets={"el6": TARGET},
        keys={key.name: key for key in keys},
        repositories={repository.name: repository for repository in repositories},
    )


def test_bootstrap_defines_what_rpmbuild_defines_for_with_and_without() -> None:
    bootstrap = Bootstrap(with_=("docs",), without=("check",), macros=(("stage", "1"),))
    assert bootstrap.all_macros == {
        "_with_docs": "--with-docs",
        "_without_check": "--without-check",
        "stage": "1",
    }


def test_macros_of_the_target_override_those_of_its_compat() -> None:
    (name, value), *_ = TARGET.build_macros
    assert name not in dict(TARGET.macros)
    own = Target(
        name="el6", mock_config="m", arch="i686", macros=((name, "own"),), base=(), compat=Compat.EL6
    )
    assert (dict(TARGET.build_macros)[name], dict(own.build_macros)[name]) == (value, "own")
    assert dict(TARGET.build_macros)["dist"] == ".el6"


def test_defaults_where_nothing_is_configured() -> None:
    config = make_config()
    assert config.stamp == DEFAULT_STAMP
    assert config.get_target_macros(None) == ({}, "x86_64")
    assert config.find_repository(SourceKind.MIRROR) is None
    assert config.mock_config_directories == (ROOT / "mock-configs", Path("/etc/mock"))


def test_the_first_repository_of_a_source_and_the_macros_of_its_target() -> None:
    ours = Repository(name="ours", source=SourceKind.SUPERPROJECT, target="el6", key="k")
    epel = Repository(name="epel", source=SourceKind.MIRROR, target="el6", key="k")
    extra = Repository(name="extra", source=SourceKind.MIRROR, target="el6", key="k")
    config = make_config(ours, epel, extra)
    assert config.find_repository(SourceKind.MIRROR) is epel
    assert config.get_target_macros("epel") == ({"dist": ".el6"}, "i686")


def test_settings_of_a_repository_are_for_all_its_components_without_their_own() -> None:
    """A repository with several specs makes components named NAME/SPEC."""
    settings = {name: ComponentSettings(name=name) for name in ("two", "two/b", "repos/x", ".")}
    config = replace(make_config(), components=settings)
    assert config.find_component("two/a", "repos/two") is settings["two"]
    assert config.find_component("two/b", "repos/two") is settings["two/b"]
    assert config.find_component("x", "repos/x") is settings["repos/x"]
    assert config.find_component("b", "repos/b") is None and config.find_component("root", "") is None


def test_related_keys_in_the_order_of_replacement() -> None:
    keys = [Key(name="1", file=ROOT, is_signing_key=True)]
    keys += [Key(name=str(n), file=ROOT, is_signing_key=True, replaces=str(n - 1)) for n in (2, 3, 4)]
    config = make_config(keys=tuple(keys))
    assert config.get_related_keys("3") == ("2", "1", "4")
