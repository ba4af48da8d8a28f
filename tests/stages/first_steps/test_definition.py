"""The text of a first repos.yaml: it loads, whatever was found."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.config import Config, load_config
from altai_build.model.distribution import find_distribution
from altai_build.model.first_steps import (
    Evidence,
    FoundComponent,
    FoundKey,
    Guess,
    Imported,
    MappingRow,
    SpecState,
    Survey,
    list_marks,
)
from altai_build.model.gitlink import CommitId
from altai_build.stages.first_steps.definition import (
    Choice,
    choose_key_files,
    format_definition,
    list_missing_keys,
)

COMMIT = CommitId("1" * 40)
EPEL6 = FoundKey("pki/RPM-GPG-KEY-EPEL-6-p", ("8C3BE96AF2309184DA5C0DAE3B49DF2A0608B895",), ("EPEL (6)",))
OWN = FoundKey("pki/RPM-GPG-KEY-p", ("A" * 40,), ("P <p@example.org>",))
HOSTILE = ("a\nb: 1", "a: b", "'", '"', "- x", "é", "\x1b[2J", "\udcff", "a\u2028b", "{", "${x}", "*", "#")


def make_choice(id: str | None, *, chosen: bool = False) -> Choice:
    guess = Guess(id or "alt", (Evidence(id or "alt", 4, "macro", "a.spec", "dist"),), (("el9", 1),))
    return Choice(find_distribution(id) if id else None, guess, chosen, "x86_64", "m")


def load(survey: Survey, choice: Choice, folder: Path, imported: Imported | None = None) -> Config:
    text = format_definition(survey, choice, choose_key_files(survey, choice.distribution), imported)
    (folder / "repos.yaml").write_text(text)
    return load_config(folder / "repos.yaml")


@pytest.mark.parametrize(
    "id",
    [
        "centos6",
        "centos7",
        "el8",
        "el9",
        "el10",
        "fedora-17",
        "fedora-44",
        "opensuse-leap-15.6",
        "opensuse-tumbleweed",
    ],
)
def test_the_definition_of_each_distribution_loads(id: str, tmp_path: Path) -> None:
    survey = Survey("p", COMMIT, ("repos",), (FoundComponent("repos/a", SpecState.FOUND, ("a.spec",)),))
    config = load(survey, make_choice(id), tmp_path)
    (target,) = config.targets.values()
    assert target.name == id and target.mock_config == "m" and target.base
    assert {base.key for base in target.base} <= set(config.keys)
    assert config.superproject.components == ("repos",) and not config.superproject.root
    assert "$" not in "".join(base.url for base in target.base)


def test_a_guess_is_marked_with_its_evidence_and_a_choice_is_not(tmp_path: Path) -> None:
    survey = Survey("p", COMMIT, root_specs=("p.spec",))
    load(survey, make_choice("centos6"), tmp_path)
    text = (tmp_path / "repos.yaml").read_text()
    assert "# guess: CentOS 6. What speaks for it:\n#   a.spec: dist\n" in text and "el9 (1)" in text
    load(survey, make_choice("centos6", chosen=True), tmp_path)
    assert "speaks for it" not in (tmp_path / "repos.yaml").read_text()


def test_what_nobody_knows_is_marked(tmp_path: Path) -> None:
    config = load(Survey("p", None), make_choice(None), tmp_path)
    says = [says for _, mark, says in list_marks((tmp_path / "repos.yaml").read_text()) if mark == "TODO:"]
    assert [text.split(" ")[0] for text in says] == ["commit", "write", "as", "the"]
    (target,) = config.targets.values()
    assert target.base == ()


def test_keys_are_recognised_by_their_fingerprints(tmp_path: Path) -> None:
    survey = Survey("p", COMMIT, root_specs=("p.spec",), keys=(EPEL6, OWN))
    choice = make_choice("centos6")
    config = load(survey, choice, tmp_path)
    files = {name: key.file.relative_to(tmp_path).as_posix() for name, key in config.keys.items()}
    assert files == {"p": OWN.path, "epel6": EPEL6.path, "centos6": "keys/RPM-GPG-KEY-CentOS-6"}
    assert config.keys["p"].is_signing_key and not config.keys["epel6"].is_signing_key
    keys = choose_key_files(survey, choice.distribution)
    assert [key.name for key, _ in list_missing_keys(survey, choice, keys)] == ["centos6"]


def test_a_key_of_another_distribution_is_never_the_own_one() -> None:
    other = FoundKey("k/RPM-GPG-KEY-fedora-p", ("B" * 40,), ("Fedora (40) <x@fedoraproject.org>",))
    keys = choose_key_files(Survey("p", COMMIT, keys=(other,)), None)
    assert keys.own == "keys/RPM-GPG-KEY-p" and keys.own_found is None


def test_folders_of_packages_and_specs_elsewhere(tmp_path: Path) -> None:
    deep = FoundComponent("x/deep", SpecState.ELSEWHERE, ("rpm_spec/deep.spec",), baseurl=True)
    survey = Survey(
        "p",
        COMMIT,
        (".",),
        (deep,),
        spec_folders=("packages", "a/packages", "a b"),
        loose_specs=("top/top.spec",),
        root_specs=("r.spec",),
        root_needs_baseurl=True,
    )
    config = load(survey, make_choice("el9"), tmp_path)
    assert config.components["deep"].specs == ("rpm_spec/deep.spec",)
    assert (
        config.components["deep"].sources
        == config.components["r"].sources
        == (("baseurl", "{baseurl}/{version}"),)
    )
    paths = {name: one.path for name, one in config.repositories.items() if one.source.value == "specs"}
    assert paths == {
        "deps/packages": tmp_path / "packages",
        "deps/specs-2": tmp_path / "a/packages",
        "deps/a-b": tmp_path / "a b",
    }
    assert "no repository builds 1 spec." in (tmp_path / "repos.yaml").read_text()


def test_parts_of_the_own_source_are_no_components(tmp_path: Path) -> None:
    survey = Survey("p", COMMIT, root_specs=("p.spec",), not_components=("vendor/a",))
    assert load(survey, make_choice("el9"), tmp_path).superproject.components == ()
    assert "#   vendor/a\n" in (tmp_path / "repos.yaml").read_text()


def test_a_repository_of_packages_alone_has_no_repository_of_components(tmp_path: Path) -> None:
    config = load(Survey("p", COMMIT, spec_folders=("packages",)), make_choice("el9"), tmp_path)
    assert "el9" not in config.repositories


def test_what_an_older_tool_said(tmp_path: Path) -> None:
    rows = (MappingRow("A", "b", "project"), MappingRow("B", "c", "", "never"))
    imported = Imported(
        "ayer",
        (".ayer",),
        rows,
        project="p",
        baseurl="https://x.example.org/p",
        components={"a": {"skip": '"why"'}},
    )
    config = load(Survey("p", COMMIT, root_specs=("p.spec",)), make_choice("centos6"), tmp_path, imported)
    text = (tmp_path / "repos.yaml").read_text()
    assert "#   A = b → project\n#   B = c → no equivalent; never\n" in text
    assert (
        config.release
        and config.release.baseurl == "https://x.example.org/p"
        and config.components["a"].skip == "why"
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_others_change_nothing(name: str, tmp_path: Path) -> None:
    """As components, specs, folders, keys, evidence and settings: the same targets, keys and repositories."""
    key = FoundKey("k/own-p", ("A" * 40,), (name,))
    survey = Survey(
        "p",
        COMMIT,
        (".",),
        (FoundComponent(f"x/{name}", SpecState.ELSEWHERE, (f"rpm/{name}.spec",), baseurl=True),),
        root_specs=(f"{name}.spec",),
        root_needs_baseurl=True,
        loose_specs=(f"{name}/x.spec",),
        keys=(key,),
    )
    guess = Guess("el9", (Evidence("el9", 1, "x", name, name),), ((name, 1),))
    choice = Choice(find_distribution("el9"), guess, False, "x86_64", "m")
    imported = Imported(
        "tito", (name,), (MappingRow(name, name, name, name),), components={name: {"skip": '"x"'}}
    )
    config = load(survey, choice, tmp_path, imported)
    assert set(config.targets) == {"el9"} and set(config.keys) == {"p", "alma9", "epel9"}
    assert set(config.repositories) == {"el9", "deps/epel"} and config.components == {}


def test_a_repository_that_is_one_package_says_how_it_becomes_a_component(tmp_path: Path) -> None:
    single = Survey("p", COMMIT, loose_specs=("SPECS/p.spec", "SPECS/$(x) y.spec"))
    assert load(single, make_choice("el9"), tmp_path).superproject.root
    text = (tmp_path / "repos.yaml").read_text()
    assert "this repository is one package, whose spec is in SPECS/." in text
    assert "#   git mv SPECS/p.spec .\n#   git mv 'SPECS/$(x) y.spec' .\n" in text
    assert "no repository builds" not in text
    for name in HOSTILE:
        load(Survey("p", COMMIT, loose_specs=(f"SPECS/{name}.spec",)), make_choice("el9"), tmp_path)
    # Specs in several folders, or beside components, are no single package.
    for other in (
        Survey("p", COMMIT, loose_specs=("SPECS/p.spec", "rpm/p.spec")),
        Survey("p", COMMIT, loose_specs=("deep/SPECS/p.spec",)),
        Survey("p", COMMIT, spec_folders=("packages",), loose_specs=("SPECS/p.spec",)),
    ):
        assert not load(other, make_choice("el9"), tmp_path).superproject.root
        assert "no repository builds" in (tmp_path / "repos.yaml").read_text()


def test_three_hundred_components_make_a_short_file(tmp_path: Path) -> None:
    many = tuple(FoundComponent(f"repos/{number}", SpecState.FOUND, ("x.spec",)) for number in range(300))
    load(Survey("p", COMMIT, ("repos",), many), make_choice("el9"), tmp_path)
    text = (tmp_path / "repos.yaml").read_text()
    assert "# Pinned repositories (300):" in text and "#   … and 260 more" in text and text.count("\n") < 120
