"""The whole road: plan → srpm → build → sign → compose → verify → publish."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from altai_build import __version__
from altai_build.config import Config, ReleaseSettings, Repository, Source, Target
from altai_build.errors import InputError, PublishFailed, VerificationFailed
from altai_build.model.audit import Severity, Verification
from altai_build.model.compat import unreadable
from altai_build.model.component import Kind
from altai_build.model.lock import Lock
from altai_build.model.nevra import is_safe_name
from altai_build.model.plan import Status
from altai_build.model.release import (
    BuildRecord,
    ComponentOrigin,
    Manifest,
    Origin,
    SkippedComponent,
    SourceFile,
    SpecOrigin,
    SuperprojectPin,
)
from altai_build.model.upgrade import UpgradeReport
from altai_build.pipeline.builds import Building, Planned, build_all, make_plan
from altai_build.pipeline.deps import check_lock, mirror_origin, needed_lock, our_packages
from altai_build.pipeline.earlier import Earlier, followed
from altai_build.pipeline.pins import Direction, move_of
from altai_build.pipeline.run import Run
from altai_build.pipeline.signing import Keys, open_keys
from altai_build.pipeline.tagging import plan_release_tags, tagged_by
from altai_build.pipeline.upgrade import check_upgrades, earlier_than, read_outside, refuse_upgrades
from altai_build.pipeline.verify import judge_unsealed
from altai_build.stages.build import Built
from altai_build.stages.compose import KeyFile, Placement, ReleasePlan, RepositoryPlan, compose, seal
from altai_build.stages.provenance import buildroot_digest, load_libraries, write_provenance
from altai_build.stages.publish import publish, recover, staging
from altai_build.stages.report import write_report
from altai_build.stages.sign import sign_packages
from altai_build.stages.sources import listed_sources
from altai_build.stages.tag import TagPlan
from altai_build.stages.verify import verify_sealed
from altai_build.tools.buildroot import LocalRpm
from altai_build.tools.files import sha256_file, write_or_link
from altai_build.tools.mockconfig import read_config
from altai_build.tools.objects import without_password
from altai_build.tools.rpmfile import read_header
from altai_build.tools.signer import Passphrase
from altai_build.tools.superproject import Sourced


@dataclass(frozen=True)
class Intent:
    """What a release would be, before anything is made; `--dry-run` prints this very object's content."""

    version: str
    commit: str
    previous: Manifest | None
    target: Target
    planned: Planned
    lock: Lock | None  # of third-party packages
    standing: dict[str, str]  # component → what the release it follows says of it
    tags: TagPlan | None = None


@dataclass(frozen=True)
class Outcome:
    """A release that was made, or what stopped it on the way."""

    intent: Intent
    building: Building
    directory: Path
    manifest: Manifest
    verification: Verification
    upgrades: UpgradeReport


def intend(run: Run, version: str, revision: str, *, tag: bool = False, push: bool = False) -> Intent:
    """Decide what a release holds, and with `tag` what is to be tagged (and pushed, with `push`).

    Raises PublishFailed for a version or a tag that exists, InputError for a dirty tree.
    """
    releases = settings_of(run.config).directory
    if not is_safe_name(version) or version.startswith("."):
        raise InputError(f"{version!r} is not a version", todo="use digits, letters and dots, as in 1.0.2")
    if (releases / version).exists():
        raise PublishFailed(
            f"release {version} exists",
            why=f"{releases / version} is published, and released bytes never change",
            todo="choose the next version",
        )
    run.superproject.full_history()
    _refuse_dirty(run)
    lock = needed_lock(run)  # a missing or faulty one is told now, not after the builds
    planned = make_plan(run, revision, (), None)
    previous = followed(releases, version)
    commit = planned.discovery.commit
    return Intent(
        version=version,
        commit=commit,
        previous=previous,
        target=_target(run.config),
        planned=planned,
        lock=lock,
        standing={one.component.name: _standing(run, one, previous) for one in planned.discovery.sourced},
        tags=plan_release_tags(run, version, commit, pushing=push) if tag else None,
    )


def release(run: Run, intent: Intent, passphrase: Passphrase) -> Outcome:
    """Make, sign, verify and publish a release; whatever stops it leaves everything published as it was.

    Raises BuildFailed, SigningFailed, VerificationFailed or PublishFailed.
    """
    releases = settings_of(run.config).directory
    for line in recover(releases):
        run.story.tell(line)
    # One thread for what needs no other program, while the main one waits for those.
    with open_keys(run, intent.target, passphrase) as keys, ThreadPoolExecutor(1) as beside:
        beside.submit(load_libraries)
        earlier = Earlier.load(releases)
        building = build_all(run, intent.planned, version=intent.version, is_free=earlier.is_free)
        ours = our_packages(building)
        _refuse_unreadable(intent.target, ours)
        mirrored = check_lock(run, intent.lock, ours) if intent.lock is not None else {}
        with run.story.step("signatures"):
            repositories = _placements(run, intent, building, keys, earlier)
        for package, path in mirrored.items():
            placement = Placement(path=path, origin=mirror_origin(run, package))
            repositories.setdefault(package.repository, []).append(placement)
        plan = _release_plan(run, intent, building, repositories, releases)
        signing = keys.get(plan.signing_key)
        with staging(releases, intent.version) as directory:
            with run.story.step("repositories"):
                manifest = compose(directory, plan, keys.home, signing)
            before = earlier_than(releases, intent.version)
            proving = beside.submit(check_upgrades, run, before, directory, read_outside(run))
            with run.story.step("provenance"):
                previous = releases / intent.previous.version if intent.previous else None
                _put_logs(directory, building, previous)
                write_provenance(
                    directory,
                    manifest,
                    project=run.config.project,
                    baseurl=plan.baseurl,
                    buildroots=[built.buildroot for built in building.built.values()],
                    signer=keys.home,
                    key=signing,
                    earlier=previous,
                )
            with run.story.step("verification"):
                unsealed = judge_unsealed(run, directory, intent.version)
            refuse_findings(unsealed.verification)
            upgrades = proving.result()
            refuse_upgrades(upgrades)
            with run.story.step("report"):
                found = unsealed.verification
                write_report(
                    directory,
                    manifest,
                    replace(found, findings=(*found.findings, *upgrades.findings)),
                    project=run.config.project,
                    previous=intent.previous,
                )
                seal(directory, keys.home, signing, manifest)
                verification = verify_sealed(unsealed)
            refuse_findings(verification)
            with tagged_by(run, intent.tags, keys.home, signing):
                place = publish(directory, releases, intent.version)
    return Outcome(
        intent=intent,
        building=building,
        directory=place,
        manifest=manifest,
        verification=verification,
        upgrades=upgrades,
    )


def settings_of(config: Config) -> ReleaseSettings:
    """The `release` part of repos.yaml, which every loaded file has."""
    if config.release is None:
        raise InputError("there is no release definition", todo="write repos.yaml (docs/repos-yaml.md)")
    return config.release


def refuse_findings(verification: Verification) -> None:
    """Raise VerificationFailed with every error among the findings."""
    errors = [one for one in verification.findings if one.severity is Severity.ERROR]
    if errors:
        raise VerificationFailed(
            f"release {verification.release} is not sound: {len(errors)} findings; it was not published",
            why="\n".join(f"  {one.rule}: {one.subject}: {one.message}" for one in errors[:40]),
            todo="mend the cause each names and release again",
        )


# ---- before anything is made -----------------------------------------------------------------------------------


def _refuse_dirty(run: Run) -> None:
    """A release is made from commits alone; a definition that is in none could not be looked up later."""
    config = run.config
    used = [path for path in (config.file,) if path is not None]
    for target in config.targets.values():
        used += read_config(target.mock_config, search=config.mock_config_places).files
    used += [one.path for one in config.repositories.values() if one.path is not None]
    used += [key.file for key in config.keys.values()]
    used.append(config.root / "deps.lock.yaml")
    dirty = run.superproject.uncommitted(used)
    if dirty:
        raise InputError(
            "the release definition is not committed",
            why="\n".join(f"  {name}" for name in dirty),
            todo="commit these files (or take the changes back), then release",
        )


def _target(config: Config) -> Target:
    """The one target of the release's repositories."""
    names = {one.target for one in config.repositories.values()}
    if len(names) != 1:
        raise InputError(
            f"the repositories are for {len(names)} targets: {', '.join(sorted(names))}",
            why="a release is installed on one distribution",
            todo="keep one repos.yaml for each target",
        )
    return config.targets[names.pop()]


def _standing(run: Run, sourced: Sourced, previous: Manifest | None) -> str:
    """How a component compares with the release it follows, as far as commits tell."""
    component = sourced.component
    if previous is None:
        return "new: no release goes before"
    pins = {
        package.origin.commit: package.origin.url if isinstance(package.origin, ComponentOrigin) else None
        for package in previous.packages
        if isinstance(package.origin, (ComponentOrigin, SpecOrigin)) and package.origin.path == component.path
    }
    if not pins:
        return f"new: {previous.version} does not have it"
    if component.commit in pins:
        return f"same commit as in {previous.version}"
    old = min(pins)
    move = move_of(run, sourced, old, url=pins[old])
    standing = _MOVES[move.direction].format(version=previous.version, old=old[:7])
    if move.direction is not Direction.ON:
        run.story.warn(f"{component.name}: {standing}")
    return standing


_MOVES = {
    Direction.ON: "changed: {version} has {old}",
    Direction.BACK: "rewound: {version} has the later commit {old}",
    Direction.ASIDE: "moved aside: {version} has {old}, which it does not contain",
    Direction.UNKNOWN: "changed: {version} has {old}, which is not to be had any more",
}


# ---- packages --------------------------------------------------------------------------------------------------


def _refuse_unreadable(target: Target, ours: Sequence[LocalRpm]) -> None:
    """Packages that the target's own rpm could not install are not released for it."""
    lines = unreadable(target.compat, [rpm.header for rpm in ours])
    if lines:
        raise InputError(
            f"{len(lines)} packages cannot be read on {target.name}",
            why="\n".join(lines),
            todo="mend the macros of the target's mock configuration (payload and digest algorithms)",
        )


def _placements(
    run: Run, intent: Intent, building: Building, keys: Keys, earlier: Earlier
) -> dict[str, list[Placement]]:
    """repository → its signed packages with their origins; released files of the same content are taken as they are."""
    placed: dict[str, list[Placement]] = {}
    unsigned: dict[tuple[str, str], list[tuple[Path, Origin]]] = {}
    for sourced, _ in building.sourcing.made:
        built = building.built[sourced.component.name]
        repository = run.config.repositories[str(sourced.component.repository)]
        origin = _origin(sourced, built)
        wanted = [(repository.name, rpm.path, earlier.find(rpm.header.nevra)) for rpm in built.rpms]
        if repository.source_rpms and built.srpm is not None:
            # Packages that are kept were built from the source package that was released with them.
            kept = all(released is not None for _, _, released in wanted)
            found = earlier.find(read_header(built.srpm).nevra) if kept else None
            wanted.append((repository.source_rpms, built.srpm, found))
        for name, path, released in wanted:
            if released is not None:
                placed.setdefault(name, []).append(Placement(path=released, origin=origin))
            else:
                unsigned.setdefault((name, repository.key), []).append((path, origin))
    for (name, key), packages in unsigned.items():
        signed = sign_packages(
            [path for path, _ in packages],
            signer=keys.home,
            key=keys.get(key),
            key_file=run.config.keys[key].file,
            store=run.workspace.signed,
            compat=intent.target.compat,
        )
        for one, (_, origin) in zip(signed, packages):
            placed.setdefault(name, []).append(Placement(path=one.path, origin=origin))
    return placed


def _origin(sourced: Sourced, built: Built) -> Origin:
    component = sourced.component
    if component.kind is Kind.SPEC:
        return SpecOrigin(
            path=component.path,
            commit=component.commit,
            sources=tuple(SourceFile(file=one.file, sha256=one.sha256) for one in listed_sources(sourced)),
            build_key=built.key,
        )
    return ComponentOrigin(
        path=component.path,
        commit=component.commit,
        url=without_password(component.url or ""),
        build_key=built.key,
    )


# ---- composition -----------------------------------------------------------------------------------------------


def _release_plan(
    run: Run, intent: Intent, building: Building, placed: dict[str, list[Placement]], releases: Path
) -> ReleasePlan:
    config = run.config
    previous = releases / intent.previous.version if intent.previous else None
    repositories = []
    for repository in config.repositories.values():
        for name, source in _directories(repository):
            reuse = previous / name if previous is not None and (previous / name).is_dir() else None
            repositories.append(
                RepositoryPlan(
                    name=name,
                    key=repository.key,
                    source=source,
                    packages=tuple(placed.get(name, ())),
                    reuse_from=reuse,
                    further_keys=config.succession(repository.key),
                )
            )
    signing = next(one.key for one in config.repositories.values() if one.source is not Source.MIRROR)
    return ReleasePlan(
        project=config.project,
        version=intent.version,
        baseurl=settings_of(config).baseurl,
        epoch=intent.planned.discovery.time,
        compat=intent.target.compat,
        superproject=SuperprojectPin(
            url=without_password(run.superproject.remote or ""),
            commit=intent.commit,
            tag=intent.tags.name if intent.tags else None,
        ),
        previous=intent.previous.version if intent.previous else None,
        target=intent.target.name,
        tool_version=__version__,
        keys=tuple(KeyFile(name=key.name, file=key.file) for key in config.keys.values()),
        signing_key=signing,
        repositories=tuple(repositories),
        builds=_build_records(building),
        waivers=config.waivers,
        skipped=tuple(
            SkippedComponent(component=out.name, reason=out.reason)
            for out in intent.planned.discovery.left_out
        ),
    )


def _directories(repository: Repository) -> list[tuple[str, bool]]:
    own = [(repository.name, False)]
    return [*own, (repository.source_rpms, True)] if repository.source_rpms else own


def _build_records(building: Building) -> tuple[BuildRecord, ...]:
    order = building.planned.order
    records = []
    for row in building.rows:
        built = building.built.get(row.component)
        if built is None:
            continue
        records.append(
            BuildRecord(
                component=row.component,
                status=row.status.value,
                reason=row.reason,
                seconds=row.seconds,
                buildroot=buildroot_digest(built.buildroot),
                log=_log_name(row.component) if row.log else "",
                source=Path(row.srpm).name if row.srpm else "",
                source_sha256=sha256_file(Path(row.srpm)) if row.srpm else "",
                key=built.key,
                needs=tuple(
                    one for one in order.needs.get(row.component, ()) if one not in order.first_passes
                ),
            )
        )
    return tuple(records)


def _log_name(component: str) -> str:
    """Where the log of a component is in a release: `a/b` and `a_b` have one each."""
    return f"report/logs/{component}.log.gz"


def _put_logs(directory: Path, building: Building, previous: Path | None) -> None:
    """The build logs into the release, so that they outlive the workspace."""
    for row in building.rows:
        if row.log and row.status in (Status.BUILT, Status.REUSED):
            name = _log_name(row.component)
            earlier = previous / name if previous is not None else None
            write_or_link(directory / name, _packed(Path(row.log).read_bytes(), earlier), earlier)


def _packed(log: bytes, earlier: Path | None) -> bytes:
    """A log packed; where an earlier release has this very log, as it is there."""
    if earlier is not None:
        try:
            packed = earlier.read_bytes()
            if gzip.decompress(packed) == log:
                return packed
        except (OSError, EOFError, zlib.error):
            pass  # it has none, or a damaged one
    return gzip.compress(log, mtime=0)
