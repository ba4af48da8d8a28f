"""A source package shows its commit and keeps the changelog of its spec, or is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.limits import Limits
from altai_build.model.package import RpmHeader
from altai_build.tools.git.component_source import ComponentSource, SpecContent
from altai_build.tools.rpm import rpmbuild
from altai_build.tools.rpm.header import read_header
from altai_build.tools.rpm.recipe import SrpmRecipe, write_source_tree
from altai_build.tools.rpm.stamp import StampedSpec, check_stamp, stamp_spec
from tests.kit.git import Entry
from tests.kit.superprojects import make_spec
from tests.tools.rpm.test_recipe import make_recipe

OWN = "* Tue Jan 01 2019 B <b@example.org> - 0.9-1\n- Old.\n"


def stamp(recipe: SrpmRecipe, folder: Path) -> StampedSpec:
    return stamp_spec(recipe, Limits(), scratch=folder / "scratch")


def pack(recipe: SrpmRecipe, text: str, folder: Path) -> tuple[RpmHeader, str]:
    """The header of the source package that rpmbuild makes of a spec, and what it prints."""
    top = folder / "top"
    top.mkdir()
    write_source_tree(recipe, text, top, Limits())
    result = rpmbuild.build_srpm(top, "x.spec", recipe.macros, recipe.arch, Limits(), epoch=recipe.time)
    assert result.returncode == 0, result.error_text
    (package,) = (top / "SRPMS").iterdir()
    return read_header(package), result.error_text


def with_text(source: ComponentSource, text: str) -> ComponentSource:
    return dataclasses.replace(source, content=SpecContent.of(text, source.store, source.tree))


def test_the_spec_has_the_commit_in_release_and_changelog(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path)
    commit = recipe.sourced.component.commit
    text = stamp(recipe, tmp_path).text
    assert f"Release: 1.1.g{commit[:7]}%{{?dist}}\n" in text
    assert f"\n- Made from commit {commit}\n" in text


def test_a_release_from_the_macros_has_the_suffix_once(tmp_path: Path) -> None:
    """rpm reads a spec with BuildArch: twice, and the second time the macro has the value of the tag."""
    recipe = make_recipe(tmp_path)
    text = recipe.sourced.text.replace("Release: 1", "Release: %{release}")
    assert "BuildArch: noarch" in text and "%{release}" in text
    sourced = with_text(recipe.sourced, text)
    recipe = dataclasses.replace(recipe, sourced=sourced, macros={**recipe.macros, "release": "3"})
    header, _ = pack(recipe, stamp(recipe, tmp_path).text, tmp_path)
    assert header.nevra.release.startswith(f"3.1.g{recipe.sourced.component.commit[:7]}")
    assert header.nevra.release.count(".g") == 1


def test_a_spec_without_a_release_line(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path)
    text = recipe.sourced.text.replace("Release: ", "%{nil}Release: ")
    recipe = dataclasses.replace(recipe, sourced=with_text(recipe.sourced, text))
    with pytest.raises(InputError) as caught:
        stamp(recipe, tmp_path)
    assert str(caught.value) == (
        "cannot write the release into repos/x/x.spec\nno Release: tag\n"
        "What to do: write a Release: line in the preamble, before %description"
    )


def test_files_that_a_spec_reads_travel_with_it(tmp_path: Path) -> None:
    spec = make_spec("x", version="%(cat %{_sourcedir}/VERSION)")
    recipe = make_recipe(tmp_path, spec, {"VERSION": "2.0"})
    assert [file.name for file in recipe.files] == ["x-2.0.tar.gz", "VERSION"]
    assert "\nSource1: VERSION\n%description\n" in stamp(recipe, tmp_path).text


def test_a_release_in_an_included_file_is_written(tmp_path: Path) -> None:
    spec = make_spec("x").replace("Release: 1\n", "%include %{_sourcedir}/head.inc\n")
    recipe = make_recipe(tmp_path, spec, {"head.inc": "Release: 7%{?dist}\n"})
    text = stamp(recipe, tmp_path).text
    assert f"\nRelease: 7.1.g{recipe.sourced.component.commit[:7]}%{{?dist}}\n" in text
    assert "%include" not in text and "\nSource1: head.inc\n" in text


def with_file(spec: str) -> str:
    return spec.replace("Summary:", "Source1: more\nSummary:")


DEAD = "%changelog\n* Tue Jan 01 2008 C <c@example.org>\n- Dead.\n"


@pytest.mark.parametrize(
    ("spec", "more"),
    [
        (make_spec("x", changelog=OWN), {}),
        (make_spec("x", changelog=OWN.replace("* T", "*T")), {}),
        (
            "%global day Tue Jan 01 2019\n"
            + make_spec("x", changelog=OWN.replace("Tue Jan 01 2019", "%{day}")),
            {},
        ),
        (make_spec("x", changelog=f"%if 1\n{OWN}%endif"), {}),
        (with_file(make_spec("x", changelog="%include %{SOURCE1}")), {"more": OWN}),
        (with_file(make_spec("x", changelog="%(cat %{SOURCE1})")), {"more": OWN}),
        (with_file(make_spec("x") + "%include %{SOURCE1}\n"), {"more": f"%changelog\n{OWN}"}),
        (make_spec("x") + f"%if 0\n{DEAD}%else\n%changelog\n{OWN}%endif\n", {}),
        (make_spec("x") + f"%if 1\n%changelog\n{OWN}%else\n{DEAD}%endif\n", {}),
        (make_spec("x", changelog=OWN.replace("2019", "23:59:59 EST5 2019")), {}),
    ],
)
def test_the_changelog_of_the_spec_stays_below_the_commit(
    tmp_path: Path, spec: str, more: Mapping[str, Entry]
) -> None:
    recipe = make_recipe(tmp_path, spec, more)
    stamped = stamp(recipe, tmp_path)
    header, complaints = pack(recipe, stamped.text, tmp_path)
    assert header.changelog == f"- Made from commit {recipe.sourced.component.commit}"
    assert (header.changelog_size, stamped.own_changelog.newest is None) == (2, False)
    check_stamp(recipe, stamped, header, complaints)


@pytest.mark.parametrize("changelog", ["nothing", f"%if 0\n{OWN}%endif", "* %{no_such_day} B\n- x"])
def test_a_changelog_that_rpm_drops_anyway_has_the_commit_alone(tmp_path: Path, changelog: str) -> None:
    recipe = make_recipe(tmp_path, make_spec("x", changelog=changelog))
    stamped = stamp(recipe, tmp_path)
    header, complaints = pack(recipe, stamped.text, tmp_path)
    assert header.changelog.startswith(f"- Made from commit {recipe.sourced.component.commit}")
    assert header.changelog_size == 1
    check_stamp(recipe, stamped, header, complaints)


def test_a_changelog_that_a_condition_leaves_out_is_not_the_only_one(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path, make_spec("x") + f"%if 0\n{DEAD}%endif\n")
    stamped = stamp(recipe, tmp_path)
    header, complaints = pack(recipe, stamped.text, tmp_path)
    assert header.changelog == f"- Made from commit {recipe.sourced.component.commit}"
    check_stamp(recipe, stamped, header, complaints)


def test_a_package_without_what_was_written_into_its_spec_is_refused(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path, make_spec("x", changelog=OWN))
    commit = recipe.sourced.component.commit
    stamped = stamp(recipe, tmp_path)
    lost = stamped.text.replace("* Tue Jan 01 2019 altai", "* Mon Dec 31 2018 altai")
    header, complaints = pack(recipe, lost, tmp_path)
    with pytest.raises(InputError) as caught:
        check_stamp(recipe, stamped, header, complaints)
    assert str(caught.value) == (
        "x: the source package is not what was meant: the entries of its own %changelog are missing\n"
        "error: %changelog not in descending chronological order\n"
        "What to do: write Release: and %changelog into repos/x/x.spec itself, not by macros or conditions"
    )
    unstamped = dataclasses.replace(
        header, changelog="- Old.", nevra=dataclasses.replace(header.nevra, release="1.el6")
    )
    with pytest.raises(InputError) as caught:
        check_stamp(recipe, stamped, unstamped, "")
    assert caught.value.what == (
        f"x: the source package is not what was meant: its release 1.el6 does not name the commit {commit[:7]}; "
        f"its newest changelog entry does not name the commit {commit[:12]}"
    )
    assert caught.value.why == "rpmbuild reported nothing"
