"""Names that packages of Python projects may have."""

from __future__ import annotations

from altai_build.model.python_packages import list_capabilities


def test_the_surest_name_comes_first() -> None:
    assert list_capabilities("oslo-utils", "python3") == ("python3dist(oslo-utils)", "python3-oslo-utils")
    assert list_capabilities("pyyaml", "python3") == (
        "python3dist(pyyaml)",
        "python3-pyyaml",
        "python3-yaml",
    )
    assert list_capabilities("python-novaclient", "python") == (
        "python2dist(python-novaclient)",
        "python-python-novaclient",
        "python-novaclient",
        "python2-python-novaclient",
        "python2-novaclient",
    )
