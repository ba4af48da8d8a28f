"""Settings of wrong types and impossible places: an error that names them, or no effect, and never a bug."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.errors import InputError
from altai_build.pipeline.published.releases import (
    PublishedReleases,
    find_release,
    list_releases_before,
    open_releases,
)
from altai_build.tools.files import make_directory, remove_tree
from altai_build.tools.mock import config as mock_config
from altai_build.tools.mock.evaluate import EvaluatedOptions
from altai_build.tools.mock.options import default_options
from tests.kit.cli import altai_build
from tests.kit.superprojects import DEFINITION, World, make_files

ODD_VALUES: tuple[object, ...] = (
    None, True, 0, -1, 1.5, float("inf"), float("nan"), "", "x\0y", "\ud800", "'open", "[main", "%(x)s", "{", "%", [],
    {}, [[1]], [None], [{}], {"a": None}, {"a": [1, {}]}, {"": ""}, {"a": {"b": 1}}, 10**30, "9" * 5000, "x" * 100_000,
)  # fmt: skip


def test_options_of_mock_with_values_of_any_type() -> None:
    usual = {
        **default_options(),
        "root": "r",
        "target_arch": "x86_64",
        "repo_arch": "x86_64",
        "rpmbuild_arch": "x86_64",
        "chroot_setup_cmd": "install x",
        "releasever": "1",
        "dnf.conf": "[main]\ngpgcheck=1\n[os]\nname=os\nbaseurl=http://localhost/\n",
    }
    path = Path("/nonexistent/case.cfg")
    read = 0
    for name in usual:
        for value in ODD_VALUES:
            options = EvaluatedOptions(
                values={**usual, name: value},
                errors={},
                changed=frozenset([name]),
                plugin_settings=frozenset(),
                flat="",
            )
            # An error of ours names the option; anything else fails the test.
            with suppress(InputError):
                mock_config._build_config(path, (path,), options)
                read += 1
    assert read > 1000


@pytest.mark.parametrize(
    "url", ["http://x/{y}", "http://x/%z", "http://x/%(a)s", "http://[", "http://x:99999999/", "http://x/" + "y" * 3000]
)  # fmt: skip
def test_odd_base_urls(tmp_path: Path, url: str) -> None:
    world = World(tmp_path)
    world.component("repos/good", make_files("good"))
    world.pin()
    definition = world.super.path / "repos.yaml"
    text = DEFINITION.replace("http://localhost/p", url) + "components: {good: {sources: {x: '{baseurl}'}}}\n"
    definition.write_text(text)
    try:
        config = load_config(definition)
    except InputError as error:
        assert "release.baseurl" in error.why
        return
    assert config.release is not None and config.release.baseurl == url
    assert altai_build("srpm", cwd=world.super.path).code == 0


PLACES = (
    "/proc/self",
    "/proc/self/fd",
    "/dev/null",
    "/dev/full",
    "/sys",
    "/nonexistent/x",
    "x" * 300,
    "y/" * 2000,
)


@pytest.mark.parametrize("place", PLACES)
def test_releases_in_impossible_places(tmp_path: Path, place: str) -> None:
    definition = tmp_path / "repos.yaml"
    definition.write_text(DEFINITION.replace("release: {", f"release: {{directory: '{place}', "))
    config = load_config(definition)
    assert config.release is not None
    folder = config.release.directory
    calls = (
        lambda: open_releases(config, lambda text: None),
        lambda: find_release(folder, "1.0"),
        lambda: list_releases_before(folder, "1.0"),
        lambda: PublishedReleases.load(folder),
    )
    for call in calls:
        # OSError: main says what the kernel refused, with exit code 3.
        with suppress(InputError, OSError):
            call()


@pytest.mark.parametrize("place", PLACES)
def test_workspaces_in_impossible_places(tmp_path: Path, place: str) -> None:
    world = World(tmp_path)
    world.component("repos/good", make_files("good"))
    world.pin()
    (world.super.path / "repos.yaml").write_text(DEFINITION)
    if place.startswith("/nonexistent"):
        place = "/proc/nonexistent"
    answer = altai_build("--workspace", place, "srpm", cwd=world.super.path)
    assert (answer.code, place[:20] in answer.err) == (InputError.exit_code, True)
    # pytest removes no tree of this depth.
    remove_tree(world.super.path / "y")


def test_a_very_deep_workspace_is_made_without_recursion(tmp_path: Path) -> None:
    place = tmp_path / "y"
    try:
        assert make_directory(Path(place, *["y"] * 1900)).is_dir()
    finally:
        # pytest removes no tree of this depth.
        remove_tree(place)
