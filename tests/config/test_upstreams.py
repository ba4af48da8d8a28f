"""The repositories of repos.yaml that are not ours, in their order of preference."""

from __future__ import annotations

from pathlib import Path

from altai_build.config import load_config
from altai_build.config.upstreams import list_upstreams
from altai_build.model.lock import RepositoryDefinition
from tests.kit.locks import REPOS


def test_base_comes_before_the_mirrors_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "repos.yaml"
    path.write_text(REPOS.format(root="file:///mirror", settings=", prefer: [mta], exclude: [x]"))
    found = list_upstreams(load_config(path))
    assert [(upstream.name, upstream.is_base) for upstream in found] == [
        ("base/os", True),
        ("deps/updates", False),
        ("deps/epel", False),
    ]
    epel = found[-1]
    assert epel.definition == RepositoryDefinition(
        url="file:///mirror/epel",
        key="k",
        packages=None,
        prefer=("mta",),
        exclude=("x",),
        weak=False,
    )
