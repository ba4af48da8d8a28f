"""The closure over real repodata: base before updates before epel, the smallest set, a reason for each, all faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.lock import CONFIG_FILE_NAME, ChoiceRule, Requirement
from altai_build.model.nevra import parse_nevra
from altai_build.tools.repo.metadata import RepositorySource, fetch_metadata
from altai_build.tools.rpm.header import read_header
from altai_build.tools.solver.closure import Closure, ClosurePackage, MirrorPolicy, compute_closure
from altai_build.tools.solver.pool import Solver
from tests.kit.repositories import Package, build_packages, make_repository

BASE = (
    Package("base-python", provides=["python(abi) = 2.6"]),
    Package("base-lib", "1.0", provides=["liblib.so.1"]),
    Package("base-shell", files={"/bin/shell": "", "/opt/odd/place": ""}),
    Package("base-tool", "1.0", requires=["base-lib"]),
)
UPDATES = (
    Package("base-lib", "1.1", provides=["liblib.so.1"]),
    Package("base-lib", "1.2", provides=["liblib.so.1"]),
    Package("base-tool", "1.1", requires=["base-lib >= 1.1"]),
    Package("shared", "1.0"),
)
EPEL = (
    Package("shared", "2.0"),
    Package("erlang", "14", requires=["erlang-crypto = 14", "base-lib"]),
    Package("erlang", "15", requires=["erlang-crypto = 15", "base-lib"]),
    Package("erlang-crypto", "14", requires=["python(abi) = 2.6"]),
    Package("erlang-crypto", "15", requires=["python(abi) = 2.6"]),
    Package("mta-big", provides=["mta"], requires=["mta-part-1", "mta-part-2"]),
    Package("mta-small", provides=["mta"]),
    Package("mta-zero", provides=["mta"], weight=4000),
    Package("mta-part-1"),
    Package("mta-part-2"),
    Package("twin-a", provides=["twin"], weight=3000),
    Package("twin-b", provides=["twin"], weight=100),
    Package("leaf", recommends=["nice-to-have"]),
    Package("nice-to-have"),
    Package("left", conflicts=["right"]),
    Package("right"),
    Package("dead-end", requires=["libgone.so.9"]),
    Package("selfish", provides=["own-thing"], requires=["own-thing"]),
    Package("needs-update", requires=["base-lib >= 1.1"]),
)


@dataclass(frozen=True)
class Mirrors:
    """The three repositories, and packages of ours made on demand."""

    folder: Path

    def close(
        self,
        *ours: Package,
        packages: Sequence[str] | None = None,
        prefer: Sequence[str] = (),
        exclude: Sequence[str] = (),
        weak: bool = False,
        locked: Sequence[str] = (),
        cache: str = "cache",
    ) -> Closure:
        """The closure of packages of ours; the settings are those of the repository epel."""
        cached = self.folder / cache
        solver = Solver("x86_64", cache=cached / "solv")
        for rank, name in enumerate(("base", "updates", "epel")):
            source = RepositorySource(
                name=name,
                urls=((self.folder / name).as_uri(),),
                check_packages=False,
                check_metadata=False,
                keys=(),
                priority=rank,
                exclude=tuple(exclude) if name == "epel" else (),
            )
            solver.add_repository(fetch_metadata(source, cached / "metadata"))
        paths = (
            build_packages(self.folder / "ours" / "-".join(one.name for one in ours), ours) if ours else []
        )
        numbers = [solver.add_local(path, read_header(path)) for path in paths]
        offers = [
            MirrorPolicy("updates", None),
            MirrorPolicy("epel", tuple(packages) if packages is not None else None, tuple(prefer), weak),
        ]
        before = [(place.partition("/")[0], parse_nevra(place.partition("/")[2])) for place in locked]
        return compute_closure(
            solver, numbers, ["base"], offers, locked=[(name, nevra) for name, nevra in before if nevra]
        )


@pytest.fixture(scope="module")
def mirrors(tmp_path_factory: pytest.TempPathFactory) -> Mirrors:
    folder = tmp_path_factory.mktemp("mirrors")
    for name, packages in (("base", BASE), ("updates", UPDATES), ("epel", EPEL)):
        make_repository(folder / name, packages)
    return Mirrors(folder)


def shipped(closure: Closure) -> set[str]:
    return {f"{one.repository}/{str(one.resolved.nevra).removesuffix('.noarch')}" for one in closure.packages}


def member(closure: Closure, name: str) -> ClosurePackage:
    (found,) = [one for one in closure.packages if one.resolved.nevra.name == name]
    return found


def refusal(ask: Callable[[], object]) -> InputError:
    with pytest.raises(InputError) as caught:
        ask()
    return caught.value


def test_what_base_has_is_not_shipped(mirrors: Mirrors) -> None:
    closure = mirrors.close(Package("our", requires=["base-tool", "liblib.so.1", "/bin/shell"]))
    assert shipped(closure) == set()
    assert closure.from_base == ("/bin/shell", "base-tool", "liblib.so.1")


def test_a_file_that_only_the_file_lists_tell_is_found(mirrors: Mirrors) -> None:
    closure = mirrors.close(Package("our", requires=["/opt/odd/place"]))
    assert (shipped(closure), closure.from_base) == (set(), ("/opt/odd/place",))


def test_an_update_is_taken_only_where_base_does_not_satisfy(mirrors: Mirrors) -> None:
    closure = mirrors.close(Package("our", requires=["base-lib >= 1.1", "base-tool"]))
    assert shipped(closure) == {"updates/base-lib-1.2-1"}
    lib = member(closure, "base-lib")
    assert (lib.choice.rule, lib.choice.over) == (ChoiceRule.BASE, ("base-lib-1.0-1.noarch (base)",))
    assert lib.needed_by == (Requirement("our", "base-lib >= 1.1"),)
    assert closure.from_base == ("base-tool",)


def test_an_update_that_epel_needs_comes_too(mirrors: Mirrors) -> None:
    closure = mirrors.close(Package("our", requires=["needs-update"]))
    assert shipped(closure) == {"epel/needs-update-1.0-1", "updates/base-lib-1.2-1"}
    assert member(closure, "base-lib").needed_by == (Requirement("needs-update", "base-lib >= 1.1"),)


def test_updates_are_preferred_to_epel(mirrors: Mirrors) -> None:
    closure = mirrors.close(Package("our", requires=["shared"]))
    assert shipped(closure) == {"updates/shared-1.0-1"}
    choice = member(closure, "shared").choice
    assert (choice.rule, choice.over) == (ChoiceRule.ORDER, ("shared-2.0-1.noarch (epel)",))


def test_only_the_wanted_version_makes_epel_win(mirrors: Mirrors) -> None:
    assert shipped(mirrors.close(Package("our", requires=["shared >= 2"]))) == {"epel/shared-2.0-1"}


def test_the_newest_version_is_taken_with_all_it_needs(mirrors: Mirrors) -> None:
    closure = mirrors.close(Package("our", requires=["erlang"]))
    assert shipped(closure) == {"epel/erlang-15-1", "epel/erlang-crypto-15-1"}
    assert member(closure, "erlang").choice.rule is ChoiceRule.NEWEST
    assert member(closure, "erlang-crypto").choice.rule is ChoiceRule.ONLY
    assert closure.from_base == ("base-lib", "python(abi) = 2.6")


def test_locked_versions_stay_while_they_do(mirrors: Mirrors) -> None:
    locked = ["epel/erlang-14-1.noarch", "epel/erlang-crypto-14-1.noarch"]
    closure = mirrors.close(Package("our", requires=["erlang"]), locked=locked)
    assert shipped(closure) == {"epel/erlang-14-1", "epel/erlang-crypto-14-1"}
    assert member(closure, "erlang").choice.rule is ChoiceRule.KEPT
    closure = mirrors.close(Package("our2", requires=["erlang >= 15"]), locked=locked)
    assert shipped(closure) == {"epel/erlang-15-1", "epel/erlang-crypto-15-1"}


def test_of_several_providers_the_one_that_ships_least_is_taken(mirrors: Mirrors) -> None:
    closure = mirrors.close(Package("our", requires=["mta"]))
    assert shipped(closure) == {"epel/mta-small-1.0-1"}
    choice = member(closure, "mta-small").choice
    assert choice.rule is ChoiceRule.SMALLEST
    assert choice.over == ("mta-big-1.0-1.noarch (epel)", "mta-zero-1.0-1.noarch (epel)")


def test_of_equally_many_packages_the_fewer_bytes_win(mirrors: Mirrors) -> None:
    assert shipped(mirrors.close(Package("our", requires=["twin"]))) == {"epel/twin-b-1.0-1"}


def test_prefer_decides_between_providers(mirrors: Mirrors) -> None:
    closure = mirrors.close(Package("our", requires=["mta", "twin"]), prefer=["mta-b*", "twin-a"])
    assert shipped(closure) == {
        "epel/mta-big-1.0-1",
        "epel/mta-part-1-1.0-1",
        "epel/mta-part-2-1.0-1",
        "epel/twin-a-1.0-1",
    }
    assert member(closure, "mta-big").choice.rule is ChoiceRule.PREFERRED


def test_what_is_excluded_is_not_taken_and_said_to_be_excluded(mirrors: Mirrors) -> None:
    closure = mirrors.close(Package("our", requires=["mta"]), exclude=["mta-s*", "mta-z*"])
    assert "epel/mta-big-1.0-1" in shipped(closure)
    error = refusal(lambda: mirrors.close(Package("our", requires=["leaf"]), exclude=["leaf"]))
    assert error.why == (
        "  our-1.0-1.noarch requires leaf\n    `exclude` leaves leaf-1.0-1.noarch (epel) out"
    )


def test_recommendations_are_taken_only_where_asked_for(mirrors: Mirrors) -> None:
    ours = Package("our", requires=["leaf"])
    assert shipped(mirrors.close(ours)) == {"epel/leaf-1.0-1"}
    closure = mirrors.close(ours, weak=True)
    assert shipped(closure) == {"epel/leaf-1.0-1", "epel/nice-to-have-1.0-1"}
    assert member(closure, "nice-to-have").needed_by == (Requirement("leaf", "nice-to-have", weak=True),)


def test_what_our_own_packages_provide_is_not_shipped(mirrors: Mirrors) -> None:
    closure = mirrors.close(
        Package("our", requires=["mta", "shared"]), Package("our-mta", provides=["mta", "shared"])
    )
    assert (shipped(closure), closure.from_base) == (set(), ())


def test_a_package_needs_nobody_for_what_it_provides_itself(mirrors: Mirrors) -> None:
    closure = mirrors.close(Package("our", requires=["selfish"]))
    assert member(closure, "selfish").needed_by == (Requirement("our", "selfish"),)


def test_packages_of_ours_that_exclude_one_another_are_both_served(mirrors: Mirrors) -> None:
    closure = mirrors.close(
        Package("our-a", requires=["left"], conflicts=["our-b"]),
        Package("our-b", requires=["right"]),
    )
    assert shipped(closure) == {"epel/left-1.0-1", "epel/right-1.0-1"}


def test_a_list_is_closed_over_and_is_all_that_is_taken(mirrors: Mirrors) -> None:
    closure = mirrors.close(packages=["erlang", "mta-part-1"])
    assert shipped(closure) == {"epel/erlang-15-1", "epel/erlang-crypto-15-1", "epel/mta-part-1-1.0-1"}
    assert member(closure, "erlang").needed_by == (Requirement(CONFIG_FILE_NAME, "erlang"),)
    assert member(closure, "erlang").choice.rule is ChoiceRule.LISTED
    ours = Package("our", requires=["leaf", "erlang-crypto"])
    error = refusal(lambda: mirrors.close(ours, packages=["erlang"]))
    assert error.why == "  our requires leaf: leaf-1.0-1.noarch is in epel, but not on its list"


def test_unknown_names_on_a_list_are_told_all_at_once(mirrors: Mirrors) -> None:
    error = refusal(lambda: mirrors.close(packages=["erlng", "nothing-like-it", "leaf"]))
    assert error.why.splitlines() == [
        "  repositories.epel.packages: erlng; perhaps erlang",
        "  repositories.epel.packages: nothing-like-it",
    ]


def test_all_unmet_requirements_are_told_with_their_chains(mirrors: Mirrors) -> None:
    error = refusal(
        lambda: mirrors.close(
            Package("our-a", requires=["dead-end", "base-lib >= 9", "leaf"]),
            Package("our-b", requires=["nobody-has-it", "our-a"]),
        )
    )
    assert error.what == "4 requirements of the release cannot be met"
    assert error.why.splitlines() == [
        "  our-a-1.0-1.noarch requires base-lib >= 9",
        "    there is only base-lib-1.0-1.noarch (base), base-lib-1.1-1.noarch (updates), "
        "base-lib-1.2-1.noarch (updates)",
        "  our-a-1.0-1.noarch requires dead-end",
        "    dead-end-1.0-1.noarch (epel) requires libgone.so.9",
        "      no repository has it",
        "  our-b-1.0-1.noarch requires nobody-has-it",
        "    no repository has it",
        "  our-b-1.0-1.noarch requires our-a",
        "    our-a-1.0-1.noarch requires base-lib >= 9",
        "      there is only base-lib-1.0-1.noarch (base), base-lib-1.1-1.noarch (updates), "
        "base-lib-1.2-1.noarch (updates)",
        "    our-a-1.0-1.noarch requires dead-end",
        "      dead-end-1.0-1.noarch (epel) requires libgone.so.9",
        "        no repository has it",
    ]


def test_a_conflict_is_told_in_the_solver_s_words(mirrors: Mirrors) -> None:
    error = refusal(lambda: mirrors.close(Package("our", requires=["left", "right"])))
    assert "left-1.0-1.noarch conflicts with right" in error.why


def test_the_answer_is_the_same_from_a_warm_cache(mirrors: Mirrors) -> None:
    ours = Package("our", requires=["erlang", "mta", "base-lib >= 1.1", "shared"])
    assert mirrors.close(ours, cache="warm") == mirrors.close(ours, cache="warm")
