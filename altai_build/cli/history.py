"""`verify --history`: whether the published releases form the chain that was published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from altai_build.cli.app import App
from altai_build.cli.findings import SEE_FIXES, print_findings
from altai_build.cli.output import print_json
from altai_build.cli.reading import open_reading
from altai_build.model.findings import finding_to_json, refuse_errors
from altai_build.model.quantity import format_count
from altai_build.model.trust import TrustLevel


def verify_all_releases(app: App, where: str | None, keys: Sequence[str], as_json: bool) -> int:
    """Check the releases in a folder or at a URL, by default those of repos.yaml; print the findings.

    Raises VerificationError when there are errors.
    """
    from altai_build.pipeline.published.history import verify_history
    from altai_build.tools.openpgp.keyfile import read_public_keys

    for key in keys:
        read_public_keys(Path(key))
    reading = open_reading(app, where)
    configured = [key.file for key in reading.run.config.keys.values() if key.is_signing_key]
    report = verify_history(
        reading.catalog,
        pinned_keys=[Path(key) for key in keys] or configured,
        waivers=reading.run.config.waivers,
    )
    if as_json:
        print_json(
            {
                "releases": report.releases,
                "unchained": report.unchained,
                "ok": report.is_ok,
                "trust": report.trust,
                "findings": [finding_to_json(finding) for finding in report.findings],
            }
        )
    else:
        print_findings(report.findings)
    if reading.catalog.url is not None:
        reading.run.reporter.info(
            "only manifests, checksums and keys were downloaded; `altai-build verify URL/VERSION` checks all files of "
            "one release"
        )
    refuse_errors(
        report.findings,
        f"the history of {format_count(len(report.releases), 'release')} failed verification",
        todo=SEE_FIXES,
        listed=False,
    )
    if report.trust is TrustLevel.OWN_KEYS:
        reading.run.reporter.warn(
            "no key is pinned: name the key file that you have from elsewhere with --key FILE, or use repos.yaml"
        )
    reading.run.reporter.info(
        f"the history of {format_count(len(report.releases), 'release')} passed verification: "
        f"{report.releases[0]} to {report.releases[-1]}. Whether there were later releases, it cannot show"
    )
    return 0
