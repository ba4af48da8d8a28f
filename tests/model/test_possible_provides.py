"""What a component may provide whose packages are not known."""

from __future__ import annotations

import pytest

from altai_build.model.possible_provides import find_possible_provides, read_declared_names


def test_simple_macros_in_names_are_expanded_and_others_left_out() -> None:
    text = (
        "%global srcname six\nName: python-%{srcname}\n%package -n python3-%{srcname}\n%package doc\n"
        "%package -n %(echo x)\n%package -n %{loop}\n%define loop %{loop}\n"
    )
    assert read_declared_names(text) == {"python-six", "python3-six", "python-six-doc"}
    assert read_declared_names("no spec") == frozenset()


def test_no_text_takes_long_or_fills_the_memory() -> None:
    assert read_declared_names("Name" + "\n" * 1_000_000 + "%package" + " \n" * 1_000_000) == frozenset()
    macros = "".join(f"%global a{number} {f'%{{a{number + 1}}}' * 20}\n" for number in range(9))
    assert read_declared_names(f"{macros}%global a9 x\nName: %a0\n%package -n y\n") == {"y"}


@pytest.mark.parametrize(
    "requirement",
    [
        "python3-six",
        "python3dist(six)",
        "six-devel",
        "libsix",
        "pkgconfig(six)",
        "python3.9dist(six)",
        "perl(Six)",
    ],
)
def test_a_requirement_in_any_form_may_be_of_the_project(requirement: str) -> None:
    assert find_possible_provides(["python-six"], [requirement, "gcc", "sixty"]) == {requirement}
