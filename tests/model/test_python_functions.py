"""Bodies of functions by tokens, and what differs between two versions of a file."""

from __future__ import annotations

import pytest

from altai_build.model.python_functions import Function, compare_files, find_functions

TEXT = '''\
import x
@lru_cache(maxsize=3)
def cached(
    a=lambda: 3,
) -> int:
    """A docstring,
    which is outside."""
    b = 1

    # a comment
    return b
def one(): return 1
class C:
    def method(self):  # a comment
        # and another one
        if a:
            c = """
  text
"""
        # behind it
    async def only(self):
        """a docstring"""
    d = 1
    def outer(self):
        "doc"
        def inner():
            pass
        return inner
if x:
    def counts():
        global count
        count = 2
print x, 0777
'''


def test_bodies_without_docstrings_and_without_functions_in_them() -> None:
    text = TEXT.replace("print x, 0777\n", "")
    assert find_functions(text) == [
        Function("cached", 8, 11, keeps_state=True),
        Function("method", 16, 19),
        Function("outer", 26, 28),
        Function("counts", 31, 32, keeps_state=True),
    ]
    assert compare_files(text, text.replace("\n", "\r\n")).changed == ()


@pytest.mark.parametrize(
    "text", ["def f():\n    x = `1`\n", 'x = """\n', "if x:\n        a\n    b\n", "x = (\n"]
)
def test_what_cannot_be_taken_apart(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        find_functions(text)


BEFORE = "A = 1\n\n\ndef f():\n    return 1\n\n\ndef g():\n    a = 1\n    return a\n\n\nB = 2\n"


def test_another_body_moves_what_follows() -> None:
    found = compare_files(BEFORE, BEFORE.replace("return 1", "b = 1\n    return b"))
    assert (found.outside, found.changed) == (False, (Function("f", 5, 5),))
    assert found.moved == ((1, 1, 4), (6, 7, 8))
    assert compare_files(BEFORE, BEFORE).moved == ((1, 1, 13),)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("A = 1", "A = 2"),
        ("def f()", "def f(x=1)"),
        ("return 1\n", "return 1\n\n\ndef h():\n    pass\n"),
        ("    return 1\n", '    """now a docstring"""\n    return 1\n'),
        ("    return 1\n", "    return 1\nC = 3\n"),
        # A string that takes the functions behind it away.
        ("return 1\n\n\ndef g():\n    a = 1", 'return """\n\n\ndef g():\n    a = """'),
    ],
)
def test_a_change_outside_of_bodies(old: str, new: str) -> None:
    assert compare_files(BEFORE, BEFORE.replace(old, new)).outside
