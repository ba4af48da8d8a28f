"""`verify`: whether a release is sound."""

from __future__ import annotations

import json

import click

from altai_build.cli.app import App
from altai_build.cli.options import json_option
from altai_build.cli.output import print_table
from altai_build.errors import VerificationError
from altai_build.model.findings import Finding, Severity, VerificationReport
from altai_build.model.trace import TraceStep, count_proved_steps


@click.command()
@click.argument("version")
@click.option("--deep", is_flag=True, help="Also walk back from each package to the superproject's commit.")
@json_option
@click.pass_obj
def verify(app: App, version: str, deep: bool, as_json: bool) -> int:
    """Check release VERSION as a client would see it, trusting nothing this tool wrote.

    VERSION may also be `latest`, the path of a release's folder, or its URL: then the release is fetched and judged as
    it comes. Without a repos.yaml it is only shown to agree with the keys that it brings along.

    With --deep each package is followed from its signature to its header, its source package, which is made again,
    its commit, the gitlink and the superproject's commit. Each link that cannot be proved is a finding.

    \b
    Example:
      altai-build verify 1.0.2
      altai-build verify https://repo.example.org/altai/1.0.2
    """
    from altai_build.pipeline.published.trace import trace_provenance
    from altai_build.pipeline.published.verify import is_url, open_release, verify_published

    alone = not deep and (is_url(version) or "/" in version)
    run = app.run(app.config(needed=not alone))
    links: tuple[TraceStep, ...] = ()
    with open_release(run, version) as directory:
        if deep:
            answer = trace_provenance(run, directory)
            verification, links = answer.verification, answer.links
        else:
            verification = verify_published(run, directory)
    if as_json:
        print(_json(verification, links if deep else None))
    else:
        print_findings(verification.findings)
    for kind, (proved, all_of_them) in count_proved_steps(links).items():
        run.story.tell(f"{kind}: {proved} of {all_of_them} proved")
    refuse(verification)
    run.story.tell(f"release {verification.release} is sound{_describe_waived(verification)}")
    return 0


def _json(verification: VerificationReport, links: tuple[TraceStep, ...] | None) -> str:
    """The contract's form; with --deep also how many links of each kind were proved."""
    document = json.loads(verification.to_json())
    if links is not None:
        document["links"] = {
            kind: {"proved": good, "of": every} for kind, (good, every) in count_proved_steps(links).items()
        }
    return json.dumps(document, indent=2)


def print_findings(findings: tuple[Finding, ...]) -> None:
    """The findings as a table."""
    print_table(
        ("severity", "rule", "subject", "message"),
        [(one.severity.value, one.rule, one.subject, one.message) for one in findings],
    )


def refuse(verification: VerificationReport) -> None:
    """Raise VerificationFailed when there are errors."""
    errors = [one for one in verification.findings if one.severity is Severity.ERROR]
    if errors:
        raise VerificationError(
            f"release {verification.release} is not sound",
            why=f"{len(errors)} of {len(verification.findings)} findings are errors",
            todo="docs/verify.md has the cure for each rule",
        )


def _describe_waived(verification: VerificationReport) -> str:
    return f", with {len(verification.findings)} warnings or notes" if verification.findings else ""
