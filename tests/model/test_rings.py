"""The script that chooses the ring of a machine: run by a real shell for many machines."""

from __future__ import annotations

import hashlib
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from altai_build.model.rings import format_ring_script, make_ring_variable

RINGS = (("early", 10), ("half", 50), ("stable", 100))


def choose(root: Path, shell: str = "sh") -> str:
    """Run the script for a machine; the ring that dnf and yum read."""
    script = format_ring_script("altai", RINGS)
    subprocess.run([shell, "-s", str(root)], input=script.encode(), check=True)
    texts = [(root / "etc" / name / "vars" / "altairing").read_text() for name in ("yum", "dnf")]
    assert texts[0] == texts[1] and texts[0].endswith("\n")
    return texts[0].strip()


def make_machine(root: Path, machine_id: str | None) -> Path:
    (root / "etc").mkdir(parents=True)
    if machine_id is not None:
        (root / "etc" / "machine-id").write_text(machine_id)
    return root


def expect(machine_id: str) -> str:
    number = int(hashlib.sha256(f"altai {machine_id}".encode()).hexdigest()[:7], 16) % 100
    return next(name for name, percent in RINGS if number < percent)


def test_the_name_of_the_variable() -> None:
    assert make_ring_variable("Altai-Cloud_2") == "altaicloud2ring"
    assert format_ring_script("altai", ()) == ""


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_machine_is_in_the_ring_of_its_id(tmp_path: Path, shell: str) -> None:
    ids = [hashlib.md5(str(number).encode()).hexdigest() for number in range(20)]
    rings = [choose(make_machine(tmp_path / each, f"{each}\n"), shell) for each in ids]
    assert rings == [expect(each) for each in ids]
    assert len(set(rings)) == 3


def test_the_rings_have_the_parts_that_they_should_have() -> None:
    ids = (hashlib.md5(str(number).encode()).hexdigest() for number in range(20_000))
    counts = Counter(map(expect, ids))
    assert 0.08 < counts["early"] / 20_000 < 0.12 and 0.38 < counts["half"] / 20_000 < 0.42


@pytest.mark.parametrize("machine_id", [None, "", "uninitialized\n", "$(touch /tmp/no) ; x\n"])
def test_a_machine_without_an_id_is_not_among_the_first(tmp_path: Path, machine_id: str | None) -> None:
    assert choose(make_machine(tmp_path / "root", machine_id)) == "stable"


def test_what_was_chosen_stays(tmp_path: Path) -> None:
    root = make_machine(tmp_path / "root", "0" * 32)
    place = root / "etc" / "dnf" / "vars" / "altairing"
    place.parent.mkdir(parents=True)
    place.write_text("special\n")
    assert choose(root) == "special"
    (root / "etc" / "machine-id").write_text("1" * 32)
    assert choose(root) == "special"
