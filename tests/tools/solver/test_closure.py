"""The closure over real repodata: what is shipped, what base provides, and what repos.yaml lists."""

from __future__ import annotations

from altai_build.model.lock import CONFIG_FILE_NAME, ChoiceRule, Requirement
from tests.kit.closures import Mirrors, find_package, refusal, shipped
from tests.kit.repositories import Package


def test_what_base_has_is_not_shipped(mirrors: Mirrors) -> None:
    closure = mirrors.close(Package("our", requires=["base-tool", "liblib.so.1", "/bin/shell"]))
    assert shipped(closure) == set()
    assert closure.from_base == ("/bin/shell", "base-tool", "liblib.so.1")


def test_an_update_that_epel_needs_comes_too(mirrors: Mirrors) -> None:
    closure = mirrors.close(Package("our", requires=["needs-update"]))
    assert shipped(closure) == {"epel/needs-update-1.0-1", "updates/base-lib-1.2-1"}
    assert find_package(closure, "base-lib").needed_by == (Requirement("needs-update", "base-lib >= 1.1"),)


def test_a_list_is_closed_over_and_is_all_that_is_taken(mirrors: Mirrors) -> None:
    closure = mirrors.close(packages=["erlang", "mta-part-1"])
    assert shipped(closure) == {"epel/erlang-15-1", "epel/erlang-crypto-15-1", "epel/mta-part-1-1.0-1"}
    assert find_package(closure, "erlang").needed_by == (Requirement(CONFIG_FILE_NAME, "erlang"),)
    assert find_package(closure, "erlang").choice.rule is ChoiceRule.LISTED
    ours = Package("our", requires=["leaf", "erlang-crypto"])
    error = refusal(lambda: mirrors.close(ours, packages=["erlang"]))
    assert error.why == "  our requires leaf: leaf-1.0-1.noarch is in epel, but not in its `packages`"


def test_unknown_names_on_a_list_are_reported_all_at_once(mirrors: Mirrors) -> None:
    error = refusal(lambda: mirrors.close(packages=["erlng", "nothing-like-it", "leaf"]))
    assert error.why.splitlines() == [
        "  repositories.epel.packages: erlng; did you mean erlang?",
        "  repositories.epel.packages: nothing-like-it",
    ]


def test_a_conflict_is_reported_in_the_solver_s_words(mirrors: Mirrors) -> None:
    error = refusal(lambda: mirrors.close(Package("our", requires=["left", "right"])))
    assert "left-1.0-1.noarch conflicts with right" in error.why


def test_the_answer_is_the_same_from_a_warm_cache(mirrors: Mirrors) -> None:
    ours = Package("our", requires=["erlang", "mta", "base-lib >= 1.1", "shared"])
    assert mirrors.close(ours, cache="warm") == mirrors.close(ours, cache="warm")
