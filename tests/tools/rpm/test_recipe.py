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
        dataclasses.replace(recipe, info=dataclasses.replace(recipe.info, prefix="other")),
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
            write_source_tree(recipe, top, Limits())
        finally:
            os.umask(before)
        files = [path for path in top.rglob("*") if path.is_file()]
        trees.append({str(path.relative_to(top)): path.read_bytes() for path in files})
        assert {path.stat().st_mtime for path in files} == {FIRST_COMMIT_TIME}
        assert {path.stat().st_mode & 0o777 for path in files} == {0o644}
    assert trees[0] == trees[1] and set(trees[0]) == {"SOURCES/x-1.0.tar.gz", "SPECS/x.spec"}
    assert set(members(trees[0]["SOURCES/x-1.0.tar.gz"])) == {"x-1.0/README", "x-1.0/x.spec"}


def test_the_spec_has_the_commit_in_release_and_changelog(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path)
    commit = recipe.sourced.component.commit
    text = recipe.make_spec()
    assert f"Release: 1.1.g{commit[:7]}%{{?dist}}\n" in text
    assert f"\n- Made from commit {commit}\n" in text


def test_a_spec_without_a_release_line(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path)
    text = recipe.sourced.text.replace("Release: ", "%{nil}Release: ")
    recipe = dataclasses.replace(recipe, sourced=dataclasses.replace(recipe.sourced, text=text))
    with pytest.raises(InputError) as caught:
        recipe.make_spec()
    assert str(caught.value) == (
        "cannot write the release into repos/x/x.spec\nno Release: tag\n"
        "What to do: write a Release: line in the preamble, before %description"
    )


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
    write_source_tree(recipe, tmp_path / "top", Limits())
    archive = (tmp_path / "top/SOURCES/x-1.0.tar.gz").read_bytes()
    assert set(members(archive)) == {f"{top}README", f"{top}x.spec"}


def test_files_that_a_spec_reads_travel_with_it(tmp_path: Path) -> None:
    spec = make_spec("x", version="%(cat %{_sourcedir}/VERSION)")
    recipe = make_recipe(tmp_path, spec, {"VERSION": "2.0"})
    assert [file.name for file in recipe.files] == ["x-2.0.tar.gz", "VERSION"]
    assert "\nSource1: VERSION\n%description\n" in recipe.make_spec()


def test_a_release_in_an_included_file_is_written(tmp_path: Path) -> None:
    spec = make_spec("x").replace("Release: 1\n", "%include %{_sourcedir}/head.inc\n")
    recipe = make_recipe(tmp_path, spec, {"head.inc": "Release: 7%{?dist}\n"})
    text = recipe.make_spec()
    assert f"\nRelease: 7.1.g{recipe.sourced.component.commit[:7]}%{{?dist}}\n" in text
    assert "%include" not in text and "\nSource1: head.inc\n" in text


@pytest.mark.parametrize("prefix", ["..", "a/../../b", "-x"])
def test_an_archive_never_leads_out_of_its_folder(tmp_path: Path, prefix: str) -> None:
    recipe = make_recipe(tmp_path, make_spec("x", prep=f"%setup -q -n {prefix}"))
    (tmp_path / "top").mkdir()
    with pytest.raises(InputError, match="its archive cannot have the top folder"):
        write_source_tree(recipe, tmp_path / "top", Limits())
