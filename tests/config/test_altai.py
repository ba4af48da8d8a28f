"""The true Altai definition of this repository is valid, checked without its mirrors."""

from __future__ import annotations

from pathlib import Path

from altai_build.config import load_config
from altai_build.config.upstreams import list_upstreams
from altai_build.model.compat import Compat, get_unsupported_key_reason
from altai_build.tools.mock.config import read_config
from altai_build.tools.openpgp.keyfile import read_public_keys

ROOT = Path(__file__).resolve().parents[2]
FINGERPRINTS = {
    "altai": "8D3A3851B8820E71A77845B9499590CC596F1E88",
    "centos6": "C1DAC52D1664E8A4386DBA430946FCA2C105B9DE",
    "epel6": "8C3BE96AF2309184DA5C0DAE3B49DF2A0608B895",
}


def test_it_is_valid_and_for_el6() -> None:
    config = load_config(ROOT / "repos.yaml")
    assert list(config.repositories) == ["centos6", "deps/misc", "deps/centos6-updates", "deps/epel"]
    (target,) = config.targets.values()
    assert target.compat is Compat.EL6
    assert dict(target.build_macros)["_binary_payload"] == "w9.gzdio"


def test_base_is_preferred_to_updates_and_those_to_epel() -> None:
    names = [upstream.name for upstream in list_upstreams(load_config(ROOT / "repos.yaml"))]
    assert names == ["base/os", "deps/centos6-updates", "deps/epel"]


def test_its_keys_are_the_real_ones_and_fit_for_el6() -> None:
    config = load_config(ROOT / "repos.yaml")
    found = [(name, key) for name, declared in config.keys.items() for key in read_public_keys(declared.file)]
    assert {name: key.fingerprint for name, key in found} == FINGERPRINTS
    assert all(get_unsupported_key_reason(Compat.EL6, key) is None for _, key in found)


def test_its_mock_configuration_agrees_with_it() -> None:
    config = load_config(ROOT / "repos.yaml")
    (target,) = config.targets.values()
    mock = read_config(target.mock_config, search=config.mock_config_directories)
    assert mock.target_arch == target.arch
    assert {name: dict(mock.macros)[name] for name in ("dist", "rhel")} == {"dist": ".el6", "rhel": "6"}
    urls = {url for section in mock.repositories for url in section.baseurls}
    assert {upstream.url for upstream in list_upstreams(config)} <= urls
