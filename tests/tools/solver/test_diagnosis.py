"""Every requirement that cannot be met is reported, with the chain of packages that leads to it."""

from __future__ import annotations

from pathlib import Path

from tests.kit.closures import Mirrors, close_over, refusal, shipped
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


def test_what_a_package_provides_itself_is_no_unmet_requirement(tmp_path: Path) -> None:
    """rpm adds such requirements for configuration files."""
    conf = Package("conf", requires=["config(conf) = 1", "gone"], provides=["config(conf) = 1"])
    error = refusal(lambda: close_over(tmp_path, conf))
    assert error.what == "1 requirement of the release cannot be met"
    assert error.why == "  conf-1.0-1.noarch requires gone\n    no repository provides it"


def test_packages_that_require_each_other_are_explained_by_what_is_missing(tmp_path: Path) -> None:
    ours = (Package("hen", requires=["egg"]), Package("egg", requires=["hen", "gone"]))
    error = refusal(lambda: close_over(tmp_path, *ours))
    assert error.why.splitlines() == [
        "  egg-1.0-1.noarch requires gone",
        "    no repository provides it",
        "  hen-1.0-1.noarch requires egg",
        "    egg-1.0-1.noarch requires gone",
        "      no repository provides it",
    ]


def test_what_machines_with_a_package_of_base_lack_is_named(tmp_path: Path) -> None:
    ours = Package("our", requires=["(plugin >= 2 if desktop)"])
    error = refusal(
        lambda: close_over(tmp_path, ours, base=[Package("desktop")], mirror=[Package("plugin", "1")])
    )
    assert error.why.splitlines() == [
        "  our-1.0-1.noarch requires (plugin >= 2 if desktop)",
        "    machines may have desktop-1.0-1.noarch (base), and only plugin-1-1.noarch (epel) is available",
    ]


def test_each_part_of_a_rich_requirement_that_is_missing_is_named(tmp_path: Path) -> None:
    plugin = Package("plugin", requires=["((theme and (fonts and icons)) if desktop)"])
    error = refusal(
        lambda: close_over(
            tmp_path,
            Package("our", requires=["(plugin and gone)"]),
            base=[Package("desktop")],
            mirror=[plugin, Package("theme")],
        )
    )
    assert error.why.splitlines() == [
        "  our-1.0-1.noarch requires (plugin and gone)",
        "    no repository provides gone",
        "  our-1.0-1.noarch requires (plugin and gone)",
        "    plugin-1.0-1.noarch (epel) requires ((theme and fonts and icons) if desktop)",
        "      machines may have desktop-1.0-1.noarch (base), and no repository provides fonts",
        "    plugin-1.0-1.noarch (epel) requires ((theme and fonts and icons) if desktop)",
        "      machines may have desktop-1.0-1.noarch (base), and no repository provides icons",
    ]


def test_a_long_explanation_has_an_end(tmp_path: Path) -> None:
    """Thirty layers of packages that each require all of the next: more chains than can be counted."""
    mirror = [
        Package(f"p{layer}-{number}", requires=[f"p{layer + 1}-{other}" for other in range(4)])
        for layer in range(30)
        for number in range(4)
    ]
    mirror += [Package(f"many-{number}", "1", provides=["many = 1"]) for number in range(100)]
    error = refusal(
        lambda: close_over(tmp_path, Package("our", requires=["p0-0", "many >= 2"]), mirror=mirror)
    )
    assert len(error.why) < 20_000
    assert "and 88 more is available" in error.why
