"""Every key of repos.yaml is described, read, and in the JSON Schema; examples load, defaults are as described."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from reference import make_definition_schema

from altai_build.config import load_config
from altai_build.config.component_keys import BOOTSTRAP, COMMON_TEST, COMPONENT, COVERAGE, TEST
from altai_build.config.definition_keys import DEFINITION
from altai_build.config.key_description import KeyDescription, Section
from altai_build.config.package_keys import BASE_REPOSITORY, KEY, REPOSITORIES, SUPERPROJECT, TARGET
from altai_build.config.release_keys import (
    APPROVALS,
    BUILD,
    CI,
    CLUSTER,
    CLUSTER_SECURITY,
    DOWNGRADE,
    LIMITS,
    RELEASE,
    VERIFY,
    WAIVER,
)
from altai_build.config.yaml_reader import YamlNode
from altai_build.errors import InputError

# Where each section stands in the example.
PLACES: dict[tuple[str | int, ...], Section] = {
    (): DEFINITION,
    ("superproject",): SUPERPROJECT,
    ("targets", "centos6"): TARGET,
    ("targets", "centos6", "base", 0): BASE_REPOSITORY,
    ("keys", "altai-2027"): KEY,
    **{("repositories", kind): section for kind, section in REPOSITORIES.items()},
    ("components", "nova"): COMPONENT,
    ("components", "nova", "bootstrap"): BOOTSTRAP,
    ("components", "nova", "test"): TEST,
    ("components", "nova", "test", "coverage"): COVERAGE,
    ("test",): COMMON_TEST,
    ("release",): RELEASE,
    ("release", "approvals"): APPROVALS,
    ("build",): BUILD,
    ("build", "limits"): LIMITS,
    ("verify",): VERIFY,
    ("waivers", 0): WAIVER,
    ("allow_downgrades", 0): DOWNGRADE,
    ("ci",): CI,
    ("dask",): CLUSTER,
    ("dask", "security"): CLUSTER_SECURITY,
}
# Keys without an example beside those that have one: they exclude each other.
OTHERS: dict[str, Any] = {
    "mirrorlist": "https://mirrors.example.org/list",
    "metalink": "https://mirrors.example.org/metalink",
    "channel": "stable",
    "skip": "needs a database",
}
VALIDATOR = Draft202012Validator(make_definition_schema())


def make_example() -> dict[str, Any]:
    """A definition with every key that has an example."""
    keys = {name: {"file": f"keys/{name}", "signs": True} for name in ("altai", "centos6")}
    example = {
        **DEFINITION.example(),
        "superproject": SUPERPROJECT.example(),
        "targets": {"centos6": {**TARGET.example(), "base": [BASE_REPOSITORY.example()]}},
        "keys": {**keys, "altai-2027": KEY.example()},
        # The packages of components are in `centos6`.
        "repositories": {
            **{kind: section.example() for kind, section in REPOSITORIES.items()},
            "centos6": {"source": "superproject", "target": "centos6", "key": "altai"},
        },
        "components": {"nova": COMPONENT.example()},
        "build": BUILD.example(),
        "release": RELEASE.example(),
        "verify": VERIFY.example(),
        "waivers": [WAIVER.example()],
        "allow_downgrades": [DOWNGRADE.example()],
        "ci": CI.example(),
        "dask": CLUSTER.example(),
        "test": COMMON_TEST.example(),
    }
    return deepcopy(example)


def find(tree: Any, place: tuple[str | int, ...]) -> Any:
    """What stands at a place of a tree."""
    for name in place:
        tree = tree[name]
    return tree


def load(folder: Path, tree: Any) -> Any:
    """The configuration, or the lines of its errors."""
    path = folder / "repos.yaml"
    path.write_text(yaml.safe_dump(tree))
    try:
        return load_config(path)
    except InputError as error:
        return error.why.splitlines()


def list_keys() -> Iterator[tuple[tuple[str | int, ...], Section, KeyDescription]]:
    """Every key with its section and place."""
    return ((place, section, key) for place, section in PLACES.items() for key in section.keys)


def refuses(tree: Any) -> bool:
    """True where the JSON Schema refuses a definition."""
    return next(VALIDATOR.iter_errors(tree), None) is not None


def test_the_examples_are_one_definition_that_loads_and_has_the_form_of_the_schema(tmp_path: Path) -> None:
    Draft202012Validator.check_schema(make_definition_schema())
    assert not isinstance(load(tmp_path, make_example()), list), load(tmp_path, make_example())
    assert [error.message for error in VALIDATOR.iter_errors(make_example())] == []


def test_every_key_is_read_and_no_other_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: dict[str, set[str]] = defaultdict(set)
    get_child, has_key = YamlNode.get_child, YamlNode.has_key

    def record_child(node: YamlNode, key: str) -> YamlNode:
        read[node.key_path].add(key)
        return get_child(node, key)

    def record_key(node: YamlNode, key: str) -> bool:
        read[node.key_path].add(key)
        return has_key(node, key)

    monkeypatch.setattr(YamlNode, "get_child", record_child)
    monkeypatch.setattr(YamlNode, "has_key", record_key)
    tree = make_example()
    # The URLs exclude each other; the first is read of each kind.
    for kind, name in (("metalink", "a"), ("mirrorlist", "b")):
        mirror = {**REPOSITORIES["mirror"].example(), kind: OTHERS[kind]}
        del mirror["url"]
        tree["repositories"][name] = mirror
        base = tree["targets"]["centos6"]["base"]
        base.append({"name": name, "key": "centos6", kind: OTHERS[kind]})
    assert not isinstance(load(tmp_path, tree), list)
    sections: dict[str, set[str]] = defaultdict(set)
    for place, section in PLACES.items():
        sections[re.sub(r"\.(\d+)", r"[\1]", ".".join(map(str, place)))] |= set(section.names)
    # Some keys are read of repositories of every kind, which have none of them.
    every = {name for section in REPOSITORIES.values() for name in section.names}
    for path, names in sections.items():
        allowed = every if path.startswith("repositories.") else TEST.names if path == "test" else names
        assert names <= read[path] <= set(allowed), path


@pytest.mark.parametrize(
    ("place", "key"),
    [pytest.param(place, key, id=".".join(map(str, (*place, key.name)))) for place, _, key in list_keys()],
)
def test_a_key_can_be_left_out_as_described(
    tmp_path: Path, place: tuple[str | int, ...], key: KeyDescription
) -> None:
    assert key.needed == (key.default is None and not key.usual) or key.name in (
        "url",
        "mirrorlist",
        "metalink",
    )
    without = make_example()
    if find(without, place).pop(key.name, None) is None:
        assert key.name in OTHERS and key.default is None
        return
    loaded = load(tmp_path, without)
    if key.needed:
        assert isinstance(loaded, list) and refuses(without)
        assert any(repr(key.name) in line for line in loaded)
    elif key.default is not None and not isinstance(loaded, list):
        given = make_example()
        find(given, place)[key.name] = key.default
        assert loaded == load(tmp_path, given)
    assert refuses(without) == (key.needed or key.name == "url")


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)) or "top")
def test_an_unknown_key_and_a_value_of_another_kind_are_refused(
    tmp_path: Path, place: tuple[str | int, ...]
) -> None:
    unknown = make_example()
    find(unknown, place)["colour"] = "red"
    assert refuses(unknown) and isinstance(load(tmp_path, unknown), list)
    for key in PLACES[place].keys:
        wrong = make_example()
        # No key takes a list of lists.
        find(wrong, place)[key.name] = [[[]]]
        assert refuses(wrong), key.name
        assert isinstance(load(tmp_path, wrong), list), key.name
