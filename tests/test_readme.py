"""README and docs: links have a target, the example definition loads, every verb is listed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from altai_build.cli.main import VERBS
from altai_build.config import load_config

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", "CHANGELOG.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("name", PAGES)
def test_links_have_a_target(name: str) -> None:
    page = ROOT / name
    links = re.findall(r"\]\(([^)#\s]+)(#[^)]*)?\)", page.read_text(encoding="utf-8"))
    broken = [link for link, _ in links if "://" not in link and not (page.parent / link).exists()]
    assert broken == []


def test_the_readme_names_every_verb_and_no_other() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.split("## Commands")[1].split("##")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`([a-z-]+)`", "".join(rows))) == sorted(VERBS)


def test_the_readmes_definition_loads(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert found
    file = tmp_path / "repos.yaml"
    file.write_text(re.sub(r"^   ", "", found[1], flags=re.MULTILINE))
    places = tmp_path / "mock-configs"
    places.mkdir()
    (places / "altai-centos6-x86_64.cfg").write_bytes(
        (ROOT / "mock-configs" / "altai-centos6-x86_64.cfg").read_bytes()
    )
    assert load_config(file).project == "altai"
