"""What a configuration may set of mock's plugins, and what of it the chroot builder refuses."""

from __future__ import annotations

from altai_build.tools.mock.options import find_unsupported
from altai_build.tools.mock.plugins import PLUGINS, plugin_defaults


def test_every_plugin_has_a_switch_and_options() -> None:
    settings = plugin_defaults()
    assert set(settings) == {f"{name}_{kind}" for name in PLUGINS for kind in ("enable", "opts")}
    assert settings["root_cache_enable"] is True and settings["sign_enable"] is False
    assert settings["bind_mount_opts"] == {"dirs": [], "create_dirs": False}


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
