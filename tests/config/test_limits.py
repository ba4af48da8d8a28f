"""build.limits: what is given, what is not, and what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from altai_build.config.limits import read_limits
from altai_build.config.yaml_reader import InputErrors, YamlNode
from altai_build.model.limits import Limits


def read(value: Any) -> tuple[Limits, list[str]]:
    errors = InputErrors()
    return read_limits(YamlNode(value, "build.limits", errors)), errors.lines


def test_what_is_not_given_has_its_default() -> None:
    assert read(None) == read({}) == (Limits(), [])
    found, errors = read({"time": "90m", "processes": 100, "memory": "1.5G", "log": "10M"})
    wanted = Limits(seconds=5400.0, processes=100, memory=3 << 29, log=10 << 20)
    assert (found, errors) == (wanted, [])


def test_none_is_no_limit() -> None:
    found, errors = read(dict.fromkeys(("time", "processes", "memory", "file", "log", "free"), "none"))
    assert errors == []
    assert found == Limits(seconds=None, processes=None, memory=None, file=None, log=None, free=None)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("time", "soon", "write a value such as 12h, or none"),
        ("time", "0h", "write a value above 0, or none"),
        ("time", 5, "write text"),
        ("memory", "16X", "write a value such as 20G, or none"),
        ("processes", 0, "write a number of at least 1, or none"),
        ("processes", "many", "write a number of at least 1, or none"),
        ("processes", True, "write a number of at least 1, or none"),
        ("cores", 4, "unknown key 'cores'"),
    ],
)
def test_errors_say_what_to_write(key: str, value: object, message: str) -> None:
    found, (line,) = read({key: value})
    assert found == Limits() and message in line
