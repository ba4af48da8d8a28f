"""Specs are read without being run: what is plain is known, what only rpm could tell is unknown, never guessed."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from altai_build.errors import InputError
from altai_build.model.spec import SpecInfo, UnknownSpec
from altai_build.tools import process
from altai_build.tools.spec import reader as reader_module
from altai_build.tools.spec.reader import (
    NotASpec,
    SpecReader,
    SpecResult,
    SpecText,
    decode_spec,
    encode_spec,
    read_expanded_spec,
    read_specs,
)

HEAD = "Name: focus\nVersion: 1.0\nRelease: 3%{?dist}\nSummary: x\nLicense: x\n"


def answers(*texts: str, macros: Mapping[str, str] | None = None) -> list[SpecResult]:
    return read_specs(
        [SpecText(path=f"repos/{n}.spec", text=text) for n, text in enumerate(texts)], macros or {}, "x86_64"
    )


def read(text: str, **macros: str) -> SpecInfo:
    (answer,) = answers(text, macros=macros)
    assert isinstance(answer, SpecInfo), answer
    return answer


def test_a_spec_is_read_for_its_target() -> None:
    info = read(
        HEAD + "%description\n%package libs\nSummary: x\n%description libs\n%files libs\n", dist=".el6"
    )
    assert (info.name, info.version, info.release, info.packages) == (
        "focus",
        "1.0",
        "3.el6",
        ("focus-libs",),
    )


@pytest.mark.parametrize(
    ("release", "hidden"),
    [("%{rel}", "3\0"), ("%{rel}.1", "3\0.1"), ("%{rel}%{?dist}", None), ("4", None), ("%{other}", None)],
)
def test_where_a_macro_hides_dist(release: str, hidden: str | None) -> None:
    text = f"%define rel 3%{{?dist}}\n%define other 5\nName: x\nVersion: 1\nRelease: {release}\n"
    assert read(text, dist=".el6").hidden_dist == hidden
    assert read(text).hidden_dist == hidden


def test_what_only_rpm_can_tell_is_unknown_and_says_why() -> None:
    (answer,) = answers("Name: x\nVersion: 1\nRelease: %(id -u)\n")
    assert answer == UnknownSpec(reason="line 3: Release: %(id -u)")


def test_an_unknown_spec_is_cached_like_any_other(
    tmp_path: Path, started: list[process.ChildProcess]
) -> None:
    specs = [SpecText(path="a.spec", text="Name: x\nVersion: %(echo 1)\nRelease: 1\n")]
    first = read_specs(specs, {}, "x86_64", cache=tmp_path / "cache")
    assert isinstance(first[0], UnknownSpec) and len(started) == 1
    assert read_specs(specs, {}, "x86_64", cache=tmp_path / "cache") == first and len(started) == 1


def test_a_cached_result_with_a_changed_digit_is_read_again(tmp_path: Path) -> None:
    text, cache = SpecText(path="a.spec", text=HEAD), tmp_path / "cache"
    (first,) = read_specs([text], {}, "x86_64", cache=cache)
    (kept,) = cache.iterdir()
    whole = kept.read_bytes()
    assert isinstance(first, SpecInfo)
    kept.write_bytes(whole.replace(f'"version": "{first.version}"'.encode(), b'"version": "9.9"'))
    assert kept.read_bytes() != whole
    assert read_specs([text], {}, "x86_64", cache=cache) == [first]
    assert kept.read_bytes() == whole


def test_an_expanded_spec_is_taken_as_it_stands() -> None:
    text = HEAD.replace("%{?dist}", ".%x") + "Provides: a(%{b})\n%description\n%prep\ncd 'work'\n%files\n"
    info = read_expanded_spec(SpecText(path="a.spec", text=text), "x86_64")
    assert isinstance(info, SpecInfo)
    assert (info.release, info.prefix) == ("3.%x", "work")
    assert info.provides == ("focus", "focus(x86-64)", "a(%{b})")


def test_no_program_runs(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    shell, lua = f"%(touch {canary}; echo 1)", f'%{{lua: os.execute("touch {canary}")}}'
    texts = [
        f"Name: x{shell}\nVersion: 1\nRelease: 1\n",
        f"%define a {shell}\nName: x\nVersion: %{{a}}\nRelease: 1\nSource: %a\n%prep\n%setup -n %a\n",
        f"Name: x\nVersion: 1\nRelease: 1\nBuildRequires: {shell} {lua}\n%if {shell}\n%endif\n%build\n{shell}\n",
        f"%global b %{{expand:%%(touch {canary})}}\n%b\n{lua}\nName: x\nVersion: 1\n"
        f'Release: %{{lua: io.open("{canary}", "w")}}\n',
        f"%include {canary}\n%{{load:{canary}}}\n%{{uncompress:{canary}}}\nName: x\nVersion: 1\nRelease: 1\n",
        f"%dump\n%trace\n%{{S:1}}%{{P:1}}%{{getenv:HOME}}%{{shrink: a}}%{{basename:{shell}}}\n"
        "Name: x\nVersion: 1\nRelease: 1\n",
    ]
    answers(*texts)
    assert not canary.exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# -*- mode: python -*-\na = Analysis(['x.py'])\n",
        "Summary: x\n",
        "\x00\x01\x02",
        "name = x",
        "%description\nName: x\n",
    ],
)
def test_files_that_are_not_rpm_specs(text: str) -> None:
    (answer,) = answers(text)
    assert isinstance(answer, NotASpec)
    assert str(answer) == "repos/0.spec is not an RPM spec\nit has none of the tags Name:, Version:, Release:"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Name: x\nRelease: 1\n", "it has no Version: tag"),
        ("Version: 1\n", "it has no Name and Release: tag"),
        ("Name: x\nVersion: 1\n", "it has no Release: tag"),
        ("%define a() %{b}\n%define b() %{a}\nName: %a\nVersion: 1\n", "a macro contains itself"),
    ],
)
def test_errors_in_specs_are_described(text: str, why: str) -> None:
    (answer,) = answers(text)
    assert isinstance(answer, InputError) and not isinstance(answer, NotASpec)
    assert answer.what == "repos/0.spec cannot be parsed" and why in answer.why and answer.todo


BOMB = "".join(f"%define {chr(n)} {('%' + chr(n + 1)) * 10}\n" for n in range(97, 121)) + "%define y boom\n"


def test_an_endless_macro_affects_only_its_own_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = f"{BOMB}Name: %a\nVersion: 1\nRelease: 1\n"
    monkeypatch.setattr(reader_module, "SPEC_CPU_SECONDS", 1)
    first, second, third, fourth, fifth = answers(HEAD, bomb, HEAD, bomb, HEAD)
    assert isinstance(first, SpecInfo) and first == third == fifth
    for answer, place in ((second, 1), (fourth, 3)):
        assert isinstance(answer, InputError) and answer.what == f"repos/{place}.spec cannot be parsed"
        assert "a macro expands without end" in answer.why or "without end" in answer.todo


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[process.ChildProcess]:
    """The children that were started."""
    children: list[process.ChildProcess] = []

    @contextmanager
    def start(argv: Sequence[str], **options: Any) -> Iterator[process.ChildProcess]:
        with original(argv, **options) as child:
            children.append(child)
            yield child

    original = process.start_child
    monkeypatch.setattr(process, "start_child", start)
    return children


def test_many_specs_are_read_by_one_child(started: list[process.ChildProcess]) -> None:
    assert len([answer for answer in answers(*[HEAD] * 300) if isinstance(answer, SpecInfo)]) == 300
    assert len(started) == 1
    assert read_specs([], {}, "x86_64") == [] and len(started) == 1


def test_a_child_is_prestarted_only_without_a_cache(
    tmp_path: Path, started: list[process.ChildProcess]
) -> None:
    spec = SpecText(path="one.spec", text=HEAD)
    with SpecReader(cache=tmp_path / "cache") as reader:
        assert len(started) == 1, "it waits for the question"
        (answer,) = reader.read([spec], {}, "x86_64")
        assert isinstance(answer, SpecInfo) and len(started) == 1
    with SpecReader(cache=tmp_path / "cache") as reader:
        assert reader.read([spec], {}, "x86_64") == [answer] and len(started) == 1


def test_specs_given_in_advance_are_read_once(tmp_path: Path, started: list[process.ChildProcess]) -> None:
    large = HEAD + "# " + "x" * 300_000 + "\n"  # more than a pipe holds
    texts = [HEAD, large, "no spec at all", HEAD.replace("focus", "other")]
    specs = [SpecText(path=f"{number}.spec", text=text) for number, text in enumerate(texts)]
    with SpecReader(cache=tmp_path / "cache") as reader:
        for text in (*texts[:3], *[large] * 9):
            reader.start_reading([text], {"dist": ".x"}, "x86_64")
        found = reader.read(specs, {"dist": ".x"}, "x86_64")
    assert len(started) == 1, "what was not given ahead is given to the same child"
    assert found == read_specs(specs, {"dist": ".x"}, "x86_64") or isinstance(found[2], NotASpec)
    assert [info.name if isinstance(info, SpecInfo) else None for info in found] == [
        "focus",
        "focus",
        None,
        "other",
    ]
    assert isinstance(found[0], SpecInfo) and found[0].release == "3.x"
    before = len(started)
    with SpecReader(cache=tmp_path / "cache") as reader:
        assert reader.read(specs[:2], {"dist": ".x"}, "x86_64") == found[:2] and len(started) == before


def test_several_components_may_have_the_same_text(tmp_path: Path) -> None:
    text = HEAD + "Source0: a.tar.gz\n"
    specs = [SpecText(path=path, text=text) for path in ("one.spec", "two.spec")]
    with SpecReader(cache=tmp_path / "cache") as reader:
        reader.start_reading([text], {}, "x86_64")
        first, second = reader.read(specs, {}, "x86_64")
    assert isinstance(first, SpecInfo) and first == second and first.sources[0].file == "a.tar.gz"


def test_specs_given_for_another_target_are_read_again(tmp_path: Path) -> None:
    with SpecReader(cache=tmp_path / "cache") as reader:
        reader.start_reading([HEAD], {"dist": ".x"}, "x86_64")
        (answer,) = reader.read([SpecText(path="one.spec", text=HEAD)], {"dist": ".y"}, "x86_64")
    assert isinstance(answer, SpecInfo) and answer.release == "3.y"


def test_an_endless_macro_given_in_advance_affects_only_its_own_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = f"{BOMB}Name: %a\nVersion: 1\nRelease: 1\n"
    monkeypatch.setattr(reader_module, "SPEC_CPU_SECONDS", 1)
    texts = [HEAD, bomb, HEAD.replace("focus", "other")]
    with SpecReader(cache=tmp_path / "cache") as reader:
        for text in texts:
            reader.start_reading([text], {}, "x86_64")
        found = reader.read([SpecText(path=f"{n}.spec", text=t) for n, t in enumerate(texts)], {}, "x86_64")
    assert [type(result) for result in found] == [SpecInfo, InputError, SpecInfo]
    assert str(found[1]).startswith("1.spec cannot be parsed")


def test_a_child_may_wait_longer_for_a_text_than_it_may_read_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "SPEC_CPU_SECONDS", 0.3)  # and so 1.8 by the clock
    with SpecReader(cache=tmp_path / "cache") as reader:
        reader.start_reading([HEAD], {}, "x86_64")
        time.sleep(2.2)
        reader.start_reading([HEAD.replace("focus", "other")], {}, "x86_64")
        prestarted = reader._prestarted
        assert prestarted is not None
        assert len(prestarted.read_answers({}, "x86_64")) == 2


def test_an_unused_child_is_killed(tmp_path: Path, started: list[process.ChildProcess]) -> None:
    with SpecReader(cache=tmp_path / "cache"):
        pass
    assert [child.returncode for child in started] == [-signal.SIGKILL]


def test_macros_of_the_user_have_no_effect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".rpmmacros").write_text("%dist .evil\n%version 6\n%name evil\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read(HEAD).release == "3"


@given(st.binary(max_size=200))
def test_any_bytes_survive_as_text(data: bytes) -> None:
    assert encode_spec(decode_spec(data)) == data


@given(
    st.lists(
        st.one_of(
            st.text(max_size=20),
            st.sampled_from(
                [
                    "%if 1",
                    "%else",
                    "%endif",
                    "%{",
                    "%(",
                    "%{lua:",
                    "%define x",
                    "%package",
                    "Name: x",
                    "\udcff",
                ]
            ),
        )
    )
)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=40)
def test_any_text_is_parsed_or_refused(lines: list[str]) -> None:
    (answer,) = answers("\n".join(lines))
    assert isinstance(answer, (SpecInfo, UnknownSpec, InputError))
