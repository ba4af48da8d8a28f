"""URLs as librepo forms them."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.url import apply_base, join_url, name_location, path_from_file_url, without_password

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


@pytest.mark.parametrize(
    "url", ["https://u:p@h/x.git", "https://token@h/x.git", "HTTPS://u:p@ss@h/x.git", "ssh://git@h/x.git"]
)
def test_no_part_of_a_password_is_shown(url: str) -> None:
    assert without_password(url).partition("://")[2] == "h/x.git"


def test_a_path_with_an_at_sign_is_left_as_it_is() -> None:
    assert without_password("https://h/a@b.git") == "https://h/a@b.git"


@pytest.mark.parametrize(
    ("base", "location", "expected"),
    [
        ("", "Packages/a.rpm", f"{BASE}/Packages/a.rpm"),
        ("https://other.example/deep/", "a b.rpm", "https://other.example/deep/a%20b.rpm"),
        ("http://other.example", "Packages/a.rpm", "http://other.example/Packages/a.rpm"),
        ("disc1/", "a.rpm", f"{BASE}/disc1/a.rpm"),
    ],
)
def test_a_base_stands_before_a_location(base: str, location: str, expected: str) -> None:
    assert join_url(BASE, apply_base(base, location)) == expected


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("./Packages//a.rpm", "Packages/a.rpm"),
        ("Packages/a.rpm", "Packages/a.rpm"),
        ("../a.rpm", "../a.rpm"),
        ("/etc/a.rpm", "/etc/a.rpm"),
        ("http://h//a.rpm", "http://h//a.rpm"),
    ],
)
def test_a_location_is_written_in_one_way(location: str, expected: str) -> None:
    assert apply_base("", location) == expected


@pytest.mark.parametrize("base", ["file:///etc", "ftp://h/x", "media://123#1", "../up", "/etc"])
def test_a_base_leads_neither_out_of_the_repository_nor_to_files_of_this_machine(base: str) -> None:
    with pytest.raises(InputError, match="outside the repository"):
        join_url(BASE, apply_base(base, "a.rpm"))


def test_a_file_url_of_releases_is_a_path_and_other_urls_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert name_location("file:///srv/a%20b") == "/srv/a b"
    for text in ("1.0.2", "./1.0", "https://host/x", "a/b:/c"):
        assert name_location(text) == text
    for text in ("ftp://host/x", "https:/host/x", "file://host/x"):
        with pytest.raises(InputError, match="is no URL of releases"):
            name_location(text)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c:").mkdir()
    (tmp_path / "c:" / "x").mkdir()
    assert name_location("c:/x") == "c:/x"
