"""The attack table of docs/security.md has every attack and no empty cell; cheap attacks give the same cells again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Require
from tests.kit.attack_clients import Cell, DnfClient, VerifyClient
from tests.kit.attack_server import hostile_server
from tests.kit.attack_table import COLUMNS, DOCUMENT, END, START, format_table, read_table, write_table
from tests.kit.attacks import ATTACKS, AttackWorld, attack_world
from tests.kit.client import ProgramResult
from tests.kit.releases import Materials

# What costs little, and is not checked elsewhere: mixed sections, a stolen key; keys that a server swaps. For dnf with
# whether it follows a channel.
BY_VERIFY = (
    "mix-and-match: sections of two releases",
    "key compromise: the release's key, a release made again",
)
BY_DNF = (
    ("key swapped, new machine with `gpgkey=file:`", False),
    ("mix-and-match: sections of two releases", True),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, materials: Materials) -> Iterator[AttackWorld]:
    folder = tmp_path_factory.mktemp("attacks")
    with hostile_server() as (url, hostility), attack_world(folder, materials, url, hostility) as world:
        yield world


def test_the_table_has_every_attack_and_no_empty_cell() -> None:
    table = read_table(DOCUMENT.read_text())
    assert list(table) == [attack.name for attack in ATTACKS]
    verdicts = ("refused: ", "found: ", "not prevented: ")
    wrong = [
        (name, cell)
        for name, cells in table.items()
        for cell in cells
        if not cell.startswith(verdicts) or cell.endswith(": ")
    ]
    assert wrong == [] and {len(cells) for cells in table.values()} == {len(COLUMNS)}


@pytest.mark.parametrize("name", BY_VERIFY)
def test_verify_does_what_the_table_says(name: str, world: AttackWorld, tmp_path: Path) -> None:
    (attack,) = (attack for attack in ATTACKS if attack.name == name)
    cell = VerifyClient(tmp_path / "verify", world).meet(attack)
    assert cell.text == read_table(DOCUMENT.read_text())[name][COLUMNS.index("verify")]


@pytest.mark.parametrize(("name", "is_channel"), BY_DNF)
def test_dnf_does_what_the_table_says(
    name: str, is_channel: bool, world: AttackWorld, tmp_path: Path, require: Require
) -> None:
    require(shutil.which("dnf") is not None and os.geteuid() == 0, "needs root and dnf")
    (attack,) = (attack for attack in ATTACKS if attack.name == name)
    client = DnfClient(tmp_path / "dnf", world, is_channel=is_channel)
    cells = read_table(DOCUMENT.read_text())[name]
    assert client.meet(attack).text == cells[COLUMNS.index(client.name)]


def test_an_answer_that_nobody_described_is_no_cell(world: AttackWorld, tmp_path: Path) -> None:
    client = DnfClient(tmp_path / "dnf", world, is_channel=False)
    silent, loud = ATTACKS[3], ATTACKS[0]
    world.serve(world.releases / "1.0.0")
    assert client.judge(silent, ProgramResult(0, ""), set(), set()).verdict == "not prevented"
    for answer in (ProgramResult(0, "Complete!"), ProgramResult(1, "something new")):
        with pytest.raises(AssertionError):
            client.judge(loud, answer, set(), set())
    with pytest.raises(AssertionError):
        client.judge(loud, ProgramResult(1, "Bad GPG signature"), {"app"}, set())
    assert client.judge(loud, ProgramResult(1, "Bad GPG signature"), set(), set()) == Cell(
        "refused", "signature of the index"
    )


def test_the_table_is_written_into_a_document(tmp_path: Path) -> None:
    document = tmp_path / "security.md"
    document.write_text(f"before\n{START}old\n{END}after\n")
    cells = {"one": ["a", "b", "c"], "two": ["d", "e", "f"]}
    write_table(document, cells)
    write_table(document, cells)
    text = document.read_text()
    assert text == f"before\n{START}{format_table(cells)}{END}after\n" and read_table(text) == cells
