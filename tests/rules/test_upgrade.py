"""What must be installed after an upgrade; the scenarios are tested with stages/upgrade.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.model.findings import Severity
from altai_build.model.nevra import Nevra, parse_nevra
from altai_build.model.upgrade import AllowedDowngrade, Side, UpgradePackage
from altai_build.rules.upgrade import (
    UpgradeEvaluator,
    UpgradePolicy,
    find_upgrade_target,
    get_newest_ids,
    select_newest_per_arch,
    suggest_epoch,
    summarize_problems,
)
from tests.kit.repositories import Package
from tests.kit.upgrades import make_pair, summarize


def nevra(text: str) -> Nevra:
    parsed = parse_nevra(text)
    assert parsed is not None
    return parsed


def package(number: int, text: str) -> UpgradePackage:
    return UpgradePackage(solver_id=number, nevra=nevra(text), side=Side.OLD, repository="r", vendor="v")


OLD, NEW, OTHER_ARCH = package(1, "a-1-1.noarch"), package(2, "a-1-10.noarch"), package(3, "a-1-10.x86_64")


def test_packages_that_vanish_are_reported(tmp_path: Path) -> None:
    solver = make_pair(
        tmp_path, old=[Package("a", "1"), Package("b", "1")], new=[Package("a", "2")]
    ).make_solver()
    machine = frozenset(package.solver_id for package in solver.packages(Side.OLD))
    evaluator = UpgradeEvaluator("1", "2", solver, UpgradePolicy(), frozenset())
    evaluator.scenario = "all"
    findings = list(evaluator.compare_machines(machine, frozenset()))
    assert summarize(findings) == {("error", "lost", "a"), ("error", "lost", "b")}
    assert {(finding.upgrade_from, finding.scenarios) for finding in findings} == {("1", ("all",))}


def test_a_downgrade_is_an_error_unless_repos_yaml_allows_it(tmp_path: Path) -> None:
    solver = make_pair(tmp_path, old=[Package("a", "2")], new=[Package("a", "1")]).make_solver()
    (installed,), (target,) = solver.packages(Side.OLD), solver.packages(Side.NEW)
    allowed = UpgradePolicy(allowed=(AllowedDowngrade(package="a", reason="2 loses data"),))
    error, note = (
        UpgradeEvaluator("1.0", "2.0", solver, policy, frozenset()).report_downgrade(installed, target)
        for policy in (UpgradePolicy(), allowed)
    )
    assert (error.severity, note.severity) == (Severity.ERROR, Severity.NOTE)
    assert error.message == "a-2-1.noarch stays installed: 2.0 has the older 1-1"
    assert note.message == f"{error.message}; allowed: 2 loses data"


def test_the_newest_is_decided_as_rpm_compares_versions() -> None:
    assert select_newest_per_arch([OLD, NEW, OTHER_ARCH]) == [NEW, OTHER_ARCH]
    assert get_newest_ids([OLD, NEW, OTHER_ARCH]) == [2, 3]


def test_a_package_is_updated_to_its_own_architecture_if_there_is_one() -> None:
    assert find_upgrade_target(OLD, [OLD, OTHER_ARCH, NEW]) == NEW
    assert find_upgrade_target(OLD, [OTHER_ARCH]) == OTHER_ARCH


@pytest.mark.parametrize(
    ("versions", "target", "epoch"),
    [
        (["a-2-1.noarch"], "a-1-1.noarch", 1),
        (["a-1:1-1.noarch"], "a-2-1.noarch", 1),
        (["a-4:3-2.noarch", "a-1-1.noarch"], "a-3-1.noarch", 5),
    ],
)
def test_the_suggested_epoch_is_the_lowest_that_is_enough(
    versions: list[str], target: str, epoch: int
) -> None:
    suggestion = suggest_epoch([nevra(version) for version in versions], nevra(target))
    assert suggestion == f"write `Epoch: {epoch}` in the spec of a"


def test_a_message_quotes_only_the_first_problems() -> None:
    assert summarize_problems(["a", "b", "c"]) == "a; b; c"
    assert summarize_problems(list("abcde")) == "a; b; c; and 2 more"
