"""The summary of a CI job: readable, and never markup from foreign text."""

from __future__ import annotations

from dataclasses import replace

from altai_build.cli.ci_summary import describe_installable, describe_outcome, format_summary
from altai_build.model.build import BuildResult
from altai_build.model.ci_result import CiResult, Installable, InstallCheck, TopicRepository
from altai_build.model.component_status import ComponentStatus

RESULT = CiResult(
    commit="1" * 40,
    since="2" * 40,
    compared="the merge base with main",
    rows=(
        BuildResult(
            component="lib", commit="3" * 40, status=ComponentStatus.BUILT, reason="its pin moved", seconds=2
        ),
        BuildResult(
            component="bad|<b>",
            commit="4" * 40,
            status=ComponentStatus.FAILED,
            reason="*x*\n<script>",
            exit_code=5,
        ),
    ),
    exit_code=5,
    against="1.0.0",
    topic=TopicRepository(
        section="p-ci",
        url="file:///r/repo/",
        files=("lib.rpm",),
        check=InstallCheck(
            Installable.NO, ("lib",), {"lib-ldap": "nothing provides <ldap> needed by lib-ldap"}
        ),
        signer="ABC",
    ),
)


def test_all_that_a_reviewer_asks_is_there() -> None:
    lines = format_summary(RESULT).splitlines()
    assert lines[:5] == [
        "## altai-build: failure",
        "",
        "2 components: 1 built, 1 failed.",
        "",
        "Commit `111111111111`, compared with `222222222222` (the merge base with main).",
    ]
    assert r"- `bad|<b>`: \*x\* \<script\>" in lines
    assert "| lib | `333333333333` | built | 2.0 | its pin moved |" in lines
    assert lines.count(r"| bad\|\<b\> | `444444444444` | failed | 0.0 | \*x\* |") == 1
    assert "1 package on top of release 1.0.0, signed by `ABC`." in lines
    assert "Installable: no: 1 package cannot be installed." in lines
    assert r"- `lib-ldap`: nothing provides \<ldap\> needed by lib-ldap" in lines
    assert f"    {RESULT.topic.install_command if RESULT.topic else ''}" in lines


def test_nothing_changed_is_said_in_a_line() -> None:
    unchanged = replace(RESULT, rows=(), exit_code=0, topic=None, against=None)
    assert describe_outcome(unchanged) == "nothing has changed since 222222222222"
    assert "Install" not in format_summary(unchanged)


def test_the_first_commit_is_compared_with_nothing() -> None:
    first = replace(RESULT, since=None, compared="it is the first commit", topic=None)
    assert "Commit `111111111111`: it is the first commit, so everything is new." in format_summary(first)


def test_a_long_list_shows_only_what_failed() -> None:
    many = tuple(replace(RESULT.rows[0], component=f"c{number}") for number in range(60))
    text = format_summary(replace(RESULT, rows=(*many, RESULT.rows[1])))
    assert "| c1 |" not in text and r"| bad\|\<b\> |" in text
    assert "60 components more: see result.json." in text


def test_what_is_not_known_is_not_installable() -> None:
    unknown = InstallCheck(Installable.UNKNOWN, ("lib",), reason="no repositories are configured")
    assert describe_installable(unknown) == "unknown, no repositories are configured"
    assert describe_installable(InstallCheck(Installable.YES, ("lib",))) == "yes"
    both = InstallCheck(Installable.NO, (), {"a": "x", "b": "y"}, "they exclude each other")
    assert describe_installable(both) == "no: 2 packages cannot be installed; they exclude each other"
