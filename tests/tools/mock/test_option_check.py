"""Options that the chroot builder does not carry out are found, those without a meaning for it are not."""

from __future__ import annotations

import pytest

from altai_build.tools.mock.option_check import find_unsupported


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


def test_only_plugins_that_change_packages_are_refused() -> None:
    quiet = ("root_cache_opts", "ccache_enable", "tmpfs_enable", "unheard_of_opts")
    assert find_unsupported(["plugin_conf"], quiet, "dnf") == ()
    loud = ("bind_mount_opts", "rpmautospec_enable", "unheard_of_enable")
    found = find_unsupported(["plugin_conf"], loud, "dnf")
    assert [(option.keys, option.is_error) for option in found] == [
        (("plugin_conf", name), True) for name in loud
    ]
    assert str(found[0]) == (
        "config_opts['plugin_conf']['bind_mount_opts']: it shows directories of the host to builds"
    )
