"""Make a release: build, sign, compose, verify, publish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from altai_build.model.findings import Finding, VerificationReport, refuse_errors
from altai_build.model.release import Manifest
from altai_build.model.upgrade import UpgradeReport
from altai_build.pipeline.build.run import BuildRun, build_all
from altai_build.pipeline.deps import check_lock, our_packages
from altai_build.pipeline.published.releases import PublishedReleases, list_releases_before, load_manifest
from altai_build.pipeline.published.releases_page import update_releases_page
from altai_build.pipeline.published.report import ReleaseFolder, collect_report
from altai_build.pipeline.published.upgrade import check_upgrades, read_external_repositories
from altai_build.pipeline.published.verify import verify_published, verify_staged
from altai_build.pipeline.release.contents import collect_contents, write_logs
from altai_build.pipeline.release.placements import place_packages, refuse_unreadable
from altai_build.pipeline.release.plan import ReleasePlan
from altai_build.pipeline.release.signing import unlock_signing_keys
from altai_build.pipeline.release.tagging import create_release_tags
from altai_build.pipeline.run import Run
from altai_build.stages.compose import ReleaseContents, compose, sign_checksums
from altai_build.stages.provenance import load_libraries, write_provenance
from altai_build.stages.publish import Recovery, publish, recover, staging
from altai_build.stages.report.page import write_report
from altai_build.stages.verify import verify_checksums
from altai_build.tools.files import make_tree_public
from altai_build.tools.openpgp.passphrase import Passphrase
from altai_build.tools.openpgp.signing import SigningKey


@dataclass(frozen=True)
class ReleaseResult:
    """A published release, and what the checks before its publication found."""

    directory: Path
    manifest: Manifest
    verification: VerificationReport
    upgrades: UpgradeReport


def recover_releases(run: Run) -> Recovery:
    """Finish or remove what killed runs left in the folder of releases, and report it. Raises PublishError."""
    recovery = recover(run.config.get_release_settings().directory)
    for version in recovery.finished:
        run.reporter.info(f"finished the interrupted publication of release {version}")
    for name in recovery.removed:
        run.reporter.info(f"removed {name}, left behind by a killed run")
    return recovery


def read_finished_release(run: Run, version: str, revision: str) -> ReleaseResult | None:
    """The release whose interrupted publication was finished, checked again; None if it is of another commit."""
    releases = run.config.get_release_settings().directory
    directory = releases / version
    manifest = load_manifest(directory)
    if manifest.superproject.commit != run.superproject.resolve_revision(revision):
        return None
    update_releases_page(run)
    previous = list_releases_before(releases, version)
    return ReleaseResult(
        directory=directory,
        manifest=manifest,
        verification=verify_published(run, directory),
        upgrades=check_upgrades(run, previous, directory, read_external_repositories(run)),
    )


def make_release(run: Run, plan: ReleasePlan, passphrase: Passphrase) -> ReleaseResult:
    """Build, sign, verify and publish a release; on failure all published releases stay as they were.

    Raises BuildError, SigningError, VerificationError or PublishError.
    """
    releases = run.config.get_release_settings().directory
    previous = releases / plan.previous_version if plan.previous_version else None
    with run.reporter.run_step("metadata of other repositories"):
        # Before the builds: whether it can be trusted does not depend on them.
        external_repositories = read_external_repositories(run)
    with (
        unlock_signing_keys(run, plan.target, passphrase) as keys,
        # One thread for work in this process, while the main thread waits for other programs.
        ThreadPoolExecutor(1) as background,
    ):
        libraries = background.submit(load_libraries)
        with staging(releases, plan.version):
            # Fails now, before hours of builds, where nothing can be written.
            pass
        build_run, contents = _build_packages(run, plan, keys, PublishedReleases.load(releases), previous)
        key = keys[contents.signing_key]
        with staging(releases, plan.version) as directory:
            with run.reporter.run_step("repositories"):
                manifest = compose(directory, contents, key)
            upgrade_check = background.submit(
                check_upgrades,
                run,
                list_releases_before(releases, plan.version),
                directory,
                external_repositories,
            )
            with run.reporter.run_step("provenance"):
                libraries.result()
                write_logs(directory, build_run, previous)
                write_provenance(
                    directory,
                    manifest,
                    project=contents.project,
                    baseurl=contents.baseurl,
                    buildroots=[result.buildroot for result in build_run.results.values()],
                    key=key,
                    cache=run.workspace.cache / "solv",
                    parts=run.workspace.document_parts,
                    previous=previous,
                )
            make_tree_public(directory)
            with run.reporter.run_step("verification"):
                staged = verify_staged(run, directory, plan.version)
            _refuse_to_publish(staged.verification.findings, plan.version)
            upgrades = upgrade_check.result()
            _refuse_to_publish(upgrades.findings, plan.version)
            with run.reporter.run_step("report"):
                report = collect_report(
                    run,
                    ReleaseFolder(directory, manifest),
                    ReleaseFolder(previous, plan.previous) if previous and plan.previous else None,
                    project=contents.project,
                    verification=staged.verification,
                    upgrades=upgrades,
                )
                write_report(directory, report)
                sign_checksums(directory, key, manifest, digests=staged.view.find_unchanged_digests())
                make_tree_public(directory)
                verification = verify_checksums(staged)
            _refuse_to_publish(verification.findings, plan.version)
            with create_release_tags(run, plan.tags, key, staged=directory):
                published = publish(directory, releases, plan.version, judged_against=plan.published)
    update_releases_page(run)
    return ReleaseResult(directory=published, manifest=manifest, verification=verification, upgrades=upgrades)


def _build_packages(
    run: Run,
    plan: ReleasePlan,
    keys: Mapping[str, SigningKey],
    published: PublishedReleases,
    previous: Path | None,
) -> tuple[BuildRun, ReleaseContents]:
    """Build and sign everything in the plan, and fetch what the lock holds."""
    build_run = build_all(
        run,
        plan.build_plan,
        version=plan.version,
        has_no_name_conflict=published.has_no_name_conflict,
    )
    built = our_packages(build_run)
    refuse_unreadable(plan.target, built)
    mirrored = check_lock(run, plan.lock, built) if plan.lock is not None else {}
    with run.reporter.run_step("signatures"):
        placements = place_packages(run, build_run, mirrored, keys, published, plan.target)
    return build_run, collect_contents(run, plan, build_run, placements, previous, published)


def _refuse_to_publish(findings: Sequence[Finding], version: str) -> None:
    """Raise VerificationError when there are errors among the findings."""
    refuse_errors(
        findings,
        f"release {version} was not published",
        todo="apply the fixes and rerun `altai-build release`",
    )
