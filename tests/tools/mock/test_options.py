"""Every option of mock is in one table, with its default and what the chroot builder does with it."""

from __future__ import annotations

from altai_build.tools.mock.options import ALIASES, OPTIONS, Treatment, default_options, without_effect


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


def test_names_and_places_change_no_package() -> None:
    assert without_effect("root") and without_effect("rpmbuild_timeout")
    assert (
        not without_effect("target_arch")
        and not without_effect("use_bootstrap")
        and not without_effect("mine")
    )
