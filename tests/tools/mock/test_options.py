"""Every option of mock is in one table, and what the chroot builder does not carry out is found there."""

from __future__ import annotations

import pytest

from altai_build.tools.mock.options import (
    ALIASES,
    OPTIONS,
    Treatment,
    default_options,
    find_unsupported,
    without_effect,
)


def test_whatever_is_not_honoured_has_its_reason() -> None:
    assert [
        name
        for name, option in OPTIONS.items()
        if bool(option.why) == (option.treatment is Treatment.HONOURED)
    ] == []


def test_older_names_lead_to_known_options() -> None:
    assert set(ALIASES.values()) <= set(OPTIONS)
    assert not set(ALIASES) & set(OPTIONS)


def test_defaults_are_those_that_mock_sets() -> None:
    defaults = default_options()
    assert defaults["chroot_setup_cmd"] == ("groupinstall", "buildsys-build")
    assert "rpmbuild_opts" not in defaults and "root" not in defaults


def found(*changed: str, plugins: tuple[str, ...] = (), manager: str = "dnf") -> dict[str, bool]:
    """Unsupported options: whether each is an error."""
    return {".".join(option.keys): option.is_error for option in find_unsupported(changed, plugins, manager)}


def test_what_the_chroot_builder_does_not_carry_out() -> None:
    assert found("rpmbuild_opts", "more_buildreqs", "root", "use_bootstrap", "a_variable_of_templates") == {}
    assert found("rpmbuild_opt") == {"rpmbuild_opt": False}
    assert found("module_enable", "rpmbuild_networking") == {
        "module_enable": True,
        "rpmbuild_networking": False,
    }


@pytest.mark.parametrize(
    ("manager", "refused"), [("dnf", True), ("dnf4", True), ("dnf5", False), ("yum", False)]
)
def test_options_of_another_package_manager_mean_nothing(manager: str, refused: bool) -> None:
    assert found("dnf4_common_opts", manager=manager) == ({"dnf4_common_opts": True} if refused else {})


def test_names_and_places_change_no_package() -> None:
    assert without_effect("root") and without_effect("rpmbuild_timeout")
    assert (
        not without_effect("target_arch")
        and not without_effect("use_bootstrap")
        and not without_effect("mine")
    )
