"""Play every attack against dnf, zypper and `verify`, and write what they do about it into docs/security.md."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.kit.attack_clients import DnfClient, PackageClient, VerifyClient, ZypperClient
from tests.kit.attack_server import hostile_server
from tests.kit.attacks import ATTACKS, attack_world
from tests.kit.cli import ROOT
from tests.kit.releases import make_materials

DOCUMENT = ROOT / "docs" / "security.md"
START, END = "<!-- scripts/attack-clients writes this table -->\n", "<!-- end of the table -->\n"
COLUMNS = ("dnf", "dnf, channel", "zypper", "zypper, channel", "verify")


def format_table(cells: Mapping[str, Sequence[str]]) -> str:
    """The table in Markdown: attack → a cell for each client."""
    rows = [("attack", *COLUMNS), ("---",) * (len(COLUMNS) + 1)]
    rows += [(name, *texts) for name, texts in cells.items()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def read_table(text: str) -> dict[str, list[str]]:
    """The table in a document: attack → its cells."""
    table = text.partition(START)[2].partition(END)[0]
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines()]
    return {row[0]: row[1:] for row in rows[2:]}


def write_table(document: Path, cells: Mapping[str, Sequence[str]]) -> None:
    """Replace the table in a document."""
    before, _, rest = document.read_text().partition(START)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{START}{format_table(cells)}{END}{after}")


def main() -> int:
    """Play the attacks; 1 when a client does something that nobody has described."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table into docs/security.md")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="only the attacks with TEXT in their names"
    )
    arguments = parser.parse_args()
    missing = [program for program in ("dnf", "zypper") if shutil.which(program) is None]
    if missing:
        print(f"not installed: {', '.join(missing)} (apt-get install {' '.join(missing)})", file=sys.stderr)
        return 4
    attacks = [attack for attack in ATTACKS if arguments.only in attack.name]
    if not attacks or (arguments.write and arguments.only):
        parser.error("no attack has this in its name, or the table would not have all of them")
    cells: dict[str, list[str]] = {}
    errors = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="attacks.")))
        url, hostility = stack.enter_context(hostile_server())
        materials = make_materials(folder / "materials")
        world = stack.enter_context(attack_world(folder, materials, url, hostility))
        clients: list[PackageClient | VerifyClient] = [
            kind(folder / f"{kind.program}-{is_channel}", world, is_channel=is_channel)
            for kind in (DnfClient, ZypperClient)
            for is_channel in (False, True)
        ]
        clients.append(VerifyClient(folder / "verify", world))
        assert tuple(client.name for client in clients) == COLUMNS
        for attack in attacks:
            texts = []
            for client in clients:
                try:
                    texts.append(client.meet(attack).text)
                except AssertionError as error:
                    errors.append(str(error))
                    texts.append("")
                print(f"{attack.name} | {client.name} | {texts[-1]}", flush=True)
            cells[attack.name] = texts
    for version in ("dnf", "zypper"):
        subprocess.run([version, "--version"], stdin=subprocess.DEVNULL, check=True)
    for text in errors:
        print(text, file=sys.stderr)
    if arguments.write and not errors:
        write_table(DOCUMENT, cells)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
