"""The result of a CI job as Markdown for a comment on a merge request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from altai_build.cli import markdown
from altai_build.cli.ci_tests import describe_tests
from altai_build.model.build import BuildResult
from altai_build.model.ci_result import CiResult, InstallCheck
from altai_build.model.component_status import ComponentStatus
from altai_build.model.quantity import format_count
from altai_build.model.run_summary import describe_counts

# A comment is to be read: of more rows than this only those that failed are shown.
_MOST_ROWS = 50


def format_summary(result: CiResult) -> str:
    """What changed, what was built and why, what failed with its cause, and how the packages are installed."""
    return markdown.document(_list_lines(result))


def describe_outcome(result: CiResult) -> str:
    """The whole result in one line."""
    if not result.rows:
        return f"nothing has changed since {(result.since or '')[:12]}"
    return f"{format_count(len(result.rows), 'component')}: {describe_counts(result.rows)}"


def describe_installable(check: InstallCheck) -> str:
    """Whether all packages of a change can be installed, in a line."""
    count = format_count(len(check.refused), "package")
    refused = f"{count} cannot be installed" if check.refused else ""
    return ": ".join(filter(None, (check.answer.value, refused))) + (
        f"{'; ' if refused else ', '}{check.reason}" if check.reason else ""
    )


def _list_lines(result: CiResult) -> Iterator[str]:
    yield f"## altai-build: {result.outcome}"
    yield ""
    yield f"{markdown.escape(describe_outcome(result))}."
    yield ""
    what = f"Commit {markdown.code(result.commit[:12])}"
    if result.pins:
        pins = [f"{markdown.code(path)} at {markdown.code(pin[:12])}" for path, pin in result.pins.items()]
        what += f" with {', '.join(pins)}"
    why = markdown.escape(result.compared)
    if result.since is None:
        yield f"{what}: {why}, so everything is new."
    else:
        yield f"{what}, compared with {markdown.code(result.since[:12])} ({why})."
    failed = result.with_status(ComponentStatus.FAILED)
    if failed:
        yield from markdown.section("Failed", level=3)
        for row in failed:
            yield from _describe_failure(row)
    if result.rows:
        yield from markdown.section("Components", level=3)
        shown = result.rows if len(result.rows) <= _MOST_ROWS else failed
        yield from markdown.table(
            ("component", "commit", "result", "seconds", "why"), [_cells(row) for row in shown]
        )
        if len(shown) < len(result.rows):
            yield ""
            yield f"{format_count(len(result.rows) - len(shown), 'component')} more: see result.json."
        yield from describe_tests(result)
    yield from _describe_topic(result)


def _describe_failure(row: BuildResult) -> Iterator[str]:
    yield f"- {markdown.code(row.component)}: {markdown.escape(row.reason)}"
    for cause in row.list_other_causes():
        yield f"  - {markdown.escape(cause)}"


def _cells(row: BuildResult) -> Sequence[str]:
    return (
        markdown.escape(row.component),
        markdown.code(row.commit[:12]),
        row.status.value,
        f"{row.seconds:.1f}",
        # What failed is told in full above.
        markdown.escape(row.reason.partition("\n")[0]),
    )


def _describe_topic(result: CiResult) -> Iterator[str]:
    topic = result.topic
    if topic is None:
        return
    yield from markdown.section("Install", level=3)
    base = f"release {result.against}" if result.against else "the operating system (there is no release yet)"
    signer = (
        f"signed by {markdown.code(topic.signer)}"
        if topic.signer
        else "not signed (repos.yaml has no `ci.key`)"
    )
    yield f"{format_count(len(topic.files), 'package')} on top of {markdown.escape(base)}, {signer}."
    yield ""
    yield f"Installable: {markdown.escape(describe_installable(topic.check))}."
    if topic.check.refused:
        yield ""
        for name, why in topic.check.refused.items():
            yield f"- {markdown.code(name)}: {markdown.escape(why)}"
    if topic.install_command:
        # Indented: no fence is longer than every run of backquotes in a URL.
        yield from ("", f"    {topic.install_command}")
