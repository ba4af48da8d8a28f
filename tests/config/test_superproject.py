"""The `superproject` part read alone gives the settings of the whole definition."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.config.superproject import read_superproject_settings
from altai_build.errors import InputError

REST = """\
project: p
targets: {t: {mock_config: m, arch: x86_64}}
keys: {k: {file: k, signs: true}}
repositories: {r: {source: superproject, target: t, key: k}}
release: {baseurl: 'http://localhost/p'}
"""


@pytest.mark.parametrize(
    "part",
    [
        "",
        "superproject: {path: ., components: [repos], root: true}\n",
        "superproject: {path: ., components: [repos/altai, repos/openstack], root: false}\n",
        "superproject: {path: sub/dir, components: [repos], root: true}\n",
        "superproject: {path: ., components: [repos], root: true}   # as always\n",
        "superproject: {root: false}\n",
        "superproject:\n  path: other\n  components:\n    - a\n    - b\n",
        "superproject:\n  components: []\n",
        "'superproject': {path: x}\n",
        "? superproject\n: {path: x}\n",
    ],
)
@pytest.mark.parametrize("order", ["before", "after"])
def test_the_settings_are_the_same(tmp_path: Path, part: str, order: str) -> None:
    path = tmp_path / "repos.yaml"
    path.write_text(part + REST if order == "before" else REST + part)
    assert read_superproject_settings(path) == load_config(path).superproject


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("superproject: {path: ., components: [yes], root: true}\n", "superproject.components[0]: got True"),
        (
            "superproject: {path: ., components: [../x], root: true}\n",
            "superproject.components[0]: got '../x'",
        ),
        (
            "superproject: {path: ., components: [a//b], root: true}\n",
            "superproject.components[0]: got 'a//b'",
        ),
        ("superproject: {path: ., components: [a], root: true}\n  x: 1\n", "is not valid YAML"),
        ("superproject: {path: .}\nsuperproject: {path: a}\n", "the key 'superproject' is given twice"),
    ],
)
def test_errors_are_those_of_the_whole_definition(tmp_path: Path, part: str, message: str) -> None:
    path = tmp_path / "repos.yaml"
    path.write_text(part + REST)
    for read in (read_superproject_settings, load_config):
        with pytest.raises(InputError) as error:
            read(path)
        assert message in str(error.value)
