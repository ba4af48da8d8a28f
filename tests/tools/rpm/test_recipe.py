"""A recipe names every input of a source package, and lays the same files out whatever the clock and umask say."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.limits import Limits
from altai_build.tools.git.archive import ArchivePart
from altai_build.tools.rpm.recipe import SrpmRecipe, compute_key, write_source_tree
from altai_build.tools.rpm.source_files import collect_source_files
from tests.kit.git import FIRST_COMMIT_TIME, Entry
from tests.kit.sourced import make_sourced
from tests.kit.superprojects import make_files, make_spec, members


def make_recipe(folder: Path, spec: str | None = None, more: Mapping[str, Entry] | None = None) -> SrpmRecipe:
    files = {**make_files("x"), **(more or {})}
    if spec is not None:
        files["x.spec"] = spec
    sourced = make_sourced(folder, files, "x.spec", macros={"dist": ".el6"})
    return SrpmRecipe(
        sourced=sourced,
        info=sourced.info,
        files=collect_source_files(sourced, sourced.info, generated={}, cached={}),
        archive_parts=(ArchivePart(store=sourced.store, commit=sourced.component.commit, folder=""),),
        macros={"dist": ".el6"},
        arch="x86_64",
        release_template="{release}.{count}.g{commit}",
        rpm_version="rpm 1",
    )


def test_every_change_of_an_input_changes_the_key(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path)
    key = compute_key(recipe.list_inputs())
    assert key == compute_key(dataclasses.replace(recipe).list_inputs())
    others = [
        dataclasses.replace(recipe, macros={"dist": ".el7"}),
        dataclasses.replace(recipe, arch="i686"),
        dataclasses.replace(recipe, release_template="{release}"),
        dataclasses.replace(recipe, rpm_version="rpm 2"),
        dataclasses.replace(recipe, files=()),
        dataclasses.replace(
            recipe, archive_parts=(dataclasses.replace(recipe.archive_parts[0], folder="inner"),)
        ),
        dataclasses.replace(recipe, info=recipe.info._replace(prefix="other")),
    ]
    keys = {compute_key(other.list_inputs()) for other in others}
    assert key not in keys and len(keys) == len(others)


def test_the_layout_for_rpmbuild(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path)
    trees = []
    for name, umask in (("one", 0o022), ("two", 0o077)):
        top = tmp_path / name
        top.mkdir()
        before = os.umask(umask)
        try:
            write_source_tree(recipe, recipe.sourced.text, top, Limits())
        finally:
            os.umask(before)
        files = [path for path in top.rglob("*") if path.is_file()]
        trees.append({str(path.relative_to(top)): path.read_bytes() for path in files})
        assert {path.stat().st_mtime for path in files} == {FIRST_COMMIT_TIME}
        assert {path.stat().st_mode & 0o777 for path in files} == {0o644}
    assert trees[0] == trees[1] and set(trees[0]) == {"SOURCES/x-1.0.tar.gz", "SPECS/x.spec"}
    assert set(members(trees[0]["SOURCES/x-1.0.tar.gz"])) == {"x-1.0/README", "x-1.0/x.spec"}


@pytest.mark.parametrize(
    ("setup", "top"),
    [
        ("%setup -q -n x-1.0/src", "x-1.0/"),
        ("%setup -qn other", "other/"),
        ("%autosetup -p1 -vn other", "other/"),
        ("%setup -q -c -n work", ""),
        ("%setup -qc\nmv %{name}-%{version} python2", "x-1.0/"),
        ("%setup -q -n .", ""),
        ("%setup -q -n a/../b", "b/"),
    ],
)
def test_the_archive_has_the_folder_that_setup_enters(tmp_path: Path, setup: str, top: str) -> None:
    recipe = make_recipe(tmp_path, make_spec("x", prep=setup))
    (tmp_path / "top").mkdir()
    write_source_tree(recipe, recipe.sourced.text, tmp_path / "top", Limits())
    archive = (tmp_path / "top/SOURCES/x-1.0.tar.gz").read_bytes()
    assert set(members(archive)) == {f"{top}README", f"{top}x.spec"}


@pytest.mark.parametrize("prefix", ["..", "a/../../b"])
def test_an_archive_never_leads_out_of_its_folder(tmp_path: Path, prefix: str) -> None:
    recipe = make_recipe(tmp_path, make_spec("x", prep=f"%setup -q -n {prefix}"))
    (tmp_path / "top").mkdir()
    with pytest.raises(InputError, match="its archive cannot have the top folder"):
        write_source_tree(recipe, recipe.sourced.text, tmp_path / "top", Limits())


def test_a_top_folder_with_an_unknown_macro_is_not_taken_literally(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path, make_spec("x", prep="%setup -q -n x-%{nobody_knows}"))
    (tmp_path / "top").mkdir()
    with pytest.raises(
        InputError, match=r"is not known: x-%\{nobody_knows\} has a macro that rpm does not know"
    ):
        write_source_tree(recipe, recipe.sourced.text, tmp_path / "top", Limits())
