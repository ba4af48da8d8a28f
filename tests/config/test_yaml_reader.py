"""YAML is read as plain values, and every value of the wrong kind is an error that says what to write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from altai_build.config.yaml_reader import (
    InputErrors,
    YamlNode,
    _build_tree,
    _Loader,
    load_yaml,
    parse_yaml,
)
from altai_build.errors import InputError


def write(folder: Path, content: str) -> Path:
    path = folder / "repos.yaml"
    path.write_text(content)
    return path


def read_project(data: bytes) -> str:
    """A file with the one key `project`."""
    errors = InputErrors()
    top = YamlNode(parse_yaml(data, "repos.yaml"), "", errors).check_keys(("project",))
    project = top.get_child("project").read_text()
    errors.raise_if_any("repos.yaml", todo="fix it")
    return project


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("", "got nothing; write a mapping with the keys project"),
        ("- a\n- b\n", "got ['a', 'b']; write a mapping with the keys project"),
        ("just words", "got 'just words'; write a mapping"),
        ("project: a\nproject: b\n", "line 2: the key 'project' is given twice"),
        ("keys:\n  a: {file: x}\n  b: {file: y}\n  a: {file: z}\n", "line 4: the key 'a' is given twice"),
        ("project: x\n\tkeys: y\n", "found character '\\t' that cannot start any token"),
        ("project: x\n\tkeys: y\n", "with spaces: YAML does not allow tabs there"),
        ("project: [\n", "expected the node content"),
        ("project: x\n---\nproject: y\n", "but found another document"),
        ("project: !!python/object/apply:os.system [touch canary]\n", "could not determine a constructor"),
        ("project: &a [*a]\n", "recursive"),
        ("? [a]\n: b\n", "unhashable"),
        ("project: 2012-13-45\n", "month must be in 1..12"),
        ("project: !!int x\n", "invalid literal"),
        ("project: !!timestamp x\n", "is not valid YAML"),
        (f"project: 0x{'f' * 9000}\n", "line 1: the number has too many digits"),
        (f"project: 1:{'59:' * 300_000}1\n", "line 1: the number has too many digits"),
        (b"project: \xff\xfe\n", "is not valid YAML"),
        (b"project: a\x00b\n", "special characters are not allowed"),
        ("[" * 50_000, "recursion"),
    ],
)
def test_texts_that_are_not_a_mapping_in_plain_yaml(content: str | bytes, cause: str) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    with pytest.raises(InputError) as caught:
        read_project(data)
    assert cause in str(caught.value) and "repos.yaml" in caught.value.what


# Not "!" alone: for libyaml and the standard it makes an empty value text, PyYAML ignores it.
_PIECES = [
    *"ab[]{},:\n#&*|>%-?\"'\t",
    ": ",
    "- ",
    "  ",
    "&x ",
    "*x",
    "<<: ",
    "é",
    "2020-01-01",
    "---\n",
    "!!str ",
]


@given(st.lists(st.sampled_from(_PIECES), max_size=10).map("".join))
def test_libyaml_and_pyyaml_give_the_same_tree(text: str) -> None:
    data = text.encode()
    try:
        slow = _Loader(data).get_single_data()
    except (yaml.YAMLError, ValueError, AttributeError, TypeError, OverflowError):
        # PyYAML reports the error, or it is a tab, which libyaml accepts
        return
    assert repr(_build_tree(data)) == repr(slow)


def test_small_files_that_would_fill_the_memory_are_refused(tmp_path: Path) -> None:
    for template in ("{{<<: [{0}]}}", "[{0}]"):
        lines = ["a: &a {x: 1}"]
        for number in range(1, 10):
            aliases = ",".join([f"*{chr(96 + number)}"] * 10)
            lines.append(f"{chr(97 + number)}: &{chr(97 + number)} {template.format(aliases)}")
        with pytest.raises(InputError) as caught:
            read_project("\n".join(lines).encode())
        assert len(str(caught.value)) < 5000
    with pytest.raises(InputError, match="is larger than 1 MiB"):
        load_yaml(write(tmp_path, "#" * (1 << 21)))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(InputError) as caught:
            load_yaml(path)
        assert caught.value.what == f"cannot read {path}" and "--config FILE" in caught.value.todo


def test_errors_of_a_file_are_raised_together() -> None:
    errors = InputErrors()
    errors.raise_if_any("x.yaml", todo="fix it")
    errors.add("a.b", "first")
    with pytest.raises(InputError) as first:
        errors.raise_if_any("x.yaml", todo="fix it")
    errors.add("", "second")
    with pytest.raises(InputError) as second:
        errors.raise_if_any("x.yaml", todo="fix it")
    assert (first.value.what, first.value.why) == ("x.yaml has 1 error", "  a.b: first")
    assert (second.value.what, second.value.todo) == ("x.yaml has 2 errors", "fix it")
    assert second.value.why == "  a.b: first\n  (top level): second"


@pytest.mark.parametrize(
    ("read", "value", "result", "message"),
    [
        (lambda node: node.read_text(), "word", "word", None),
        (lambda node: node.read_text("default"), None, "default", None),
        (lambda node: node.read_text(), " ", "", "write text, in quotes if it looks like a number"),
        (lambda node: node.read_text(), "a\nb", "", "line breaks and control characters are not allowed"),
        (lambda node: node.read_text(check=lambda text: "too short"), "a", "", "too short"),
        (lambda node: node.read_flag(True), None, True, None),
        (lambda node: node.read_flag(True), False, False, None),
        (lambda node: node.read_flag(True), 0, True, "write true or false"),
        (lambda node: node.read_integer(7, minimum=1, hint="write a count"), None, 7, None),
        (lambda node: node.read_integer(7, minimum=1, hint="write a count"), 1, 1, None),
        (lambda node: node.read_integer(7, minimum=1, hint="write a count"), 0, 7, "write a count"),
        (lambda node: node.read_integer(7, minimum=1, hint="write a count"), True, 7, "write a count"),
        (lambda node: node.read_integer(7, minimum=1, hint="write a count"), "3", 7, "write a count"),
        (lambda node: node.read_choice(("auto", "mock"), "auto"), "mock", "mock", None),
        (lambda node: node.read_choice(("auto", "mock"), "auto"), "mok", "auto", "did you mean mock?"),
        (lambda node: node.read_choice(("auto", "mock"), "auto"), "x", "auto", "write one of auto, mock"),
        (lambda node: node.read_texts(), ["a", "b"], ("a", "b"), None),
        (lambda node: node.read_texts(), "a", (), "write a list"),
        (
            lambda node: dict(node.read_mapping("key")),
            [],
            {},
            "write a mapping from key names to their settings",
        ),
    ],
)
def test_each_kind_of_value(
    read: Callable[[YamlNode], Any], value: object, result: object, message: str | None
) -> None:
    errors = InputErrors()
    assert read(YamlNode(value, "a.b", errors)) == result
    assert errors.lines == ([] if message is None else [f"  a.b: got {value!r}; {message}"])


def test_entries_of_lists_and_mappings_have_their_own_key_path() -> None:
    errors = InputErrors()
    top = YamlNode({"names": ["x", 1], "keys": {"a": 5, 2: 6}}, "", errors)
    assert top.get_child("names").read_texts() == ("x",)
    assert [(name, node.value) for name, node in top.get_child("keys").read_mapping("key")] == [("a", 5)]
    assert errors.lines == [
        "  names[1]: got 1; write text, in quotes if it looks like a number",
        "  keys: got the key 2; a key name is text: quote it",
    ]


def test_the_errors_below_a_value_that_is_no_mapping_are_not_repeated() -> None:
    errors = InputErrors()
    node = YamlNode(5, "release", errors).check_keys(("baseurl",), needed=("baseurl",))
    assert node.get_child("baseurl").read_flag(False) is False
    assert errors.lines == ["  release: got 5; write a mapping with the keys baseurl"]


def test_a_syntax_error_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "repos.yaml"
    file.write_text("a: [1\nb: 2\n")
    with pytest.raises(InputError) as caught:
        load_yaml(file)
    assert f'in "{file}", line 2' in caught.value.why and "byte string" not in caught.value.why
