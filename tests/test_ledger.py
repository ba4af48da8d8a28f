"""The ledger survives kills, garbage and threads; what it cannot read is work to be done again, never an error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from altai_build.errors import InputError
from altai_build.ledger import Artefact, ComponentOutcome, Ledger, Record, read_outcomes, write_outcomes
from altai_build.tools.sealed_json import dump_sealed, load_sealed
from tests.kit.cli import ROOT


def record(key: str, *, kind: str = "build", component: str = "focus", seconds: float = 1.5) -> Record:
    return Record(
        kind=kind,
        key=key,
        component=component,
        commit="a" * 40,
        inputs=(("tool", "1"), ("name with\nbreak é\udcff", "value")),
        artefacts=(Artefact(file="x.rpm", sha256="b" * 64, size=7),),
        seconds=seconds,
        nevra="focus-1.0-1.src",
    )


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "deep" / "ledger.jsonl")
    assert ledger.find("build", "one") is None and ledger.latest("build", "focus") is None
    ledger.append(record("one"))
    ledger.append(record("two", seconds=3.0))
    ledger.append(record("two", kind="srpm"))
    for one in (ledger, Ledger(ledger.path)):
        assert one.find("build", "one") == record("one")
        assert one.latest("build", "focus") == record("two", seconds=3.0)
        assert one.find("srpm", "one") is None and one.find("srpm", "two") == record("two", kind="srpm")


def test_the_newest_record_of_a_key_counts(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append(record("one", seconds=1.0))
    ledger.append(record("one", seconds=2.0))
    assert (
        ledger.find("build", "one") == Ledger(ledger.path).find("build", "one") == record("one", seconds=2.0)
    )


def test_half_a_line_costs_that_line_only(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    Ledger(path).append(record("one"))
    Ledger(path).append(record("two"))
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for length in range(first, len(whole)):
        path.write_bytes(whole[:length])
        ledger = Ledger(path)
        assert ledger.find("build", "one") == record("one")
        # All but the line's end may be there; then the record is whole.
        assert (ledger.find("build", "two") is not None) == (length == len(whole) - 1)
        ledger.append(record("three"))
        again = Ledger(path)
        assert again.find("build", "one") and again.find("build", "three") == record("three")


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from([b"{}", b"[]", b"null", b'{"kind": 1}', b"\xff", b"[" * 100_000]),
        )
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_garbage_between_records_is_passed_over(tmp_path: Path, garbage: list[bytes]) -> None:
    path = tmp_path / "ledger.jsonl"
    path.unlink(missing_ok=True)
    Ledger(path).append(record("one"))
    with open(path, "ab") as stream:
        stream.write(b"\n".join(garbage))
    Ledger(path).append(record("two"))
    ledger = Ledger(path)
    assert ledger.find("build", "one") == record("one") and ledger.find("build", "two") == record("two")


@pytest.mark.parametrize("field", ["kind", "key", "artefacts", "inputs", "seconds"])
@pytest.mark.parametrize(
    "value",
    [None, 5, "x", [], {"a": 1}, [[1]], float("nan"), [{"file": "x", "sha256": "y", "size": float("inf")}]],
)
def test_records_of_another_shape_never_stop_a_run(tmp_path: Path, field: str, value: object) -> None:
    path = tmp_path / "ledger.jsonl"
    Ledger(path).append(record("one"))
    tree = load_sealed(path.read_bytes().rstrip())
    assert tree is not None
    path.write_bytes(dump_sealed({**tree, field: value}) + b"\n")
    Ledger(path).find("build", "one")


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1.0])
def test_a_time_that_no_build_takes_does_not_count(tmp_path: Path, seconds: float) -> None:
    path = tmp_path / "ledger.jsonl"
    Ledger(path).append(record("one"))
    Ledger(path).append(record("two", seconds=seconds))
    assert Ledger(path).latest("build", "focus") == record("one")


def outcome(**settings: Any) -> ComponentOutcome:
    return ComponentOutcome(
        **{"component": "focus", "commit": "a", "status": "built", "reason": "", "key": "k", **settings}
    )


def test_outcomes_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.json"
    write_outcomes(path, [outcome(time=1), outcome(component="nova", time=1)])
    write_outcomes(path, [outcome(time=2, before="k")])
    assert read_outcomes(path) == {
        "focus": outcome(time=2, before="k"),
        "nova": outcome(component="nova", time=1),
    }


@pytest.mark.parametrize(
    "document",
    [{"x": 1}, {"outcomes": None}, {"outcomes": [1]}, {"outcomes": [{}]}, {"outcomes": [{"component": "x", "commit": "",
    "status": "", "reason": "", "key": "", "time": "soon"}]}],
)  # fmt: skip
def test_outcomes_of_another_form_are_none(tmp_path: Path, document: dict[str, object]) -> None:
    path = tmp_path / "outcomes.json"
    path.write_bytes(dump_sealed(document))
    assert read_outcomes(path) == {}


def test_records_and_outcomes_with_a_changed_character_are_none(tmp_path: Path) -> None:
    """Whatever bit of it flips: a wrong digest of a buildroot or package must never reach a release."""
    path, outcomes = tmp_path / "ledger.jsonl", tmp_path / "outcomes.json"
    Ledger(path).append(record("one"), record("two"), record("three"))
    write_outcomes(outcomes, [outcome(time=1)])
    lines, whole = path.read_bytes().split(b"\n"), outcomes.read_bytes()
    for place in range(len(lines[1])):
        path.write_bytes(b"\n".join((lines[0], flip(lines[1], place), lines[2], b"")))
        ledger = Ledger(path)
        assert ledger.all("build") == (record("one"), record("three")), place
    for place in range(len(whole)):
        outcomes.write_bytes(flip(whole, place))
        assert read_outcomes(outcomes) == {}


def flip(data: bytes, place: int) -> bytes:
    """The data with the lowest bit of one byte changed: a digit becomes another digit."""
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_a_compacted_ledger_has_what_is_kept_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    for key in ("one", "two", "three", "one"):
        ledger.append(record(key))
    with open(path, "ab") as stream:
        stream.write(b"junk")
    ledger = Ledger(path)
    ledger.compact(lambda one: one.key != "two")
    for again in (ledger, Ledger(path)):
        assert [one.key for one in again.all("build")] == ["three", "one"]
        assert again.latest("build", "focus") == record("one") and again.find("build", "two") is None
    assert path.read_bytes().count(b"\n") == 2
    ledger.append(record("four"))
    assert Ledger(path).latest("build", "focus") == record("four")
    before = path.stat().st_ino
    ledger.compact(lambda one: True)
    assert path.stat().st_ino == before


def test_threads_and_processes_append_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    script = (
        "import sys; from pathlib import Path; from tests.test_ledger import append_many; "
        "append_many(Path(sys.argv[1]), sys.argv[2])"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", script, str(path), name], cwd=ROOT, stdin=subprocess.DEVNULL)
        for name in ("a", "b")
    ]
    append_many(path, "c")
    assert [child.wait() for child in children] == [0, 0]
    ledger = Ledger(path)
    expected = {f"{name}{thread}-{number}" for name in "abc" for thread in range(4) for number in range(5)}
    assert {key for key in expected if ledger.find("build", key)} == expected
    assert len(path.read_bytes().splitlines()) == len(expected)


def append_many(path: Path, name: str) -> None:
    """Append twenty records from four threads through one ledger."""
    ledger = Ledger(path)

    def work(thread: int) -> None:
        for number in range(5):
            ledger.append(record(f"{name}{thread}-{number}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_killed_writer_leaves_a_readable_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    script = (
        "import itertools, sys; from pathlib import Path; from tests.test_ledger import record; "
        "from altai_build.ledger import Ledger; ledger = Ledger(Path(sys.argv[1])); "
        "[ledger.append(record(str(number))) for number in itertools.count()]"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(path)], cwd=ROOT, stdin=subprocess.DEVNULL)
    while not path.exists() or path.stat().st_size < 20_000:
        assert child.poll() is None
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    done = len(path.read_bytes().split(b"\n")) - 1
    ledger = Ledger(path)
    assert all(ledger.find("build", str(number)) for number in range(done))
    ledger.append(record("after"))
    assert Ledger(path).find("build", "after")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write to"):
        Ledger(tmp_path / "file" / "ledger.jsonl").append(record("one"))
