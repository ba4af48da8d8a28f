"""Small components with unit tests, and a site that tests them with the host's rpmbuild."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.builders import HostSite
from tests.kit.git import Entry
from tests.kit.repositories import Package
from tests.kit.superprojects import make_spec

GOOD = "    def test_good(self):\n        pass\n"
BAD = "    def test_bad(self):\n        self.assertEqual(1, 2)\n"
# Passes when it is run again.
FLAKY = """\
    def test_flaky(self):
        import os
        again = os.path.exists("marker")
        open("marker", "w").close()
        self.assertTrue(again, "not the first time")
"""


def make_tested(name: str, *tests: str, requires: str = "", prep: str = "%setup -q") -> dict[str, Entry]:
    """A Python component whose suite is unittest's."""
    tags = ["BuildArch: noarch", "BuildRequires: python3", *([f"Requires: {requires}"] if requires else [])]
    module = "import unittest\n\n\nclass Case(unittest.TestCase):\n" + "\n".join(tests)
    return {
        f"{name}.spec": make_spec(name, tags="\n".join(tags), prep=prep),
        "README": name,
        "setup.cfg": "",
        "tests/test_it.py": module,
    }


def make_site(folder: Path, monkeypatch: pytest.MonkeyPatch, more: str = "") -> HostSite:
    """A site without components; `more` is appended to its repos.yaml."""
    return HostSite.create(folder, monkeypatch, more=more, base=[Package("python3"), Package("python3-mock")])
