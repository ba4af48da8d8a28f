"""What is found in a superproject."""

from __future__ import annotations

import pytest

from altai_build.model.first_steps import FoundComponent, SpecState, Survey
from altai_build.model.gitlink import CommitId, Gitlink
from altai_build.stages.first_steps.survey import (
    choose_folders,
    find_spec_folders,
    find_specs_elsewhere,
    make_project_name,
    split_submodules,
    survey_superproject,
)
from altai_build.tools.git.superproject import Submodule, Superproject
from tests.kit.superprojects import World


@pytest.fixture(scope="module")
def survey(superproject: Superproject) -> Survey:
    commit = superproject.resolve_revision("HEAD")
    return survey_superproject(superproject, commit, project="super", mock_configs=["m"], fetch=False)


def test_each_component_has_its_specs_or_none(survey: Survey) -> None:
    assert survey.components == (
        FoundComponent("repos/deep", SpecState.ELSEWHERE, ("rpm_spec/deep.spec",)),
        FoundComponent("repos/docs", SpecState.NONE),
        FoundComponent("repos/nova", SpecState.FOUND, ("nova.spec",)),
    )
    assert survey.folders == ("repos",)


def test_specs_of_the_superproject(survey: Survey) -> None:
    assert survey.root_specs == ("p-release.spec",) and survey.root_needs_baseurl
    assert survey.spec_folders == ("packages",) and survey.loose_specs == ("top/top.spec",)


def test_keys_and_evidence(survey: Survey) -> None:
    assert [key.path for key in survey.keys] == ["pki/RPM-GPG-KEY-EPEL-6-p", "pki/RPM-GPG-KEY-super"]
    assert survey.keys[0].fingerprints == ("8C3BE96AF2309184DA5C0DAE3B49DF2A0608B895",)
    assert {one.distribution for one in survey.evidence} == {"centos6"}


def test_what_is_not_cloned_is_not_fetched_unless_asked(world: World, superproject: Superproject) -> None:
    other = Superproject(world.super.path, state=superproject.state / "other")
    commit = other.resolve_revision("HEAD")
    found = survey_superproject(other, commit, project="x", mock_configs=(), fetch=False)
    assert {one.state for one in found.components} == {SpecState.NOT_CLONED}
    fetched = survey_superproject(other, commit, project="x", mock_configs=(), fetch=True)
    assert [one.state for one in fetched.components] == [SpecState.ELSEWHERE, SpecState.NONE, SpecState.FOUND]


def test_a_repository_without_commits_has_nothing(superproject: Superproject) -> None:
    found = survey_superproject(superproject, None, project="x", mock_configs=(), fetch=False)
    assert found == Survey(project="x", commit=None)


@pytest.mark.parametrize(
    ("links", "folders"),
    [
        ([], ()),
        (["repos/a", "repos/x/b"], ("repos",)),
        (["a/x", "b/x"], ("a", "b")),
        (["a", "repos/b"], (".",)),
        ([f"{number}/x" for number in range(300)], (".",)),
        (["a\nb/x"], (".",)),
        (["-a/x"], (".",)),
        (["a /x"], (".",)),
    ],
)
def test_the_folders_of_components(links: list[str], folders: tuple[str, ...]) -> None:
    assert choose_folders(links) == folders


@pytest.mark.parametrize(
    ("paths", "is_package", "components"),
    [
        (["vendor/a", "test/b"], True, 0),
        (["vendor/a", "test/b"], False, 2),
        (["vendor/a", "repos/b"], True, 2),
        (["third_party/x/a"], True, 0),
        ([], True, 0),
    ],
)
def test_submodules_of_a_package_are_parts_of_its_source(
    paths: list[str], is_package: bool, components: int
) -> None:
    all_of_them = [Submodule(Gitlink(path=path, commit=CommitId("1" * 40)), None, None) for path in paths]
    chosen, parts = split_submodules(all_of_them, is_package=is_package)
    assert len(chosen) == components and chosen + parts == all_of_them


def test_of_very_many_folders_of_packages_the_largest_are_taken() -> None:
    paths = [f"{number}/{name}/x.spec" for number in range(12) for name in ("a", "b")[: 1 + (number < 8)]]
    folders, loose = find_spec_folders([*paths, "8/examples/e.spec"])
    assert folders == tuple(map(str, range(8)))
    assert sorted(loose) == sorted(f"{number}/a/x.spec" for number in range(8, 12))


def test_specs_elsewhere_are_those_of_packages() -> None:
    paths = (
        "plugins/xenserver/rpm/SPECS/x.spec",
        "contrib/rpm/a.spec",
        "contrib/rpm/b.spec",
        "tests/rpm/t.spec",
        "c.spec.in",
    )
    assert find_specs_elsewhere(paths) == ("contrib/rpm/a.spec", "contrib/rpm/b.spec")
    assert find_specs_elsewhere(("src/a.spec", "-rpm/a.spec")) == ()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("https://example.org/altai/altai.git", "altai"),
        ("git@example.org:altai", "altai"),
        ("/srv/git/nova/", "nova"),
        ("https://example.org/a b\n", "a-b"),
        ("..", "project"),
        ("", "project"),
        ("---", "project"),
        ("é", "project"),
    ],
)
def test_the_name_of_the_project(text: str, name: str) -> None:
    assert make_project_name((text,)) == name
