"""The child process: one JSON line in, one JSON line out, within its limits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from altai_build.tools.spec import reader_child

SPEC = (
    "Name: focus\nVersion: 1.0\nRelease: 2%{?dist}\nBuildRequires: gcc, make >= 3\n%description\nx\n%files\n"
)


def talk(*texts: str, seconds: float = 5, memory: int = 2 << 30) -> subprocess.CompletedProcess[bytes]:
    header = {
        "macros": {"dist": ".el6"},
        "arch": "x86_64",
        "is_expanded": False,
        "seconds": seconds,
        "memory": memory,
    }
    lines = "".join(f"{json.dumps(line)}\n" for line in (header, *texts))
    return subprocess.run(
        [sys.executable, "-I", "-m", reader_child.__name__],
        input=lines.encode(),
        capture_output=True,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        check=False,
    )


def answers(*texts: str) -> list[dict[str, Any]]:
    result = talk(*texts)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_each_spec_has_one_answer_in_order() -> None:
    first, second, third = answers(SPEC, "import os\n", SPEC.replace("focus", "nova"))
    assert (first["name"], first["version"], first["release"]) == ("focus", "1.0", "2.el6")
    assert first["build_requires"] == ["gcc", "make"] and first["packages"] == ["focus"]
    assert second == {"foreign": True}
    assert third["name"] == "nova"


def test_an_error_is_an_answer_with_what_to_do() -> None:
    (answer,) = answers("Name: x\nRelease: 1\n")
    assert answer == {
        "error": "it has no Version: tag",
        "todo": "an RPM spec has Name:, Version: and Release: tags",
    }


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            f"%if 0\n{SPEC}%endif\n",
            "its Name:, Version: and Release: are behind a section, or under a condition",
        ),
        (
            f"%description\nx\n{SPEC}",
            "its Name:, Version: and Release: are behind a section, or under a condition",
        ),
        (SPEC.encode("utf-16").decode("utf-8", "surrogateescape"), "it is UTF-16"),
        ("\udcff\udcfea\0 = Analysis", None),
    ],
)
def test_a_spec_whose_tags_do_not_count_is_no_other_kind_of_file(text: str, error: str | None) -> None:
    (answer,) = answers(text)
    assert answer == {"foreign": True} if error is None else answer["error"].startswith(error)


def test_what_only_rpm_can_tell_is_an_answer_with_the_construct() -> None:
    (answer,) = answers(SPEC.replace("Version: 1.0", "Version: %(cat VERSION)"))
    assert answer == {"reason": "line 2: Version: %(cat VERSION)"}


def test_macros_of_one_spec_are_unknown_to_the_next() -> None:
    defining = "%global secret 1\n" + SPEC
    using = SPEC.replace("Version: 1.0", "Version: %{?secret}9")
    assert [answer["version"] for answer in answers(defining, using)] == ["1.0", "9"]


@pytest.mark.parametrize(
    "text", ["%define a %{a}%{a}\nName: %a\n", "Name: x\nVersion: " + "%{lua:x}" * 9 + "\n"]
)
def test_a_hostile_spec_ends_the_child_or_is_an_answer(text: str) -> None:
    result = talk(SPEC, text, seconds=1, memory=1 << 30)
    lines = result.stdout.splitlines()
    assert json.loads(lines[0])["name"] == "focus"
    assert len(lines) == 2 or result.returncode != 0


def test_without_a_request_it_ends() -> None:
    result = subprocess.run(
        [sys.executable, "-I", "-m", reader_child.__name__], input=b"", capture_output=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, b"")


def test_an_answer_without_end_is_an_error() -> None:
    lines = ["%global m0 " + "x" * 4000]
    lines += [f"%global m{n} " + f"%{{m{n - 1}}}" * 15 for n in range(1, 3)]
    lines += [f"Provides: a{n}%{{m2}}" for n in range(12)]
    (answer, second) = answers("\n".join([*lines, SPEC]), SPEC)
    assert answer["error"] == "its tags and names have more than 4194304 characters"
    assert second["name"] == "focus"


def test_it_starts_without_what_it_does_not_need() -> None:
    program = f"import sys, {reader_child.__name__}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    # Making dataclasses, with what they import, takes a third of its start.
    assert not {"dataclasses", "inspect", "tempfile", "logging"} & set(done.stdout.split())
