"""Variables of dnf: what an architecture gives, what is replaced, and what stays."""

from __future__ import annotations

import pytest

from altai_build.model.variables import (
    expand_variables,
    find_machine_arch,
    get_base_arch,
    list_variables,
    make_arch_variables,
)


@pytest.mark.parametrize(
    ("arch", "base"),
    [
        ("i686", "i386"),
        ("x86_64", "x86_64"),
        ("aarch64", "aarch64"),
        ("armv7hl", "armhfp"),
        ("armv7l", "arm"),
    ],
)
def test_the_base_architecture_is_dnf_s(arch: str, base: str) -> None:
    assert get_base_arch(arch) == base


def test_known_variables_are_replaced_and_others_stay() -> None:
    variables = make_arch_variables("i686")
    assert (
        expand_variables("/$basearch/${arch}/$releasever/$archive", variables)
        == "/i386/i686/$releasever/$archive"
    )
    assert list_variables("/$releasever/${infra}/$5/a$") == ("$releasever", "${infra}", "$5")


@pytest.mark.parametrize(
    ("arches", "machine"),
    [
        ({"x86_64", "noarch"}, "x86_64"),
        ({"x86_64", "i686", "noarch"}, "x86_64"),
        ({"i586", "i686"}, "i686"),
        ({"aarch64"}, "aarch64"),
        ({"noarch"}, "noarch"),
        ({"aarch64", "x86_64"}, None),
        (set(), None),
    ],
)
def test_packages_tell_which_machines_they_are_for(arches: set[str], machine: str | None) -> None:
    assert find_machine_arch(arches) == machine
