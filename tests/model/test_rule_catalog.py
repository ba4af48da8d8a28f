"""The catalog of rules has every rule that the code has findings of, with every severity that these can have."""

from __future__ import annotations

import ast
import functools
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import altai_build
from altai_build.model import verify_rules
from altai_build.model.findings import Severity
from altai_build.model.rule_catalog import RULE_DESCRIPTIONS
from altai_build.model.upgrade_rules import UPGRADE_RULES
from altai_build.model.verify_rules import OTHER_VERIFY_RULES, RELEASE_RULES
from altai_build.rules.registry import RULES

PACKAGE = Path(altai_build.__file__).parent
# What makes findings of several rules: the rule is its first argument.
MAKERS = ("make_finding", "_make_finding", "_add_finding")
MODULES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for folder in ("rules", "stages", "pipeline/published", "model")
    for path in (PACKAGE / folder).glob("*.py")
}


def resolve(value: ast.expr) -> str | None:
    """The rule that an expression names: a text, or one of the constants of `model`; None for a variable."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value
    name = value.id if isinstance(value, ast.Name) else ""
    return getattr(verify_rules, name, None) if name.endswith("_RULE") else None


def list_severities(node: ast.AST) -> set[str]:
    """The severities that a piece of code names."""
    return {
        found.attr.lower()
        for found in ast.walk(node)
        if isinstance(found, ast.Attribute) and getattr(found.value, "id", "") == "Severity"
    }


@functools.cache
def find_made() -> tuple[tuple[str, set[str]], ...]:
    """Rule and severities at each place that makes findings of a rule that it names itself."""
    return tuple(_find_made())


def _find_made() -> Iterator[tuple[str, set[str]]]:
    for tree in MODULES.values():
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        for function in functions:
            for call in ast.walk(function):
                if not isinstance(call, ast.Call):
                    continue
                name = getattr(call.func, "id", getattr(call.func, "attr", ""))
                given = [key.value for key in call.keywords if key.arg in ("rule", "kind")]
                given += call.args[:1] if name in MAKERS else []
                for rule in filter(None, map(resolve, given)):
                    variable = any(
                        isinstance(node, ast.Name) and node.id == "severity" for node in ast.walk(call)
                    )
                    yield rule, list_severities(function if variable else call)


def test_every_rule_is_described_once() -> None:
    described = [rule.id for rule in (*RELEASE_RULES, *OTHER_VERIFY_RULES, *UPGRADE_RULES)]
    assert sorted(described) == sorted(RULE_DESCRIPTIONS)
    assert [rule.id for rule in RULES] == [rule.id for rule in RELEASE_RULES]


def test_the_code_has_findings_of_every_other_rule_and_of_no_rule_that_is_not_described() -> None:
    made = {rule for rule, _ in find_made() if rule in RULE_DESCRIPTIONS or "-" in rule}
    assert made - set(RULE_DESCRIPTIONS) == set()
    others = {rule.id for rule in (*OTHER_VERIFY_RULES, *UPGRADE_RULES)}
    assert others - made == set()


def test_the_severities_of_upgrade_rules_are_those_of_the_code() -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for rule, severities in find_made():
        found[rule] |= severities
    # One maker for both, which is given the kind.
    found["update"] = found["distro-sync"]
    described = {rule.id: {severity.value for severity in rule.severities} for rule in UPGRADE_RULES}
    assert {rule: found[rule] for rule in described} == described


def test_the_severities_of_rules_of_a_release_are_those_of_the_code() -> None:
    functions: dict[str, list[ast.FunctionDef]] = defaultdict(list)
    for module, tree in MODULES.items():
        if module.startswith("rules/") and module != "rules/upgrade":
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef):
                    functions[node.name].append(node)

    def reach(name: str, seen: set[str]) -> set[str]:
        found: set[str] = set()
        for function in functions.get(name, ()):
            if name in seen:
                continue
            seen.add(name)
            found |= list_severities(function)
            for node in ast.walk(function):
                found |= reach(getattr(node, "id", getattr(node, "attr", "")), seen)
        return found

    for rule, description in zip(RULES, RELEASE_RULES):
        # Nothing to examine is an error of every rule.
        named = reach(rule.check.__name__, set()) | {"error"}
        assert named == {severity.value for severity in (*description.severities, Severity.ERROR)}, rule.id
