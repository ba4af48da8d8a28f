"""`diff` in its three forms, and of releases that do not exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.manifests import package
from tests.kit.written_site import WrittenSite


@pytest.fixture
def site(tmp_path: Path) -> WrittenSite:
    return WrittenSite(tmp_path, tmp_path)


def test_diff_in_all_three_forms(site: WrittenSite) -> None:
    site.release(
        "1",
        package("up-1-1.noarch", size=1000),
        package("down-2-1.noarch"),
        package("gone-1-1.noarch"),
        package("moves-1-1.noarch", repository="deps/epel"),
    )
    site.release(
        "2",
        package("up-2-1.noarch", size=3500),
        package("down-1-1.noarch"),
        package("new-1-1.noarch"),
        package("moves-1-1.noarch", repository="deps/misc"),
    )
    answer = site.call("diff", "1", "2", "--json")
    kinds = ("added", "removed", "upgraded", "downgraded", "rebuilt", "moved", "resized")
    assert {kind: [one["nevra"] for one in answer.json[kind]] for kind in kinds} == {
        "added": ["new-1-1.noarch"],
        "removed": ["gone-1-1.noarch"],
        "upgraded": ["up-2-1.noarch"],
        "downgraded": ["down-1-1.noarch"],
        "rebuilt": [],
        "moved": ["moves-1-1.noarch"],
        "resized": ["up-2-1.noarch"],
    }
    assert site.call("diff", "1", "2").out.splitlines() == [
        "added\tnew\t-\t1-1\tcentos6\t+1 kB",
        "removed\tgone\t1-1\t-\tcentos6\t-1 kB",
        "upgraded\tup\t1-1\t2-1\tcentos6\t+2 kB",
        "downgraded\tdown\t2-1\t1-1\tcentos6\t0 B",
        "moved\tmoves\t1-1\t1-1\tdeps/epel → deps/misc\t0 B",
    ]
    markdown = site.call("diff", "1", "2", "--markdown").out.splitlines()
    assert markdown[0] == "# Packages from 1 to 2"
    assert "| `up` | `1-1` | `2-1` | `centos6` | `+2 kB` |" in markdown
    assert "" not in [one for one, two in zip(markdown, markdown[1:]) if one == two]


def test_equal_packages_are_told(site: WrittenSite) -> None:
    site.release("1", package("same-1-1.noarch"))
    site.release("2", package("same-1-1.noarch"))
    answer = site.call("diff", "1", "2")
    assert (answer.code, answer.out) == (0, "")
    assert answer.err.endswith("altai-build: 1 and 2 have the same packages\n")


def test_a_release_that_is_not_there_is_answered_with_those_that_are(site: WrittenSite) -> None:
    site.release("1.0.0")
    site.release("1.0.1")
    answer = site.call("diff", "1.0.0", "1.0.2")
    assert answer.code == 3
    assert "there is no release 1.0.2" in answer.err
    assert "1.0.0, 1.0.1" in answer.err
    same = site.call("diff", "1.0.0", "1.0.1", "--markdown")
    assert same.out.splitlines()[-1] == "The packages are the same."
