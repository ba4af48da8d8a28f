"""The settings that mock's plugins start with."""

from __future__ import annotations

from altai_build.tools.mock.plugins import PLUGINS, plugin_defaults


def test_every_plugin_has_a_switch_and_options() -> None:
    settings = plugin_defaults()
    assert set(settings) == {f"{name}_{kind}" for name in PLUGINS for kind in ("enable", "opts")}
    assert settings["root_cache_enable"] is True and settings["sign_enable"] is False
    assert settings["bind_mount_opts"] == {"dirs": [], "create_dirs": False}
