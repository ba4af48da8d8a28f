"""Every requirement that cannot be met is reported, with the chain of packages that leads to it."""

from __future__ import annotations

from tests.kit.closures import Mirrors, refusal, shipped
from tests.kit.repositories import Package


def test_what_is_excluded_is_not_taken_and_said_to_be_excluded(mirrors: Mirrors) -> None:
    closure = mirrors.close(Package("our", requires=["mta"]), exclude=["mta-s*", "mta-z*"])
    assert "epel/mta-big-1.0-1" in shipped(closure)
    error = refusal(lambda: mirrors.close(Package("our", requires=["leaf"]), exclude=["leaf"]))
    assert error.why == (
        "  our-1.0-1.noarch requires leaf\n    `exclude` in repos.yaml leaves out leaf-1.0-1.noarch (epel)"
    )


def test_all_unmet_requirements_are_reported_with_their_chains(mirrors: Mirrors) -> None:
    error = refusal(
        lambda: mirrors.close(
            Package("our-a", requires=["dead-end", "base-lib >= 9", "leaf"]),
            Package("our-b", requires=["nobody-has-it", "our-a"]),
        )
    )
    assert error.what == "4 requirements of the release cannot be met"
    assert error.why.splitlines() == [
        "  our-a-1.0-1.noarch requires base-lib >= 9",
        "    only base-lib-1.0-1.noarch (base), base-lib-1.1-1.noarch (updates), "
        "base-lib-1.2-1.noarch (updates) is available",
        "  our-a-1.0-1.noarch requires dead-end",
        "    dead-end-1.0-1.noarch (epel) requires libgone.so.9",
        "      no repository provides it",
        "  our-b-1.0-1.noarch requires nobody-has-it",
        "    no repository provides it",
        "  our-b-1.0-1.noarch requires our-a",
        "    our-a-1.0-1.noarch requires base-lib >= 9",
        "      only base-lib-1.0-1.noarch (base), base-lib-1.1-1.noarch (updates), "
        "base-lib-1.2-1.noarch (updates) is available",
        "    our-a-1.0-1.noarch requires dead-end",
        "      dead-end-1.0-1.noarch (epel) requires libgone.so.9",
        "        no repository provides it",
    ]
