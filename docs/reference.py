"""Writes the parts of the pages that come from code; a test compares them. After a change there run this file.

They stand between two comments in the pages, so that they are read without building the pages, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from altai_build.config import component_keys, package_keys, release_keys
from altai_build.config.definition_keys import DEFINITION
from altai_build.config.key_description import KeyDescription, Section
from altai_build.model.doctor_checks import CHECK_DESCRIPTIONS
from altai_build.model.rule_description import RuleDescription
from altai_build.model.upgrade_rules import UPGRADE_RULES
from altai_build.model.verify_rules import OTHER_VERIFY_RULES, RELEASE_RULES

DOCS = Path(__file__).resolve().parent
_PART = re.compile(r"(<!-- from code: (\S+) -->\n).*?(<!-- end -->\n)", re.DOTALL)


def list_rules() -> Iterator[str]:
    """The page of rules."""
    for title, rules in (
        ("Rules of `verify` and `release`", RELEASE_RULES),
        ("Rules of options of `verify`, of approvals and waivers", OTHER_VERIFY_RULES),
        ("Rules of `upgrade-check`", UPGRADE_RULES),
    ):
        yield f"## {title}\n"
        for rule in rules:
            yield from _describe_rule(rule)


def _describe_rule(rule: RuleDescription) -> Iterator[str]:
    others = f"; {rule.other_severities}" if rule.other_severities else ""
    yield f"### `{rule.id}`\n"
    yield f"- **Checks:** {rule.checks}."
    yield f"- **Reason:** {rule.reason}."
    yield f"- **Severity:** {rule.severity.value}{others}."
    yield f"- **Fix:** {rule.fix}."
    yield f"- **Source:** {rule.source}."
    commands = ", ".join(f"`{command}`" for command in rule.commands)
    yield f"- **Applied by:** {commands}; subject as in `{rule.subject}`.\n"


def list_checks() -> Iterator[str]:
    """The checks of `doctor`."""
    for check in CHECK_DESCRIPTIONS:
        yield f"### Check: {check.kind}\n\n- **Needs:** {check.checks}.\n- **What to do:** {check.fix}.\n"


def list_sections() -> Iterator[str]:
    """The keys at the top of repos.yaml."""
    yield "| key | takes | meaning | read by |\n|---|---|---|---|"
    for key in DEFINITION.keys:
        required = " (required)" if key.needed else ""
        yield f"| `{key.name}`{required} | {key.form.label} | {key.meaning} | {key.read_by} |"


def list_keys(section: Section, *path: str, is_list: bool = False) -> Iterator[str]:
    """The keys of a section as a table, and an example of it, below the keys of `path`."""
    yield "| key | takes | default | meaning |\n|---|---|---|---|"
    for key in section.keys:
        required = " (required)" if key.needed else ""
        yield f"| `{key.name}`{required} | {key.form.label} | {_describe_default(key)} | {key.meaning} |"
    example: Any = [section.example()] if is_list else section.example()
    yield from _show_example(example, path)


def list_repository_keys() -> Iterator[str]:
    """The keys of repositories: which kinds have them."""
    kinds: dict[str, dict[str, KeyDescription]] = {}
    for kind, section in package_keys.REPOSITORIES.items():
        for key in section.keys:
            kinds.setdefault(key.name, {})[kind] = key
    yield "| key | for | takes | default | meaning |\n|---|---|---|---|---|"
    for name, keys in kinds.items():
        described = list(keys.values())
        where = "all" if len(keys) == len(package_keys.REPOSITORIES) else ", ".join(keys)
        labels = " or ".join(dict.fromkeys(key.form.label for key in described))
        default = _describe_default(described[0])
        required = " (required)" if described[0].needed else ""
        yield f"| `{name}`{required} | {where} | {labels} | {default} | {described[0].meaning} |"
    names = ("centos6", "deps/misc", "deps/epel")
    examples = {name: section.example() for name, section in zip(names, package_keys.REPOSITORIES.values())}
    yield from _show_example(examples, ("repositories",))


def _describe_default(key: KeyDescription) -> str:
    if key.default is None:
        return key.usual
    if key.default in ([], {}):
        return "none"
    return (
        f"`{key.default if isinstance(key.default, str) else json.dumps(key.default).replace(chr(34), '')}`"
    )


def _show_example(example: Any, path: tuple[str, ...]) -> Iterator[str]:
    for name in reversed(path):
        example = {name: example}
    text = yaml.safe_dump(example, sort_keys=False, allow_unicode=True, width=100)
    # A day has no quotes, as people write it.
    text = re.sub(r"'(\d{4}-\d\d-\d\d)'", r"\1", text)
    yield f"\n```yaml\n{text}```\n"


_REPOS_YAML: Mapping[str, Callable[[], Iterator[str]]] = {
    "sections": list_sections,
    "superproject": partial(list_keys, package_keys.SUPERPROJECT, "superproject"),
    "targets": partial(list_keys, package_keys.TARGET, "targets", "centos6"),
    "base": partial(list_keys, package_keys.BASE_REPOSITORY, "targets", "centos6", "base", is_list=True),
    "keys": partial(list_keys, package_keys.KEY, "keys", "altai-2027"),
    "repositories": list_repository_keys,
    "components": partial(list_keys, component_keys.COMPONENT, "components", "nova"),
    "bootstrap": partial(list_keys, component_keys.BOOTSTRAP, "components", "nova", "bootstrap"),
    "test": partial(list_keys, component_keys.TEST, "components", "nova", "test"),
    "coverage": partial(list_keys, component_keys.COVERAGE, "test", "coverage"),
    "release": partial(list_keys, release_keys.RELEASE, "release"),
    "approvals": partial(list_keys, release_keys.APPROVALS, "release", "approvals"),
    "build": partial(list_keys, release_keys.BUILD, "build"),
    "limits": partial(list_keys, release_keys.LIMITS, "build", "limits"),
    "verify": partial(list_keys, release_keys.VERIFY, "verify"),
    "waivers": partial(list_keys, release_keys.WAIVER, "waivers", is_list=True),
    "ci": partial(list_keys, release_keys.CI, "ci"),
    "dask": partial(list_keys, release_keys.CLUSTER, "dask"),
    "security": partial(list_keys, release_keys.CLUSTER_SECURITY, "dask", "security"),
    "allow_downgrades": partial(list_keys, release_keys.DOWNGRADE, "allow_downgrades", is_list=True),
}
# Page → the parts of it that come from code, by name.
PARTS: Mapping[str, Mapping[str, Callable[[], Iterator[str]]]] = {
    "rules.md": {"rules": list_rules},
    "troubleshooting.md": {"checks": list_checks},
    "repos-yaml.md": _REPOS_YAML,
}
SCHEMA = DOCS.parent / "altai_build" / "schemas" / "repos.yaml.json"


def fill_page(name: str) -> str:
    """The text of a page with its parts as the code has them. Raises KeyError for a part that nothing writes."""

    def fill(part: re.Match[str]) -> str:
        return part[1] + "".join(f"{line}\n" for line in PARTS[name][part[2]]()) + part[3]

    text, count = _PART.subn(fill, (DOCS / name).read_text(encoding="utf-8"))
    if count != len(PARTS[name]):
        raise KeyError(f"{name} has {count} parts from code, and not {', '.join(PARTS[name])}")
    return text


def make_definition_schema() -> dict[str, Any]:
    """The JSON Schema of repos.yaml: keys, kinds of values and which of them must be given.

    What depends on several keys, such as a name that another section must define, only `load_config` checks.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "repos.yaml, the release definition of altai-build",
        **DEFINITION.to_schema(),
    }


def format_schema() -> str:
    """The JSON Schema of repos.yaml, as the package has it."""
    return f"{json.dumps(make_definition_schema(), indent=2, ensure_ascii=False)}\n"


if __name__ == "__main__":
    SCHEMA.write_text(format_schema(), encoding="utf-8")
    for page in PARTS:
        (DOCS / page).write_text(fill_page(page), encoding="utf-8")
