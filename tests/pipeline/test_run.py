"""What a run takes from the mock configuration where repos.yaml does not say it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from altai_build.config import Config, load_config
from altai_build.pipeline.run import Run, with_mock_dist
from altai_build.workspace import Workspace


def _config(root: Path, macros: str) -> Config:
    (root / "mock-configs").mkdir(parents=True)
    (root / "mock-configs/m.cfg").write_text(
        "config_opts['root'] = 'm'\nconfig_opts['target_arch'] = 'x86_64'\n"
        "config_opts['chroot_setup_cmd'] = 'install bash'\nconfig_opts['dist'] = 'el6'\n"
        "config_opts['macros']['%dist'] = '.{{ dist }}'\nconfig_opts['dnf.conf'] = '[main]'\n"
    )
    (root / "repos.yaml").write_text(
        "project: p\n"
        f"targets: {{t: {{mock_config: m, arch: x86_64, macros: {macros}}}, u: {{mock_config: gone, arch: x86_64}}}}\n"
        "keys: {k: {file: k, signs: true}}\n"
        "repositories: {r: {source: superproject, target: t, key: k}}\n"
        "release: {baseurl: 'http://localhost/p'}\n"
    )
    return load_config(root / "repos.yaml")


def test_dist_comes_from_the_mock_configuration_where_repos_yaml_is_silent(tmp_path: Path) -> None:
    config = with_mock_dist(_config(tmp_path, "{rhel: '6'}"), Workspace(tmp_path / "ws"))
    assert dict(config.targets["t"].macros) == {"rhel": "6", "dist": ".el6"}
    assert config.targets["u"].macros == ()  # its mock configuration is not here
    assert not (tmp_path / "ws").exists()


def test_what_repos_yaml_says_stands(tmp_path: Path) -> None:
    config = with_mock_dist(_config(tmp_path, "{dist: .own}"), Workspace(tmp_path / "ws"))
    assert dict(config.targets["t"].macros) == {"dist": ".own"}


def test_the_records_are_read_once_for_both_definitions(tmp_path: Path) -> None:
    run = Run(config=_config(tmp_path, "{}"), workspace=Workspace(tmp_path / "ws"), jobs=1, builder="chroot")
    other = replace(run.config, project="other")
    assert run.with_config(other).ledger is run.ledger and run.with_config(other).config is other
