"""The result of a CI job: its outcome in one word, and the command that installs its packages."""

from __future__ import annotations

import pytest

from altai_build.model.build import BuildResult
from altai_build.model.ci_result import CiResult, Installable, InstallCheck, TopicRepository
from altai_build.model.component_status import ComponentStatus


@pytest.mark.parametrize(
    ("statuses", "code", "outcome"),
    [
        ((), 0, "unchanged"),
        ((ComponentStatus.BUILT,), 0, "success"),
        ((ComponentStatus.BUILT, ComponentStatus.FAILED), 5, "failure"),
    ],
)
def test_the_outcome_is_one_word(statuses: tuple[ComponentStatus, ...], code: int, outcome: str) -> None:
    rows = tuple(
        BuildResult(component=str(number), commit="", status=status, reason="")
        for number, status in enumerate(statuses)
    )
    result = CiResult(commit="a", since="b", compared="", rows=rows, exit_code=code)
    assert result.outcome == outcome
    assert [row.component for row in result.with_status(ComponentStatus.BUILT)] == ["0"] * bool(rows)


def test_packages_are_installed_as_they_are_signed() -> None:
    url = "https://example.org/a'b/repo/"
    topic = TopicRepository(
        section="p-ci", url=url, files=(), check=InstallCheck(Installable.YES, ("lib", "lib-devel"))
    )
    assert topic.install_command == (
        "dnf '--repofrompath=p-ci,https://example.org/a'\"'\"'b/repo/' --setopt=p-ci.gpgcheck=0 install lib lib-devel"
    )
    signed = TopicRepository(
        section="p-ci",
        url="file:///x/repo/",
        files=(),
        check=InstallCheck(Installable.UNKNOWN, ("lib",), reason="no base"),
        signer="F",
        key_url="file:///x/KEY",
    )
    assert signed.install_command == (
        "dnf --repofrompath=p-ci,file:///x/repo/ --setopt=p-ci.gpgcheck=1 --setopt=p-ci.repo_gpgcheck=1 "
        "--setopt=p-ci.gpgkey=file:///x/KEY install lib"
    )
    none = TopicRepository(section="p-ci", url=url, files=(), check=InstallCheck(Installable.NO, ()))
    assert none.install_command == ""
