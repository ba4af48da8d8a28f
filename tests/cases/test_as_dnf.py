"""The closure is the one that a real dnf would install, where nothing else was chosen on purpose (base first)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from altai_build.errors import InputError
from tests.kit.closures import close_over
from tests.kit.dnf import ask_dnf
from tests.kit.repodata import describe_default, describe_module
from tests.kit.repositories import Package

P = Package
NODES = [P("nodejs", version, epoch=1) for version in ("10", "12", "18")]
STREAMS = "".join(
    describe_module("nodejs", stream, f"nodejs-1:{stream}-1.noarch", f"npm-0:{stream}-1.noarch")
    for stream in ("10", "18")
)
PERLS = [P("app", requires=["perl"]), P("perl", "5.26"), P("perl", "5.30")]
PERL_STREAMS = "".join(
    describe_module("perl", stream, f"perl-0:{stream}-1.noarch") for stream in ("5.26", "5.30")
)


def app(requires: str) -> str:
    return describe_module("app", "1", "app-0:1.0-1.noarch", requires=requires) + describe_default("app", "1")


WORLDS: dict[str, tuple[Sequence[str], Sequence[Package], Sequence[Package], Mapping[str, str]]] = {
    "requirements of scriptlets": (
        ["foo"],
        [],
        [
            P("foo", requires=["lib"], preamble=["Requires(post): helper"]),
            P("lib"),
            P("helper", requires=["x"]),
            P("x"),
        ],
        {},
    ),
    "native first": (
        ["web"],
        [],
        [
            P("a", provides=["web"], arch="i686"),
            P("b", provides=["web"], requires=["lib"], arch="x86_64"),
            P("lib"),
        ],
        {},
    ),
    "only for another architecture": (["lib.so.1"], [], [P("lib", provides=["lib.so.1"], arch="i686")], {}),
    "both architectures of a library": (
        ["lib.so.1", "lib.so.1()(64bit)"],
        [],
        [
            P("lib", provides=["lib.so.1"], arch="i686"),
            P("lib", provides=["lib.so.1()(64bit)"], arch="x86_64"),
        ],
        {},
    ),
    "renamed": (
        ["web"],
        [],
        [
            P("old", provides=["web"]),
            P("new", "2", provides=["web"], obsoletes=["old < 2"], requires=["lib"]),
            P("lib"),
        ],
        {},
    ),
    "the newest that can be installed": (
        ["lib"],
        [],
        [P("lib", "1"), P("lib", "2", requires=["gone"]), P("lib", "3", conflicts=["client"])],
        {},
    ),
    "rich": (
        ["(a if b)", "(c or d)", "(e and f)", "(g with g(x))"],
        [P("c")],
        [P("a"), P("d"), P("e"), P("f"), P("g", provides=["g(x)"])],
        {},
    ),
    "otherwise": (
        ["(g if b else a)"],
        [],
        [P("g"), P("b", requires=["g"]), P("a", conflicts=["client"])],
        {},
    ),
    "otherwise, with a condition that base cannot install": (
        ["(b if g else f)"],
        [P("b"), P("g", requires=["gone"])],
        [P("f"), P("h")],
        {},
    ),
    "a condition that only a mirror makes true": (["(g if b else a)"], [P("g")], [P("b")], {}),
    "the same for a package of base": (["x"], [P("g"), P("x", requires=["(g if b else a)"])], [P("b")], {}),
    "a file in the file lists of base": (["/usr/bin/x"], [P("x", files={"/usr/bin/x": ""})], [P("y")], {}),
    "default stream": (["nodejs"], [], NODES, {"epel": STREAMS + describe_default("nodejs", "10")}),
    "no default stream": (["nodejs"], [], NODES, {"epel": STREAMS}),
    "default stream of base": (
        ["nodejs >= 1:12"],
        NODES[:1],
        NODES[1:2],
        {"base": describe_module("nodejs", "10", "nodejs-1:10-1.noarch") + describe_default("nodejs", "10")},
    ),
    "a provider of the name of an active package": (
        ["nodejs"],
        [],
        [*NODES, P("iojs", "99", provides=["nodejs = 2:99"])],
        {"epel": STREAMS + describe_default("nodejs", "10")},
    ),
    "a stream that another requires": (
        ["app"],
        [],
        PERLS,
        {"epel": app("{perl: [5.30]}") + PERL_STREAMS + describe_default("perl", "5.26")},
    ),
    "a stream that another refuses": (["app"], [], PERLS, {"epel": app("{perl: [-5.30]}") + PERL_STREAMS}),
    "any stream of another": (
        ["app"],
        [],
        PERLS,
        {"epel": app("{perl: []}") + PERL_STREAMS + describe_default("perl", "5.26")},
    ),
    "a stream whose module is missing": (["app"], [], PERLS[:2], {"epel": app("{perl: [6]}")}),
    "a stream that was built for two others": (
        ["dbi"],
        [],
        [*PERLS[1:], P("dbi", "1"), P("dbi", "2", requires=["perl = 5.30"])],
        {
            "epel": describe_module("dbi", "1", "dbi-0:1-1.noarch", requires="{perl: [5.26]}")
            + describe_module("dbi", "1", "dbi-0:2-1.noarch", requires="{perl: [5.30]}", version=2)
            + describe_default("dbi", "1")
            + PERL_STREAMS
            + describe_default("perl", "5.26")
        },
    ),
    "two builds of a stream": (
        ["foo = 1", "libfoo"],
        [],
        [P("foo", "1"), P("foo", "2"), P("libfoo", "1")],
        {
            "epel": describe_module("foo", "1", "foo-0:1-1.noarch", "libfoo-0:1-1.noarch")
            + describe_module("foo", "1", "foo-0:2-1.noarch", version=2)
            + describe_default("foo", "1")
        },
    ),
}


@pytest.mark.parametrize("world", WORLDS)
def test_the_closure_is_what_dnf_installs(tmp_path: Path, world: str) -> None:
    requires, base, mirror, modules = WORLDS[world]
    client = Package("client", requires=requires)
    repositories = {"ours": [client], "base": base, "epel": mirror}
    expected = ask_dnf(tmp_path, repositories, ["client"], modules=modules)
    try:
        closure = close_over(
            tmp_path,
            client,
            base=base,
            mirror=mirror,
            base_modules=modules.get("base", ""),
            modules=modules.get("epel", ""),
        )
    except InputError:
        assert expected is None
        return
    assert expected is not None
    found = {f"{package.repository}/{package.resolved.nevra}" for package in closure.packages}
    assert found == {entry for entry in expected if entry.startswith("epel/")}
