"""Requirements are met by exact packages from real repodata, as dnf would choose them, or it is said why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.tools.repo.metadata import RepositoryMetadata, read_local_metadata
from altai_build.tools.rpm.header import read_header
from altai_build.tools.solver.pool import PackagePool
from altai_build.tools.solver.resolve import Unsatisfiable, resolve_requirements
from tests.kit.dnf import ask_dnf
from tests.kit.repositories import Package, make_repository
from tests.kit.rpms import build_rpm

BASE = [
    Package("bash", provides=["/bin/sh"], requires=["libc"]),
    Package("libc", version="2.0"),
    Package("gcc", requires=["libc >= 2.0", "binutils"]),
    Package("binutils"),
    Package("tool", version="1.0"),
    Package("tool", version="2.0", requires=["helper"]),
    Package("helper"),
    Package("vim", files={"/opt/odd/vim": "x"}),
    Package("left", conflicts=["right"]),
    Package("right"),
    Package("torn", requires=["nobody-has-this >= 3"]),
    Package("deep", requires=["torn"]),
    Package("mta-a", provides=["mta"]),
    Package("epoch", version="1.0", epoch=2),
    Package("newname", obsoletes=["oldname < 2"], provides=["oldname = 2"]),
    Package("rich", requires=["(mta if helper)"]),
    Package("recommends", recommends=["vim"]),
    Package("python3-six", provides=["python3dist(six) = 1.16"]),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> RepositoryMetadata:
    return read_local_metadata("base", make_repository(tmp_path_factory.mktemp("base"), BASE))


@pytest.fixture(scope="module")
def updates(tmp_path_factory: pytest.TempPathFactory) -> RepositoryMetadata:
    packages = [Package("tool", version="3.0"), Package("helper", version="9"), Package("extra")]
    return read_local_metadata("updates", make_repository(tmp_path_factory.mktemp("updates"), packages))


def pool_of(cache: Path, *repositories: RepositoryMetadata) -> PackagePool:
    made = PackagePool("x86_64", cache=cache)
    for repository in repositories:
        made.add_repository(repository)
    return made


def names(made: PackagePool, *requirements: str) -> set[str]:
    return {
        f"{package.nevra.name}-{package.nevra.evr}" for package in resolve_requirements(made, requirements)
    }


@pytest.mark.parametrize(
    ("requirements", "expected"),
    [
        ([], set()),
        (["gcc"], {"gcc-1.0-1", "libc-2.0-1", "binutils-1.0-1"}),
        (["/bin/sh"], {"bash-1.0-1", "libc-2.0-1"}),
        (["tool"], {"tool-2.0-1", "helper-1.0-1"}),
        (["tool < 2"], {"tool-1.0-1"}),
        (["tool", "!helper"], {"tool-1.0-1"}),
        (["tool", "!tool >= 2", "!nobody-has-this"], {"tool-1.0-1"}),
        (["tool = 1.0"], {"tool-1.0-1"}),
        (["tool <= 1.0-1"], {"tool-1.0-1"}),
        (["tool == 2.0"], {"tool-2.0-1", "helper-1.0-1"}),
        (["epoch >= 2:0.9"], {"epoch-2:1.0-1"}),
        (["epoch >= 1.5"], {"epoch-2:1.0-1"}),
        (["/opt/odd/vim"], {"vim-1.0-1"}),
        (["mta"], {"mta-a-1.0-1"}),
        (["oldname"], {"newname-1.0-1"}),
        (["python3dist(six)"], {"python3-six-1.0-1"}),
        (["(gcc or nobody-has-this)"], {"gcc-1.0-1", "libc-2.0-1", "binutils-1.0-1"}),
        (["(vim and helper)"], {"vim-1.0-1", "helper-1.0-1"}),
        (["rich"], {"rich-1.0-1"}),
        (["rich", "helper"], {"rich-1.0-1", "helper-1.0-1", "mta-a-1.0-1"}),
        (["recommends"], {"recommends-1.0-1"}),
        ([" gcc ", "gcc", "libc  >=  2.0"], {"gcc-1.0-1", "libc-2.0-1", "binutils-1.0-1"}),
    ],
)
def test_what_is_chosen(
    base: RepositoryMetadata, tmp_path: Path, requirements: list[str], expected: set[str]
) -> None:
    assert names(pool_of(tmp_path, base), *requirements) == expected
    assert names(pool_of(tmp_path, base), *requirements) == expected  # from the cache


@pytest.mark.parametrize(
    ("requirements", "problems"),
    [
        (["nobody"], ["nothing provides nobody"]),
        (["nobody", "gcc", "nor-this >= 5"], ["nothing provides nobody", "nothing provides nor-this >= 5"]),
        (["/no/such/file"], ["nothing provides /no/such/file"]),
        (["torn"], ["nothing provides nobody-has-this >= 3 needed by torn-1.0-1.noarch"]),
        (
            ["left", "right"],
            ["package left-1.0-1.noarch conflicts with right provided by right-1.0-1.noarch"],
        ),
    ],
)
def test_what_cannot_be_met_is_reported(
    base: RepositoryMetadata, tmp_path: Path, requirements: list[str], problems: list[str]
) -> None:
    with pytest.raises(Unsatisfiable) as caught:
        resolve_requirements(pool_of(tmp_path, base), requirements)
    for problem in problems:
        assert problem in caught.value.problems


def test_a_broken_chain_is_reported_to_its_end(base: RepositoryMetadata, tmp_path: Path) -> None:
    with pytest.raises(Unsatisfiable) as caught:
        resolve_requirements(pool_of(tmp_path, base), ["deep"])
    text = "\n".join(caught.value.problems)
    assert (
        "nothing provides nobody-has-this >= 3 needed by torn-1.0-1.noarch" in text and "deep-1.0-1" in text
    )


def test_a_version_that_is_too_old_is_reported_with_the_versions_there_are(
    base: RepositoryMetadata, tmp_path: Path
) -> None:
    with pytest.raises(Unsatisfiable) as caught:
        resolve_requirements(pool_of(tmp_path, base), ["tool >= 4"])
    assert "nothing provides tool >= 4" in caught.value.problems[0]


def test_repositories_of_one_rank_the_newer_version_wins(
    base: RepositoryMetadata, updates: RepositoryMetadata, tmp_path: Path
) -> None:
    assert names(pool_of(tmp_path, base, updates), "tool") == {"tool-3.0-1"}
    assert names(pool_of(tmp_path, updates, base), "tool") == {"tool-3.0-1"}


def test_a_better_priority_beats_a_newer_version(
    base: RepositoryMetadata, updates: RepositoryMetadata, tmp_path: Path
) -> None:
    first = replace(base, source=replace(base.source, priority=10))
    assert names(pool_of(tmp_path, first, updates), "tool") == {"tool-2.0-1", "helper-1.0-1"}
    assert names(pool_of(tmp_path, first, updates), "extra") == {"extra-1.0-1"}


@pytest.mark.parametrize("cheaper", ["first", "second"])
def test_of_equal_packages_that_of_the_repository_with_the_lower_cost_is_chosen_as_in_dnf(
    updates: RepositoryMetadata, tmp_path: Path, cheaper: str
) -> None:
    made = PackagePool("x86_64", cache=tmp_path)
    for name in ("first", "second"):
        source = replace(updates.source, name=name, cost=500 if name == cheaper else 1000)
        made.add_repository(replace(updates, source=source))
    (chosen,) = resolve_requirements(made, ["extra"])
    assert chosen.metadata is not None and chosen.metadata.source.name == cheaper
    options = ["--setopt=first.priority=99", "--setopt=second.priority=99", f"--setopt={cheaper}.cost=500"]
    repositories = {name: [Package("extra")] for name in ("first", "second")}
    assert ask_dnf(tmp_path, repositories, ["extra"], options=options) == {f"{cheaper}/extra-1.0-1.noarch"}


@pytest.mark.parametrize(
    ("exclude", "only", "expected"),
    [
        (["tool"], [], {"tool-2.0-1", "helper-9-1"}),
        (["to*", "helper"], [], {"tool-2.0-1", "helper-1.0-1"}),
        ([], ["extra"], {"tool-2.0-1", "helper-1.0-1"}),
        ([], ["t??l"], {"tool-3.0-1"}),
    ],
)
def test_excluded_packages_are_not_there(
    base: RepositoryMetadata,
    updates: RepositoryMetadata,
    tmp_path: Path,
    exclude: Sequence[str],
    only: Sequence[str],
    expected: set[str],
) -> None:
    limited = replace(updates, source=replace(updates.source, exclude=tuple(exclude), include=tuple(only)))
    assert names(pool_of(tmp_path, base, limited), "tool") == expected


def test_what_was_just_built_is_preferred_and_its_needs_are_met(
    base: RepositoryMetadata, tmp_path: Path
) -> None:
    rpm = build_rpm(
        tmp_path / "new",
        "tool",
        "0.5",
        "1",
        requires=["vim"],
        provides=["virtual = 3"],
        files={"/usr/bin/new": "x"},
    ).binary
    made = pool_of(tmp_path / "cache", base)
    made.add_local(rpm, read_header(rpm))
    for requirement in ("tool", "virtual >= 3", "/usr/bin/new"):
        chosen = {package.nevra.name: package for package in resolve_requirements(made, [requirement])}
        assert set(chosen) == {"tool", "vim"}
        assert chosen["tool"].metadata is None and chosen["tool"].location == str(rpm)
        assert chosen["vim"].metadata is base


def test_the_base_is_kept_as_it_is(
    base: RepositoryMetadata, updates: RepositoryMetadata, tmp_path: Path
) -> None:
    made = pool_of(tmp_path, base, updates)
    fixed = [package.nevra for package in resolve_requirements(pool_of(tmp_path, base), ["tool < 2"])]
    assert {str(package.nevra) for package in resolve_requirements(made, ["extra"], base=fixed)} == {
        "extra-1.0-1.noarch",
        "tool-1.0-1.noarch",
    }
    with pytest.raises(Unsatisfiable):
        resolve_requirements(made, ["tool >= 2"], base=fixed)


def test_answers_carry_what_is_needed_to_fetch_and_to_name_them(
    base: RepositoryMetadata, tmp_path: Path
) -> None:
    (package,) = resolve_requirements(pool_of(tmp_path, base), ["vim"])
    path = Path(base.url.removeprefix("file://")) / package.location
    assert (package.size, package.checksum.algorithm) == (path.stat().st_size, "sha256")
    assert (
        package.line == f"vim-1.0-1.noarch sha256:{package.checksum.value}"
        and len(package.checksum.value) == 64
    )
