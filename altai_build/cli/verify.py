"""`verify`: whether a release is sound."""

from __future__ import annotations

import click

from altai_build.cli.app import App, json_option, print_table
from altai_build.errors import VerificationFailed
from altai_build.model.audit import Finding, Severity, Verification


@click.command()
@click.argument("version")
@json_option
@click.pass_obj
def verify(app: App, version: str, as_json: bool) -> int:
    """Check release VERSION as a client would see it, trusting nothing this tool wrote.

    VERSION may also be `latest`, the path of a release's folder, or its URL: then the release is fetched and judged as
    it comes. Without a repos.yaml it is only shown to agree with the keys that it brings along.

    \b
    Example:
      altai-build verify 1.0.2
      altai-build verify https://repo.example.org/altai/1.0.2
    """
    from altai_build.pipeline.verify import is_url
    from altai_build.pipeline.verify import verify as verify_release

    run = app.run(app.config(needed=not is_url(version) and "/" not in version))
    verification = verify_release(run, version)
    if as_json:
        print(verification.to_json(), end="")
    else:
        print_findings(verification.findings)
    refuse(verification)
    run.story.tell(f"release {verification.release} is sound{_besides(verification)}")
    return 0


def print_findings(findings: tuple[Finding, ...]) -> None:
    """The findings as a table."""
    print_table(
        ("severity", "rule", "subject", "message"),
        [(one.severity.value, one.rule, one.subject, one.message) for one in findings],
    )


def refuse(verification: Verification) -> None:
    """Raise VerificationFailed when there are errors."""
    errors = [one for one in verification.findings if one.severity is Severity.ERROR]
    if errors:
        raise VerificationFailed(
            f"release {verification.release} is not sound",
            why=f"{len(errors)} of {len(verification.findings)} findings are errors",
            todo="docs/verify.md has the cure for each rule",
        )


def _besides(verification: Verification) -> str:
    return f", with {len(verification.findings)} warnings or notes" if verification.findings else ""
