"""URLs as librepo forms them."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.url import join_url, path_from_file_url

BASE = "https://example.org/repo"


@pytest.mark.parametrize(
    ("location", "encoded"),
    [
        ("Packages/a-1.0~rc1_2.rpm", "Packages/a-1.0~rc1_2.rpm"),
        ("a b.rpm", "a%20b.rpm"),
        ("a%20b.rpm", "a%2520b.rpm"),
        ("a#b.rpm", "a%23b.rpm"),
        ("a?b.rpm", "a%3Fb.rpm"),
        ("libstdc++.rpm", "libstdc%2B%2B.rpm"),
        ("-x.rpm", "-x.rpm"),
        ("é.rpm", "%C3%A9.rpm"),
        ("a^b:c,(d)@e&f=g.rpm", "a%5Eb%3Ac%2C%28d%29%40e%26f%3Dg.rpm"),
        ("./a//b/./c.rpm", "a/b/c.rpm"),
        ("a/..b", "a/..b"),
    ],
)
def test_a_location_is_encoded_as_librepo_does(location: str, encoded: str) -> None:
    assert join_url(f"{BASE}/", location) == join_url(BASE, location) == f"{BASE}/{encoded}"


def test_the_query_of_a_base_stays_at_the_end() -> None:
    assert join_url(f"{BASE}/?token=a/b", "x y") == f"{BASE}/x%20y?token=a/b"


@pytest.mark.parametrize("url", ["http://other/x", "https://other.example/a%20b"])
def test_a_location_may_be_a_url(url: str) -> None:
    assert join_url(BASE, url) == url


@pytest.mark.parametrize(
    "location", ["../x", "/x", "a/../../x", "a/..", "file:///x", "ftp://other/x", "", ".", "/"]
)
def test_locations_outside_the_base_are_refused(location: str) -> None:
    with pytest.raises(InputError, match="outside the repository"):
        join_url(BASE, location)


def test_the_path_of_a_file_url_is_decoded(tmp_path: Path) -> None:
    place = tmp_path / "with space, é and %41"
    assert path_from_file_url(place.as_uri()) == place
    assert path_from_file_url(join_url(tmp_path.as_uri(), "a%20 #b")) == tmp_path / "a%20 #b"
