"""Keys that replace others: who their relatives are, and which chains of `replaces` are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.config import Config, load_config
from altai_build.errors import InputError

_DEFINITION = """\
project: altai
targets: {centos6: {mock_config: el6, arch: x86_64}}
keys:
  altai: {file: a, signs: true}
  epel: {file: e}
%s
repositories: {centos6: {source: superproject, target: centos6, key: altai}}
release: {baseurl: "https://repo.example.org"}
"""


def load(folder: Path, keys: str) -> Config:
    path = folder / "repos.yaml"
    path.write_text(_DEFINITION % keys)
    return load_config(path)


def test_related_keys_are_the_replaced_ones_and_the_successors(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "  second: {file: b, signs: true, replaces: altai}\n  third: {file: c, signs: true, replaces: second}",
    )
    assert config.get_related_keys("altai") == ("second", "third")
    assert config.get_related_keys("second") == ("altai", "third")
    assert config.get_related_keys("third") == ("second", "altai")
    assert config.get_related_keys("epel") == ()


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            "  b: {file: b, signs: true, replaces: altaj}",
            ["keys.b.replaces: got 'altaj', which is not in keys; did you mean altai?"],
        ),
        (
            "  b: {file: b, signs: true, replaces: altai}\n  c: {file: c, signs: true, replaces: altai}",
            ["keys.c.replaces: 'altai' is replaced by 'b' already; a key has one successor"],
        ),
        (
            "  b: {file: b, signs: true, replaces: c}\n  c: {file: c, signs: true, replaces: b}",
            [
                "keys.b.replaces: 'b' would replace itself; name the older key",
                "keys.c.replaces: 'c' would replace itself; name the older key",
            ],
        ),
        (
            "  b: {file: b, replaces: altai}",
            ["keys.b.replaces: either both keys are our own (signs: true), or neither is"],
        ),
    ],
)
def test_wrong_chains_are_refused(keys: str, expected: list[str], tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, keys)
    assert [line.strip() for line in caught.value.why.splitlines()] == expected
