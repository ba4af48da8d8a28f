"""Dependency lists are split as rpm splits them."""

from __future__ import annotations

import pytest

from altai_build.model.dependency import list_dependency_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("gcc make", ["gcc", "make"]),
        ("gcc, make >= 3.8 , python3-devel", ["gcc", "make", "python3-devel"]),
        ("a => 2.6, b =< 3, c == 1", ["a", "b", "c"]),
        ("gcc>=4", ["gcc>=4"]),
        ("python(abi) = 2.6 perl(Foo::Bar) >= 1:2-3", ["python(abi)", "perl(Foo::Bar)"]),
        ("/usr/bin/foo", ["/usr/bin/foo"]),
        ("(a or b)", ["a", "b"]),
        ("(gcc and (make >= 3 or ninja)), x", ["gcc", "make", "ninja", "x"]),
        ("(php-composer(a/b) >= 1 with php-composer(a/b) < 2)", ["php-composer(a/b)", "php-composer(a/b)"]),
        ("(a(x) if b(y(z)) else c)", ["a(x)", "b(y(z))", "c"]),
        ("((a and b and c) if (d or e or f))", ["a", "b", "c", "d", "e", "f"]),
        ("bücher _x", ["bücher", "_x"]),
        ("", []),
    ],
)
def test_names(text: str, names: list[str]) -> None:
    assert list_dependency_names(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "a >=",
        "a >= %(x)y!",
        "-a",
        ".a",
        "/a = 1",
        "a = 1-2-3",
        "a = 1..2",
        "(a",
        "()",
        "(a b)",
        "(a and b or c)",
        "(a if b if c)",
        "(a without b without c)",
        "(a or,b)",
        "a = x:1",
        "(a or )",
        "a, (b or",
    ],
)
def test_what_rpm_refuses(text: str) -> None:
    with pytest.raises(ValueError):
        list_dependency_names(text)


def test_rich_dependencies_are_not_allowed_everywhere() -> None:
    with pytest.raises(ValueError, match="must begin with"):
        list_dependency_names("a (b or c)", may_be_rich=False)
