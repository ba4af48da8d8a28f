"""What verbs make from the global options: the release definition, the superproject, the workspace, a run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from altai_build.cli.app import change_directory
from altai_build.errors import AltaiError, InputError
from altai_build.model.package_fingerprint import RebuildPolicy
from tests.kit.cli import make_app

DEFINITION = """\
project: altai
superproject: {path: %s, components: [repos], root: false}
targets: {el6: {mock_config: m, arch: x86_64, macros: {dist: .el6}}}
keys: {k: {file: k, signs: true}}
repositories:
  ours: {source: superproject, target: el6, key: k}
  misc: {source: specs, path: specs, target: el6, key: k, source_rpms: misc-srpms}
release: {baseurl: "https://example.org/altai"}
"""


def write_definition(folder: Path, path: str = ".") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "repos.yaml"
    file.write_text(DEFINITION % path)
    return file


def make_repository(folder: Path) -> Path:
    """As much of a git repository as the search for one looks at."""
    (folder / ".git" / "objects").mkdir(parents=True)
    (folder / ".git" / "refs").mkdir()
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    return folder


def test_without_a_definition_defaults_hold_where_they_are_enough(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    assert app.config_path is None
    assert app.load_config(needed=False).superproject.folder == str(tmp_path)
    assert app.read_superproject().components == ("repos",)
    with pytest.raises(InputError) as caught:
        app.load_config()
    assert caught.value.what == f"there is no repos.yaml in {tmp_path} or above it"
    assert "-C DIR" in caught.value.todo


def test_the_definition_is_looked_for_upwards(tmp_path: Path) -> None:
    file = write_definition(make_repository(tmp_path / "super"))
    below = tmp_path / "super" / "repos" / "nova"
    below.mkdir(parents=True)
    app = make_app(below)
    assert app.config_path == file
    assert (
        app.read_superproject() == app.load_config().superproject == make_app(file.parent).read_superproject()
    )
    assert app.get_workspace().root == file.parent / ".altai-build"
    nearer = write_definition(below)
    assert make_app(below).config_path == nearer


def test_without_a_definition_the_repository_is_looked_for_upwards(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "super")
    below = top / "docs" / "howto"
    below.mkdir(parents=True)
    app = make_app(below)
    assert app.read_superproject().folder == app.load_config(needed=False).superproject.folder == str(top)
    assert app.get_workspace().root == top / ".altai-build"


def test_above_the_directory_only_a_definition_of_its_owner_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_definition(tmp_path)
    (tmp_path / "mine").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert make_app(tmp_path / "mine").config_path == file
    real = os.stat

    def stat_of_others(path: str) -> os.stat_result:
        found = real(path)
        return os.stat_result((*found[:4], 4712, *found[5:])) if path == str(file) else found

    monkeypatch.setattr(os, "stat", stat_of_others)
    assert make_app(tmp_path / "mine").config_path is None
    assert make_app(tmp_path).config_path == file


def test_the_superproject_alone_is_that_of_the_whole_definition(tmp_path: Path) -> None:
    write_definition(make_repository(tmp_path))
    app = make_app(tmp_path)
    assert app.read_superproject() == app.load_config().superproject
    assert app.read_superproject().root is False


def test_a_definition_kept_outside_works_for_the_clone_of_C(tmp_path: Path) -> None:
    clone = make_repository(tmp_path / "clone")
    file = write_definition(tmp_path / "definitions")
    app = make_app(clone, config_file=str(file))
    config = app.load_config()
    assert Path(config.superproject.folder).samefile(clone)
    assert config.repositories["misc"].path == clone / "specs"
    assert config.release is not None and config.release.directory == tmp_path / "definitions" / "releases"


def test_a_definition_beside_its_superproject_stays_there(tmp_path: Path) -> None:
    own = make_repository(tmp_path / "own")
    write_definition(own)
    other = make_repository(tmp_path / "other")
    config = make_app(other, config_file=str(own / "repos.yaml")).load_config()
    assert Path(config.superproject.folder).samefile(own)
    assert config.repositories["misc"].path == own / "specs"


def test_the_workspace_is_beside_the_definition_or_where_the_option_says(tmp_path: Path) -> None:
    file = write_definition(tmp_path / "definitions")
    clone = make_repository(tmp_path / "clone")
    assert make_app(clone).get_workspace().root == clone / ".altai-build"
    beside = make_app(clone, config_file=str(file)).get_workspace().root
    assert beside == tmp_path / "definitions" / ".altai-build"
    assert make_app(clone, workspace_dir=str(tmp_path / "ws")).get_workspace().root == tmp_path / "ws"


def test_a_cluster_that_cannot_be_used_is_said_before_anything_is_done(tmp_path: Path) -> None:
    write_definition(make_repository(tmp_path))
    for scheduler, text in (("", "needs a scheduler"), ("http://127.0.0.1:1", "is not the address")):
        app = make_app(tmp_path)._replace(executor="dask", scheduler=scheduler)
        with pytest.raises(AltaiError, match=text):
            app.create_building_run(app.load_config())
        # What builds nothing on workers does not need one.
        assert app.create_run(app.load_config()).executor == "dask"


def test_a_verb_that_builds_here_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_definition(make_repository(tmp_path))
    app = make_app(tmp_path)._replace(quiet=False)
    assert app.build_here("rebuild") == app and capsys.readouterr().err == ""
    run = app._replace(executor="dask").build_here("rebuild").create_run(app.load_config())
    assert (run.executor, run.cluster) == ("local", None)
    assert capsys.readouterr().err == "altai-build: rebuild builds on this machine, not on workers\n"


def test_a_run_has_the_options_and_one_log(tmp_path: Path) -> None:
    write_definition(make_repository(tmp_path))
    app = make_app(tmp_path)
    run = app.create_run(app.load_config(), dependants="never")
    assert (run.jobs, run.builder, run.dependants) == (3, "chroot", RebuildPolicy.NEVER)
    assert run.workspace.root == tmp_path / ".altai-build" and not run.workspace.root.exists()
    app.create_run(app.load_config())
    assert app.logs == [app.open_log()]
    run.workspace.prepare()
    run.reporter.info("a decision")
    path = app.open_log().path
    assert path is not None and "a decision" in path.read_text()


def test_a_directory_that_does_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    change_directory("here")
    assert Path(os.getcwd()) == tmp_path / "here"
    shutil.rmtree(tmp_path / "here")
    with pytest.raises(InputError, match="cannot change to the directory gone"):
        change_directory("gone")
