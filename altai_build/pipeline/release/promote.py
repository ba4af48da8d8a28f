"""Let a channel show a release, after checking the release and the way to it from what the channel showed before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from altai_build.config import Config
from altai_build.errors import InputError, PublishError, UsageError, describe_cause
from altai_build.model.channel import (
    ChannelHistory,
    Promotion,
    format_moment,
    is_channel_name,
    make_channel_repo_name,
    make_metalink_path,
)
from altai_build.model.findings import Finding, VerificationReport, refuse_errors
from altai_build.model.metalink import format_metalink
from altai_build.model.release import Manifest, ReleasedRepository
from altai_build.model.release_files import CHECKSUMS_NAME, KEY_FILE_PREFIX
from altai_build.model.repo_file import format_channel_repo_file
from altai_build.model.suggestion import suggest
from altai_build.model.upgrade import UpgradeReport
from altai_build.pipeline.published.approvals import check_approvals
from altai_build.pipeline.published.channels import list_channel_keys
from altai_build.pipeline.published.releases import find_release, load_manifest, open_releases
from altai_build.pipeline.published.upgrade import check_upgrades, read_external_repositories
from altai_build.pipeline.published.verify import verify_published
from altai_build.pipeline.release.signing import unlock_keys
from altai_build.pipeline.run import Run
from altai_build.regular_files import read_regular_file
from altai_build.stages.channel import list_channels, read_channel, switch_channel
from altai_build.stages.publish import compare_releases, lock_releases
from altai_build.tools.files import sha256_file
from altai_build.tools.git.committer import read_committer
from altai_build.tools.openpgp.passphrase import Passphrase
from altai_build.tools.repo.repomd import REPOMD
from altai_build.tools.repo.repomd_identity import read_repomd_identity
from altai_build.tools.url import join_url

_MAX_KEY_FILE = 1 << 20  # bytes
_MOST_EARLIER = 16  # releases that a metalink names besides the one that is shown


@dataclass(frozen=True)
class PromotionPlan:
    """What `promote` is going to do; `--dry-run` prints this very object.

    `files` are those of the channel's folder; `is_needed` is False where the channel has them already.
    """

    channel: str
    directory: Path
    history: ChannelHistory | None  # None: the channel is new
    promotion: Promotion
    files: dict[str, bytes]
    is_needed: bool
    verification: VerificationReport
    upgrades: UpgradeReport | None  # None: there is nothing to upgrade from


def plan_promotion(
    run: Run, version: str, channel: str, *, why: str = "", reason_to_go_back: str | None = None
) -> PromotionPlan:
    """Check the release, and the way to it from what the channel shows.

    With `reason_to_go_back` the release must be older than what the channel shows. Raises UsageError for what is no
    name of a channel, InputError for a release or a channel that cannot be read, PublishError for an older release
    without a reason to go back, VerificationError when the release or the way to it has errors.
    """
    if not is_channel_name(channel):
        raise UsageError(
            f"{channel!r} is not a name for a channel",
            why="it stands in URLs and in names of repositories: small letters, digits, - and _, at most 31",
            todo="use a name such as stable",
        )
    releases = open_releases(run.config, run.reporter.warn)
    if "/" in version:
        raise UsageError("a channel shows a published release", todo="name it by its version, such as 1.0.2")
    directory = find_release(releases, version)
    checksums = sha256_file(directory / CHECKSUMS_NAME)
    manifest = load_manifest(directory)
    _refuse_without_index(directory)
    history = _read_channel(run, releases, channel)
    if history is None:
        _warn_of_similar_channel(run, releases, channel)
    shown = history.last.version if history is not None else None
    _check_direction(channel, manifest.version, shown, reason_to_go_back)
    if reason_to_go_back is None:
        _warn_of_skipped_rings(run, releases, channel, manifest.version)
        if shown is not None:
            _warn_of_older_index(run, releases / shown, directory, manifest.version)
    files = make_channel_files(
        run.config, directory, manifest, channel, list_shown_before(releases, history, manifest.version)
    )
    promotion = Promotion(
        number=history.last.number + 1 if history is not None else 1,
        who=read_committer(run.config.superproject.path),
        when=format_moment(datetime.now(timezone.utc)),
        previous=shown,
        version=manifest.version,
        why=reason_to_go_back or why,
        is_back=reason_to_go_back is not None,
        checksums=checksums,
    )
    with run.reporter.run_step("verification"):
        verification = verify_published(run, directory, version=manifest.version)
        approvals = check_approvals(run, directory)
        verification = replace(verification, findings=(*verification.findings, *approvals))
    _refuse(verification.findings, promotion, channel)
    old = list(_list_ways(releases, history, promotion))
    upgrades = None
    if old:
        external = read_external_repositories(run)
        upgrades = check_upgrades(run, old, directory, external, reason_to_go_back=reason_to_go_back)
        _refuse(upgrades.findings, promotion, channel)
    return PromotionPlan(
        channel=channel,
        directory=directory,
        history=history,
        promotion=promotion,
        files=files,
        is_needed=history is None or _is_other(history, promotion, files),
        verification=verification,
        upgrades=upgrades,
    )


def promote(run: Run, plan: PromotionPlan, passphrase: Passphrase) -> Path:
    """Let the channel show the release; returns the folder of the channel.

    Raises PublishError, and changes nothing, when the release or the channel changed since the plan was made.
    """
    releases = plan.directory.parent
    name = run.config.signing_key
    with unlock_keys(run, [name], run.config.get_target(), passphrase) as keys, lock_releases(releases):
        if _read_channel(run, releases, plan.channel) != plan.history:
            raise PublishError(
                f"the channel {plan.channel} was not changed: another run changed it meanwhile",
                todo="rerun the command: it checks the way from what the channel shows now",
            )
        _refuse_changed_release(plan)
        earlier = plan.history.promotions if plan.history is not None else ()
        history = ChannelHistory(
            project=run.config.project,
            channel=plan.channel,
            promotions=(*earlier, plan.promotion),
            files={},
        )
        return switch_channel(releases, history, plan.files, keys[name])


def _read_channel(run: Run, releases: Path, name: str) -> ChannelHistory | None:
    return read_channel(releases, name, list_channel_keys(run.config), project=run.config.project)


def _refuse_without_index(directory: Path) -> None:
    """Raise PublishError for a release that an altai-build made which wrote no index of whole releases."""
    if not (directory / REPOMD).is_file():
        raise PublishError(
            f"a channel cannot show release {directory.name}",
            why=f"{directory / REPOMD} is missing: this file lists the packages of all repositories, and an earlier "
            "altai-build did not write it",
            todo="make the release again as the next version, and promote that",
        )


def _refuse_changed_release(plan: PromotionPlan) -> None:
    """Raise PublishError when the release that was verified is gone, or is another by now."""
    try:
        is_same = sha256_file(plan.directory / CHECKSUMS_NAME) == plan.promotion.checksums
    except OSError:
        is_same = False
    if not is_same:
        raise PublishError(
            f"the channel {plan.channel} was not changed: release {plan.promotion.version} changed while it was "
            "checked",
            todo=f"check it with `altai-build verify {plan.promotion.version}`",
        )


def _check_direction(channel: str, version: str, shown: str | None, reason_to_go_back: str | None) -> None:
    order = compare_releases(version, shown) if shown is not None else 1
    if order < 0 and reason_to_go_back is None:
        raise PublishError(
            f"the channel {channel} shows {shown}, which is newer than {version}",
            why="machines that follow it would keep the newer packages until they run distro-sync",
            todo=f"to go back, say why: altai-build promote {version} --to {channel} --back REASON",
        )
    if order >= 0 and reason_to_go_back is not None:
        raise PublishError(
            f"{version} is no way back: the channel {channel} shows {shown or 'nothing'}",
            todo="leave out --back",
        )


def _warn_of_similar_channel(run: Run, releases: Path, channel: str) -> None:
    """Warn of a new channel whose name may be a mistyped one of another."""
    rings = [name for name, _ in run.config.get_release_settings().rings]
    hint = suggest(channel, {*list_channels(releases), *rings} - {channel})
    if hint:
        run.reporter.warn(f"the channel {channel} is new: no machine follows it yet; {hint}")


def _warn_of_skipped_rings(run: Run, releases: Path, channel: str, version: str) -> None:
    """Warn when machines of a later ring get a release before those of an earlier one."""
    names = [name for name, _ in run.config.get_release_settings().rings]
    for name in names[: names.index(channel)] if channel in names else ():
        history = _read_channel(run, releases, name)
        if history is None or compare_releases(history.last.version, version) < 0:
            shows = history.last.version if history is not None else "nothing"
            run.reporter.warn(f"the ring {name} is before {channel}, but shows {shows}")


def _warn_of_older_index(run: Run, shown: Path, directory: Path, version: str) -> None:
    """Warn of a release whose index is dated before the one that is shown: yum takes that for a rollback.

    The date is that of the superproject's commit, so that of a fix of an older branch may be earlier.
    """
    if not (shown / REPOMD).is_file():
        return
    before, after = (read_repomd_identity(place) for place in (shown, directory))
    if after.timestamp < before.timestamp:
        run.reporter.warn(
            f"the index of {version} is dated before that of {shown.name}: dnf takes it, but yum keeps the one "
            "that it has until `yum clean metadata`"
        )


def _list_ways(releases: Path, history: ChannelHistory | None, promotion: Promotion) -> Iterator[Path]:
    """The releases that machines of the channel come from.

    On the way back these are all newer ones that it has shown and that still exist: machines may lag behind.
    """
    if history is None or promotion.previous in (None, promotion.version):
        return
    shown = {promotion.previous}
    if promotion.is_back:
        shown.update(
            earlier.version
            for earlier in history.promotions
            if compare_releases(earlier.version, promotion.version) > 0
            and (releases / earlier.version).is_dir()
        )
    for version in sorted(filter(None, shown)):
        yield releases / version


def _is_other(history: ChannelHistory, promotion: Promotion, files: dict[str, bytes]) -> bool:
    """True where the channel does not have exactly these files of this release."""
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    return (history.last.version, history.last.checksums, dict(history.files)) != (
        promotion.version,
        promotion.checksums,
        digests,
    )


def list_shown_before(releases: Path, history: ChannelHistory | None, version: str) -> list[str]:
    """The other releases that a channel has shown last and that still exist, the last one first."""
    shown = dict.fromkeys(promotion.version for promotion in reversed(history.promotions if history else ()))
    found = [earlier for earlier in shown if earlier != version and (releases / earlier).is_dir()]
    return found[:_MOST_EARLIER]


def make_channel_files(
    config: Config, directory: Path, manifest: Manifest, channel: str, earlier: Sequence[str]
) -> dict[str, bytes]:
    """The files of a channel that shows the release in `directory`: path in the channel's folder → content.

    `earlier` are the releases that it has shown, the last one first. A dnf that has read the index of one of them asks
    for the metalink again before it downloads packages (librepo prepares the mirrors of each handle anew), so the
    metalink names the earlier releases too: they have these packages, and none of them has the index that it wants.
    yum keeps metalink and index together.

    Besides the metalink of the whole release there is one for each repository, for .repo files that name them. Raises
    InputError when a file of the release cannot be read.
    """
    settings = config.get_release_settings()
    repositories = _sort_repositories(config, manifest)
    listed = (name for repository in repositories for name in repository.keys)
    keys = tuple(dict.fromkeys((*_list_metadata_keys(manifest), *listed)))
    repo_file = format_channel_repo_file(
        config.project, channel, settings.baseurl, keys, release_keys=_list_metadata_keys(manifest)
    )
    files = {make_channel_repo_name(config.project, channel): repo_file.encode()}
    # "" is the release itself: its index of all repositories, which the .repo file names.
    for repository in ("", *(repository.name for repository in repositories)):
        index = f"{repository}/{REPOMD}".lstrip("/")
        places = [join_url(place, manifest.version) for place in (*settings.mirrors, settings.baseurl)]
        places += [
            join_url(settings.baseurl, version)
            for version in earlier
            if (directory.parent / version / index).is_file()
        ]
        urls = [join_url(place, index) for place in places]
        repomd = read_repomd_identity(directory / repository)
        files[make_metalink_path(repository)] = format_metalink(repomd, urls).encode()
    for name in keys:
        file = f"{KEY_FILE_PREFIX}{name}"
        try:
            files[file] = read_regular_file(directory / file, limit=_MAX_KEY_FILE)
        except OSError as error:
            raise InputError(f"{directory / file} cannot be read", why=describe_cause(error)) from error
    return files


def _sort_repositories(config: Config, manifest: Manifest) -> list[ReleasedRepository]:
    """Those of binary packages in the release, in the order of repos.yaml."""
    order = {name: number for number, name in enumerate(config.repositories)}
    binary = (repository for repository in manifest.repositories if not repository.source)
    return sorted(binary, key=lambda each: order.get(each.name, len(order)))


def _list_metadata_keys(manifest: Manifest) -> tuple[str, ...]:
    """The key that signs the metadata, and those that it replaces or that are to replace it."""
    further = (each.further_keys for each in manifest.repositories if each.key == manifest.signed_by)
    return (manifest.signed_by, *next(further, ()))


def _refuse(findings: Sequence[Finding], promotion: Promotion, channel: str) -> None:
    refuse_errors(
        findings,
        f"the channel {channel} was not changed",
        todo="apply the fixes and promote again; what is wrong in the release itself needs a new one",
    )
