"""The private repository through which objects are read: made again where anything of it is missing or has changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.git.command import ISOLATED, run_git
from altai_build.tools.git.shadow import make_shadow, name_objects
from tests.kit.git import Repo


@pytest.mark.parametrize(
    "damage",
    [
        lambda shadow: None,
        lambda shadow: (shadow / "HEAD").unlink(),
        lambda shadow: (shadow / "config").write_text("[core\n"),
        lambda shadow: (shadow / "refs").rmdir(),
        lambda shadow: shutil.rmtree(shadow / "objects"),
        shutil.rmtree,
    ],
)
@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_objects_are_read_through_it_whatever_has_happened_to_it(
    tmp_path: Path, object_format: str, damage: Callable[[Path], object]
) -> None:
    repo = Repo(tmp_path / "repo", object_format=object_format)
    commit = repo.commit({"a": "1\n"})

    def open_shadow() -> Path:
        return make_shadow(tmp_path / "shadows", is_sha256=object_format == "sha256")

    shadow = open_shadow()
    damage(shadow)
    assert open_shadow() == shadow
    named = name_objects([repo.path / ".git"])
    profile = ISOLATED._replace(environment={**ISOLATED.environment, **named})
    assert run_git(profile, ["cat-file", "blob", f"{commit}:a"], git_dir=shadow).text == "1\n"


def test_a_path_that_git_cannot_take_is_refused(tmp_path: Path) -> None:
    # The directory could be made, and git would call every object in it missing.
    shadows = tmp_path / ("y/" * ((4060 - len(os.fspath(tmp_path))) // 2))
    with pytest.raises(InputError, match="is too long for git"):
        make_shadow(shadows, is_sha256=False)
