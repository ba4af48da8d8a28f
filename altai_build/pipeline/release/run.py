"""The whole road: plan → srpm → build → sign → compose → verify → publish."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from altai_build.model.findings import Finding, VerificationReport, refuse_errors
from altai_build.model.release import (
    Manifest,
)
from altai_build.model.upgrade import UpgradeReport
from altai_build.pipeline.build.run import BuildRun, build_all
from altai_build.pipeline.deps import check_lock, make_mirror_origin, our_packages
from altai_build.pipeline.published.releases import PublishedReleases, list_releases_before
from altai_build.pipeline.published.upgrade import (
    check_upgrades,
    read_external_repositories,
)
from altai_build.pipeline.published.verify import verify_staged
from altai_build.pipeline.release.contents import collect_contents, write_logs
from altai_build.pipeline.release.placements import refuse_unreadable, sign_and_place
from altai_build.pipeline.release.plan import ReleasePlan
from altai_build.pipeline.release.signing import unlock_signing_keys
from altai_build.pipeline.release.tagging import create_release_tags
from altai_build.pipeline.run import Run
from altai_build.stages.compose import Placement, compose, sign_checksums
from altai_build.stages.provenance import load_libraries, write_provenance
from altai_build.stages.publish import publish, recover, staging
from altai_build.stages.report import write_report
from altai_build.stages.verify import verify_checksums
from altai_build.tools.openpgp.passphrase import Passphrase


@dataclass(frozen=True)
class ReleaseResult:
    """A release that was made, or what stopped it on the way."""

    release_plan: ReleasePlan
    build_run: BuildRun
    directory: Path
    manifest: Manifest
    verification: VerificationReport
    upgrades: UpgradeReport


def release(run: Run, release_plan: ReleasePlan, passphrase: Passphrase) -> ReleaseResult:
    """Make, sign, verify and publish a release; whatever stops it leaves everything published as it was.

    Raises BuildFailed, SigningFailed, VerificationFailed or PublishFailed.
    """
    releases = run.config.get_release_settings().directory
    for line in recover(releases):
        run.story.info(line)
    # One thread for what needs no other program, while the main one waits for those.
    with (
        unlock_signing_keys(run, release_plan.target, passphrase) as keys,
        ThreadPoolExecutor(1) as beside,
    ):
        beside.submit(load_libraries)
        published = PublishedReleases.load(releases)
        build_run = build_all(
            run,
            release_plan.build_plan,
            version=release_plan.version,
            has_no_name_conflict=published.has_no_name_conflict,
        )
        ours = our_packages(build_run)
        refuse_unreadable(release_plan.target, ours)
        mirrored = check_lock(run, release_plan.lock, ours) if release_plan.lock is not None else {}
        with run.story.run_step("signatures"):
            repositories = sign_and_place(run, release_plan, build_run, keys, published)
        for package, path in mirrored.items():
            placement = Placement(path=path, origin=make_mirror_origin(run, package))
            repositories.setdefault(package.repository, []).append(placement)
        plan = collect_contents(run, release_plan, build_run, repositories, releases)
        signing = keys[plan.signing_key]
        with staging(releases, release_plan.version) as directory:
            with run.story.run_step("repositories"):
                manifest = compose(directory, plan, signing)
            before = list_releases_before(releases, release_plan.version)
            proving = beside.submit(check_upgrades, run, before, directory, read_external_repositories(run))
            with run.story.run_step("provenance"):
                previous = releases / release_plan.previous.version if release_plan.previous else None
                write_logs(directory, build_run, previous)
                write_provenance(
                    directory,
                    manifest,
                    project=run.config.project,
                    baseurl=plan.baseurl,
                    buildroots=[built.buildroot for built in build_run.built.values()],
                    key=signing,
                    previous=previous,
                )
            with run.story.run_step("verification"):
                unsealed = verify_staged(run, directory, release_plan.version)
            _refuse_to_publish(unsealed.verification.findings, release_plan.version)
            upgrades = proving.result()
            _refuse_to_publish(upgrades.findings, release_plan.version)
            with run.story.run_step("report"):
                found = unsealed.verification
                write_report(
                    directory,
                    manifest,
                    replace(found, findings=(*found.findings, *upgrades.findings)),
                    project=run.config.project,
                    previous=release_plan.previous,
                )
                sign_checksums(directory, signing, manifest)
                verification = verify_checksums(unsealed)
            _refuse_to_publish(verification.findings, release_plan.version)
            with create_release_tags(run, release_plan.tags, signing):
                place = publish(directory, releases, release_plan.version)
    return ReleaseResult(
        release_plan=release_plan,
        build_run=build_run,
        directory=place,
        manifest=manifest,
        verification=verification,
        upgrades=upgrades,
    )


def _refuse_to_publish(findings: Sequence[Finding], version: str) -> None:
    """Raise VerificationError when there are errors among the findings."""
    refuse_errors(
        findings,
        f"release {version} was not published",
        todo="apply the fixes and rerun `altai-build release`",
    )
