"""README and docs: links have a target, complete definitions load, every verb is listed."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from reference import make_definition_schema

from altai_build.cli.main import VERBS
from altai_build.config import Config, load_config
from altai_build.config.definition_keys import DEFINITION
from altai_build.config.schema import SourceKind
from altai_build.model.distribution import find_distribution

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


def find_definitions(name: str) -> list[str]:
    """The complete definitions of a page: the blocks of YAML that begin with `project:`."""
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = re.findall(r"^ *```yaml\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [block for block in map(textwrap.dedent, blocks) if block.startswith("project:")]


def find_parts(name: str) -> list[object]:
    """The blocks of YAML in a page that are a definition, or some of its sections."""
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = re.findall(r"^ *```yaml\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    trees = [yaml.load(textwrap.dedent(block), yaml.BaseLoader) for block in blocks]
    return [
        yaml.safe_load(textwrap.dedent(block))
        for block, tree in zip(blocks, trees)
        if isinstance(tree, dict) and set(tree) <= set(DEFINITION.names)
    ]


DEFINITIONS = [(name, number) for name in PAGES for number in range(len(find_definitions(name)))]


def load_definition(name: str, number: int, folder: Path) -> Config:
    file = folder / "repos.yaml"
    file.write_text(find_definitions(name)[number])
    return load_config(file)


def test_the_pages_have_definitions() -> None:
    assert {name for name, _ in DEFINITIONS} == {"README.md", "docs/own-superproject.md"}


@pytest.mark.parametrize(("name", "number"), DEFINITIONS)
def test_definitions_load(name: str, number: int, tmp_path: Path) -> None:
    assert load_definition(name, number, tmp_path).project == "altai"


def without_required(schema: Any) -> Any:
    """A schema that takes a definition of which parts are left out."""
    if isinstance(schema, list):
        return [without_required(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    # Which URL is given, too; kinds of repositories differ by more.
    is_choice_of_keys = all(set(part) == {"required"} for part in schema.get("oneOf", ()))
    left_out = {"required", "oneOf"} if is_choice_of_keys else {"required"}
    return {key: without_required(part) for key, part in schema.items() if key not in left_out}


def list_schema_errors(tree: object, schema: object) -> list[tuple[str, str]]:
    # An editor takes a day for text.
    document = json.loads(json.dumps(tree, default=str))
    found = Draft202012Validator(schema).iter_errors(document)
    return [(error.json_path, error.message) for error in found]


# The blocks of docs/ci.md are pipelines of servers.
@pytest.mark.parametrize("name", [name for name in PAGES if name != "docs/ci.md"])
def test_parts_of_definitions_have_the_form_that_an_editor_checks(name: str) -> None:
    schema = without_required(make_definition_schema())
    assert [list_schema_errors(part, schema) for part in find_parts(name)] == [[] for _ in find_parts(name)]


def test_definitions_have_the_form_that_an_editor_checks() -> None:
    texts = [block for name in PAGES for block in find_definitions(name)]
    texts += [
        (ROOT / path).read_text(encoding="utf-8")
        for path in ("repos.yaml", "scripts/sample/superproject/repos.yaml")
    ]
    assert len(texts) > 6
    for text in texts:
        # The sample's is filled in when it is made.
        tree = yaml.safe_load(text.replace("@BASEURL@", "https://repo.example.org/altai"))
        assert list_schema_errors(tree, make_definition_schema()) == []


@pytest.mark.parametrize(("name", "number"), [one for one in DEFINITIONS if one[0] != "README.md"])
def test_definitions_are_those_that_init_writes(name: str, number: int, tmp_path: Path) -> None:
    config = load_definition(name, number, tmp_path)
    (target,) = config.targets.values()
    distribution = find_distribution(target.name)
    assert distribution is not None
    assert target.mock_config == f"altai-{target.name}-{target.arch}"
    assert dict(target.macros) == dict(distribution.macros)

    def at_target(url: str) -> str:
        return url.replace("$basearch", target.arch)

    assert [(one.name, one.url, one.key) for one in target.base] == [
        (one.name, at_target(one.url), one.key) for one in distribution.base
    ]
    mirrors = [one for one in config.repositories.values() if one.source is SourceKind.MIRROR]
    assert {(one.name, one.url, one.key) for one in mirrors} == {
        (one.mirror, at_target(one.url), one.key) for one in distribution.more if one.mirror
    }
    assert {(key.name, key.file.name) for key in config.keys.values() if not key.is_signing_key} == {
        (key.name, key.file) for key in distribution.keys
    }
