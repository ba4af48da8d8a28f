"""`verify`: whether a release is sound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from altai_build.cli.app import App
from altai_build.cli.findings import SEE_FIXES, print_findings
from altai_build.cli.options import format_option, json_option, key_option, releases_option
from altai_build.cli.output import print_json
from altai_build.cli.reading import find_releases_here
from altai_build.errors import UsageError
from altai_build.model.findings import Finding, VerificationReport, refuse_errors
from altai_build.model.quantity import format_count
from altai_build.model.trace import TraceStep, count_proved_steps
from altai_build.model.trust import TrustLevel

if TYPE_CHECKING:
    from altai_build.pipeline.published.remembered import RememberedVerification
    from altai_build.pipeline.run import Run


@click.command()
@click.argument("version", required=False)
@click.option("--deep", is_flag=True, help="Also trace each package to the superproject's commit.")
@click.option("--history", is_flag=True, help="Verify that all releases form the chain that was published.")
@click.option(
    "--reread", is_flag=True, help="Read all files, also those unchanged since they were verified today."
)
@click.option(
    "--remember",
    # One that cannot be read is no mistake in the command.
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="Compare with the highest release seen before, which FILE holds, and remember this one.",
)
@releases_option
@key_option
@format_option
@json_option
@click.pass_obj
def verify(
    app: App,
    version: str | None,
    deep: bool,
    history: bool,
    reread: bool,
    remember: Path | None,
    where: str | None,
    keys: tuple[str, ...],
    as_json: bool,
) -> int:
    """Verify release VERSION as a client would see it.

    VERSION may also be `latest`, the path of a release's folder (with a slash in it), or its URL. Only what a client
    can read is used. Without repos.yaml and without --key, the release is only checked against the keys that it
    contains: whoever made it can have made them.

    --deep also traces each package from its signature to its header, its source package (which is made again), the
    component's commit, the gitlink and the superproject's commit. Each step that cannot be proved is a finding.

    A release that was found sound today, with the same keys and configuration, is not read again where the file system
    says that nothing of it was touched since; standard error says so, and --reread reads all of it.

    --history checks all releases at once, in place of one: every file of every release, and the digest by which each
    release names those that it follows. A release that was changed, removed, exchanged or added is found. VERSION is
    then the folder or URL of all releases; without it they are those of repos.yaml.

    --remember FILE is for a cron job on a client or a second site. It reports a release that is older than one seen
    before, one that does not follow it or has other content, and one that is not replaced in time
    (release.expected_by). A damaged FILE is an error.

    \b
    Examples:
      altai-build verify 1.0.2
      altai-build verify https://repo.example.org/altai/1.0.2 --key RPM-GPG-KEY-altai
      altai-build verify --history
      altai-build -q verify https://repo.example.org/altai/latest --key KEY --remember seen.json
    """
    if history:
        from altai_build.cli.history import verify_all_releases

        others = {
            "--deep": deep,
            "--remember": remember,
            "--releases": version is not None and where is not None,
        }
        for other in (name for name, given in others.items() if given):
            raise UsageError(f"--history and {other} exclude each other", todo="give one of them")
        return verify_all_releases(app, version if where is None else where, keys, as_json)
    if version is None:
        raise UsageError("no release is named", todo="name a release, or add --history to verify all of them")
    from altai_build.pipeline.published.catalog import is_location, locate_releases
    from altai_build.pipeline.published.verify import get_expected_version, open_release
    from altai_build.tools.openpgp.keyfile import read_public_keys

    is_alone = where is not None or is_location(version)
    run = app.create_reading_run(app.load_config(needed=deep))
    if not is_alone and run.config.file is None:
        where = find_releases_here(app)
    signers = [Path(key) for key in keys]
    for signer in signers:
        read_public_keys(signer)
    if remember is not None:
        from altai_build.cli.remember import refuse_useless_memory

        refuse_useless_memory(run, remember, keys)
    asked = get_expected_version(version)
    steps: tuple[TraceStep, ...] = ()
    read_at: datetime | None = None
    memory: RememberedVerification | None = None
    with open_release(run, version, where) as directory:
        if deep:
            from altai_build.pipeline.published.trace import trace_provenance

            answer = trace_provenance(run, directory, signers=signers, version=asked)
            verification, steps = answer.verification, answer.steps
        else:
            verification, read_at = _verify(run, directory, signers, asked, reread=reread)
        if run.config.release is not None and run.config.release.approvals is not None:
            from altai_build.pipeline.published.approvals import check_approvals

            approvals = check_approvals(run, directory, locate_releases(directory, version, where))
            verification = replace(verification, findings=(*verification.findings, *approvals))
        if remember is not None:
            from altai_build.pipeline.published.remembered import verify_remembered

            memory = verify_remembered(
                run, directory, verification, file=remember, named=version, where=where
            )
            verification = memory.verification
    if as_json:
        print_json(_document(verification, steps if deep else None, memory))
    else:
        print_findings(verification.findings)
    _print_result(run, verification, steps, read_at)
    if memory is not None and remember is not None:
        from altai_build.cli.remember import describe_memory

        run.reporter.info(describe_memory(memory, remember))
    return 0


def _verify(
    run: Run, directory: Path, signers: Sequence[Path], version: str, *, reread: bool
) -> tuple[VerificationReport, datetime | None]:
    """The findings about a release, and when its files were read if that was earlier."""
    if reread:
        from altai_build.pipeline.published.verify import verify_published

        return verify_published(run, directory, signers=signers, version=version), None
    from altai_build.pipeline.published.unchanged import verify_unless_unchanged

    known = verify_unless_unchanged(run, directory, signers=signers, version=version)
    return known.report, known.read_at


def _print_result(
    run: Run, verification: VerificationReport, steps: tuple[TraceStep, ...], read_at: datetime | None
) -> None:
    """Say what was proved. Raises VerificationError when there are errors."""
    for kind, (proved, total) in count_proved_steps(steps).items():
        run.reporter.info(f"{kind}: {proved} of {total} proved")
    refuse_errors(
        verification.findings,
        f"release {verification.release} failed verification",
        todo=SEE_FIXES,
        listed=False,
    )
    own_keys = verification.trust is TrustLevel.OWN_KEYS
    if own_keys:
        run.reporter.warn(
            "no key is pinned: name the key file that you have from elsewhere with --key FILE, or use repos.yaml"
        )
    run.reporter.info(
        f"release {verification.release} passed verification{_describe_other(verification.findings)}"
        + (", but agrees only with the keys it brought" if own_keys else "")
    )
    if read_at is not None:
        run.reporter.info(
            f"its files were read at {read_at:%H:%M:%S} UTC and are unchanged since; --reread reads them again"
        )


def _document(
    verification: VerificationReport,
    steps: tuple[TraceStep, ...] | None,
    memory: RememberedVerification | None,
) -> dict[str, object]:
    """The contract's form; with --deep also how many steps of each kind were proved, with --remember what was seen."""
    document = verification.to_json()
    if memory is not None:
        document["remembered"] = {"before": memory.before, "now": memory.now}
    if steps is not None:
        document["links"] = {
            kind: {"proved": proved, "of": total}
            for kind, (proved, total) in count_proved_steps(steps).items()
        }
    return document


def _describe_other(findings: tuple[Finding, ...]) -> str:
    """The findings that do not fail a verification: `, with 2 warnings, 1 note, 1 waived finding`."""
    counts = Counter(
        "waived finding" if finding.waiver else finding.severity.value
        for finding in sorted(findings, key=lambda finding: finding.waiver is not None)
    )
    described = ", ".join(format_count(count, kind) for kind, count in counts.items())
    return f", with {described}" if described else ""
