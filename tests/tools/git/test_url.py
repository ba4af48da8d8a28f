"""Addresses of repositories: resolved as git does, shown without passwords, refused where they run commands."""

from __future__ import annotations

import pytest

from altai_build.tools.git.command import ALLOWED_PROTOCOLS
from altai_build.tools.git.url import has_allowed_protocol, is_local_url, resolve_url


@pytest.mark.parametrize(
    ("base", "url", "expected"),
    [
        # From git's own t/t0060-path-utils.sh (test_submodule_relative_url).
        ("/addtest", "../repo", "/repo"),
        ("/subsuper_update_r", "../subsubsuper_update_r", "/subsubsuper_update_r"),
        ("/home/trash/subsuper_update_r", "../bare", "/home/trash/bare"),
        ("/home/trash/super_update_r2", "../subsuper_update_r", "/home/trash/subsuper_update_r"),
        ("/home/trash/.", "../.", "/home/trash/."),
        ("/home/trash", "./.", "/home/trash/."),
        ("/home/trash/addtest", "../repo", "/home/trash/repo"),
        ("/home/trash/init", "./å äö", "/home/trash/init/å äö"),
        ("../foo/bar", "../sub/a/b/c", "../foo/sub/a/b/c"),
        ("file:///tmp/repo", "../subrepo", "file:///tmp/subrepo"),
        ("ssh://hostname/repo", "../subrepo", "ssh://hostname/subrepo"),
        ("ssh://hostname:22/repo", "../subrepo", "ssh://hostname:22/subrepo"),
        ("user@host:path/to/repo", "../subrepo", "user@host:path/to/subrepo"),
        ("user@host:repo", "../subrepo", "user@host:subrepo"),
        # As hosting sites have it.
        ("https://example.org/altai/altai.git", "../focus.git", "https://example.org/altai/focus.git"),
        ("https://example.org/altai/altai.git/", "../../openstack/nova.git", "https://example.org/openstack/nova.git"),
        ("https://me@example.org:8443/a/b", "./c", "https://me@example.org:8443/a/b/c"),
        ("git@example.org:altai/altai.git", "../../x/nova.git", "git@example.org:x/nova.git"),
        # Absolute ones stay as they are.
        ("https://example.org/a", "https://example.com/b.git", "https://example.com/b.git"),
        ("https://example.org/a", "git@example.com:b.git", "git@example.com:b.git"),
        ("https://example.org/a", "/srv/b.git", "/srv/b.git"),
    ],
)  # fmt: skip
def test_relative_urls(base: str, url: str, expected: str) -> None:
    assert resolve_url(url, base=base) == expected


@pytest.mark.parametrize(
    ("url", "local", "allowed"),
    [
        ("/srv/a.git", True, True),
        ("../a", True, True),
        ("a/b.git", True, True),
        ("file:///srv/a.git", True, True),
        ("https://example.org/a.git", False, True),
        ("git@example.org:a.git", False, True),
        ("ssh://git@example.org/a.git", False, True),
        ("ext::sh -c touch% /tmp/x", False, False),
        ("https::https://example.org/a.git", False, False),
        ("/srv/a::b", True, False),
        ("ftp://example.org/a.git", False, False),
    ],
)
def test_which_addresses_are_local_and_which_may_be_fetched(url: str, local: bool, allowed: bool) -> None:
    assert (is_local_url(url), has_allowed_protocol(url, ALLOWED_PROTOCOLS)) == (local, allowed)
