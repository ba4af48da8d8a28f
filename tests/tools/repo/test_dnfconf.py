"""dnf.conf as typed repositories, with the defaults and the precedence of dnf."""

from __future__ import annotations

import pytest

from altai_build.errors import InputError
from altai_build.model.connection import NO_PROXY, ConnectionSettings
from altai_build.tools.repo.dnfconf import RepoSection, parse_dnf_config

TEXT = """
[main]
gpgcheck=1
tsflags=nodocs

# the operating system
[os]
name=System $releasever
baseurl=https://one.example/$releasever/${basearch}/
        https://two.example/$unknown/, https://three.example/
gpgkey=file:///etc/pki/one
exclude=a b,c
excludepkgs=d
mediaid=7
enabled=1
enabled=0

[extras]
mirrorlist=https://mirrors.example/
gpgcheck=no
"""
VARIABLES = {"releasever": "6", "basearch": "x86_64"}


def parse(text: str) -> tuple[tuple[tuple[str, str], ...], tuple[RepoSection, ...]]:
    return parse_dnf_config(text, variables=VARIABLES, where="case.cfg: dnf.conf")


def test_repositories_have_their_settings_those_of_main_and_the_defaults() -> None:
    main, (system, extras) = parse(TEXT)
    assert main == (("gpgcheck", "1"), ("tsflags", "nodocs"))
    assert (system.id, system.name) == ("os", "System 6")
    assert system.baseurls == (
        "https://one.example/6/x86_64/",
        "https://two.example/$unknown/",
        "https://three.example/",
    )
    assert (system.gpgcheck, system.repo_gpgcheck, system.exclude) == (True, False, ("a", "b", "c", "d"))
    assert system.other == (("mediaid", "7"),)
    assert (extras.name, extras.baseurls, extras.mirrorlist) == ("extras", (), "https://mirrors.example/")
    assert (extras.gpgcheck, extras.enabled, extras.priority, extras.cost) == (False, True, 99, 1000)


def test_settings_of_connections_are_those_of_main_and_of_the_repository() -> None:
    text = "[main]\nproxy=proxy.example:3128\nproxy_username=me@here\nproxy_password=a:b\nminrate=2k\n"
    text += "timeout=1m\nsslverify=0\n[a]\nusername=you\npassword=x\nsslcacert=/ca\n"
    _, (a, b, c) = parse(f"{text}[b]\nproxy=\nminrate=0\nsslverify=1\n[c]\nproxy=https://p\n")
    assert a.connection == ConnectionSettings(
        proxy="http://me%40here:a%3Ab@proxy.example:3128",
        minrate=2048,
        timeout=60,
        username="you",
        password="x",
        sslcacert="/ca",
    )
    assert (b.connection.proxy, b.connection.minrate, b.connection.username) == (NO_PROXY, 0, "")
    assert c.connection.proxy == "https://me%40here:a%3Ab@p"
    assert (a.sslverify, b.sslverify, a.other) == (False, True, ())


def test_what_main_excludes_is_excluded_from_every_repository() -> None:
    _, (a, b) = parse("[main]\nexclude=*.i?86\nincludepkgs=x\n[a]\nexcludepkgs=y\n[b]\nincludepkgs=x,z\n")
    assert (a.exclude, b.exclude) == (("*.i?86", "y"), ("*.i?86",))
    assert (a.includepkgs, b.includepkgs) == (("x",), ("x", "z"))


def test_the_last_of_two_equal_options_counts() -> None:
    assert not parse(TEXT)[1][0].enabled


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpgcheck=1\n", "case.cfg: dnf.conf is not a valid dnf configuration"),
        ("[os]\nenabled=maybe\n", "case.cfg: dnf.conf: [os] enabled=maybe is not a boolean"),
        ("[os]\npriority=high\n", "case.cfg: dnf.conf: [os] priority=high is not a number"),
        ("[os]\ntimeout=never\n", "case.cfg: dnf.conf: [os] timeout=never is not supported"),
        ("[os]\ntimeout=0\n", "case.cfg: dnf.conf: [os] timeout=0 is not supported"),
        ("[main]\nminrate=-1\n[os]\n", "case.cfg: dnf.conf: [os] minrate=-1 is not supported"),
    ],
)
def test_what_dnf_would_not_accept_is_an_error(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert caught.value.what == message
