"""The attacks on a repository that TUF names, and those that rpm adds: what a server shows in place of a release.

TUF's list: https://theupdateframework.io/docs/security/.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from altai_build.model.compat import Compat
from altai_build.model.metalink import format_metalink
from altai_build.model.release import FollowedRelease
from altai_build.model.repo_file import format_channel_repo_file
from altai_build.pipeline.published.approvals import get_approval_file, make_statement
from altai_build.stages.compose import ReleaseContents, sign_checksums
from altai_build.tools.files import make_tree_public, sha256_file
from altai_build.tools.openpgp.signing import SigningKey
from altai_build.tools.repo.repodata import write_repodata
from altai_build.tools.repo.repomd_identity import read_repomd_identity
from altai_build.tools.repo.whole_index import write_whole_index
from tests.kit.attack_server import Hostility
from tests.kit.keys import ThrowawayKey, make_key, signing_key
from tests.kit.releases import Materials, make_release, make_release_contents, with_packages, with_repository
from tests.kit.repositories import Package, build_packages

OLD, NEW = "1.0.0", "1.0.1"
# The package of the attacker: whoever has it installed was had.
EVIL = "app-9.9-1.noarch"
# Of a section, and of the whole release.
INDEXES = ("centos6", ".")
# Where all packages are that clients can install.
SECTIONS = ("centos6", "deps/epel", "deps/misc")


@dataclass
class AttackWorld:
    """Two honest releases at a server, the keys of everybody, and the attacker's packages."""

    folder: Path
    url: str
    hostility: Hostility
    materials: Materials
    ours: SigningKey
    theirs: SigningKey
    evil: SigningKey
    approvers: dict[str, ThrowawayKey]

    @property
    def releases(self) -> Path:
        """The folder of the honest releases."""
        return self.folder / "releases"

    def copy(self, version: str = NEW) -> Path:
        """A copy of an honest release that the attacker may change; there is one at a time."""
        shutil.rmtree(self.folder / "attack", ignore_errors=True)
        return shutil.copytree(self.releases / version, self.folder / "attack" / "latest")

    def serve(self, latest: Path) -> None:
        """Serve a release as `latest`, which the channel shows, beside all that is honest.

        Nobody signs metalinks, so whoever has the server writes one that names any index.
        """
        channel = self.folder / "channels" / "stable"
        shutil.rmtree(channel, ignore_errors=True)
        channel.mkdir(parents=True)
        for key in latest.glob("RPM-GPG-KEY-*"):
            shutil.copy(key, channel)
        urls = [f"{self.url}/latest/repodata/repomd.xml"]
        (channel / "metalink.xml").write_text(format_metalink(read_repomd_identity(latest), urls))
        repo_file = format_channel_repo_file(
            "altai", "stable", self.url, ["ours", "epel6"], release_keys=["ours"]
        )
        (channel / "altai-stable.repo").write_text(repo_file)
        trees = {entry.name: entry for entry in self.releases.iterdir()}
        self.hostility.trees = {**trees, "latest": latest, "channels": channel.parent}
        self.hostility.endless = self.hostility.slow = ()
        self.hostility.sent, self.hostility.held = 0, 0.0

    def make_evil_package(
        self, name: str = "unsigned", *keys: SigningKey, requires: tuple[str, ...] = ()
    ) -> Path:
        """The attacker's package, signed with these keys."""
        (rpm,) = build_packages(
            self.folder / "evil" / name,
            [Package("app", "9.9", requires=requires, files={"/opt/evil": "evil\n"})],
        )
        for key in keys:
            key.sign_rpms([rpm], rpmv3=True)
        return rpm


@contextmanager
def attack_world(folder: Path, materials: Materials, url: str, hostility: Hostility) -> Iterator[AttackWorld]:
    """Make the honest releases: 1.0.1 follows 1.0.0, and both are approved by two persons."""
    approvers = {name: make_key(folder / "keys", name) for name in ("alice", "bob")}
    with ExitStack() as stack:
        ours = stack.enter_context(signing_key(materials.ours))
        theirs = stack.enter_context(signing_key(materials.theirs))
        evil = stack.enter_context(signing_key(make_key(folder / "keys", "evil")))
        world = AttackWorld(folder, url, hostility, materials, ours, theirs, evil, approvers)
        for version in (OLD, NEW):
            make_honest_release(world, version)
            approve(world, version)
        world.serve(world.releases / OLD)
        yield world


def make_contents(world: AttackWorld, version: str, app: Path) -> ReleaseContents:
    """The contents of a release with the package `app`, which follows the release before it."""
    follows: tuple[FollowedRelease, ...] = ()
    if version == NEW:
        follows = (FollowedRelease(OLD, sha256_file(world.releases / OLD / "SHA256SUMS")),)
    contents = replace(
        make_release_contents(world.materials, version),
        baseurl=world.url,
        previous=OLD if follows else None,
        follows=follows,
        # Clients meet it in the future: whoever keeps them there for longer is noticed.
        expected_by="2000-01-01T00:00:00Z" if version == NEW else None,
    )
    return with_packages(contents, "centos6", app)


def make_honest_release(world: AttackWorld, version: str) -> None:
    """Publish a release with app 1.0 or 1.1."""
    app_version = {OLD: "1.0", NEW: "1.1"}[version]
    (app,) = build_packages(world.folder / "rpms" / version, [Package("app", app_version)])
    world.ours.sign_rpms([app], rpmv3=True)
    make_release(world.releases / version, world.materials, make_contents(world, version, app))
    make_tree_public(world.releases / version)


def approve(world: AttackWorld, version: str) -> None:
    """Both persons approve an honest release."""
    text = make_statement("altai", version, sha256_file(world.releases / version / "SHA256SUMS"))
    statement = world.folder / "statement"
    statement.write_bytes(text)
    for name, person in world.approvers.items():
        file = get_approval_file(world.releases, version, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        with signing_key(person) as key:
            shutil.move(key.sign_detached(statement), file)


@dataclass(frozen=True)
class Attack:
    """One attack: its name in the table, and what makes the server play it.

    `seen` is the release that the machine knows before, "" for a machine that meets the server for the first time.
    `repo_file` says that the machine takes the .repo file from the server that attacks it, `has_keys` that its own
    .repo file names key files on the machine. `is_silent`: the attack succeeds when the machine notices nothing, else
    when the attacker's package is installed.
    """

    name: str
    play: Callable[[AttackWorld], None]
    seen: str = OLD
    repo_file: bool = False
    has_keys: bool = False
    is_silent: bool = False


def _index(latest: Path, section: str) -> None:
    """Write the metadata of a section, and of the whole release, again, as anybody can."""
    for folder in (latest / section, latest):
        shutil.rmtree(folder / "repodata")
    write_repodata(latest / section, epoch=1362052800, compat=Compat.EL6, reuse_from=None)
    write_whole_index(latest, SECTIONS, epoch=1362052800, compat=Compat.EL6)


def _add_evil(world: AttackWorld, section: str, rpm: Path, signer: SigningKey | None) -> Path:
    """A release with the attacker's package in the metadata of a section, signed by `signer`, else as before."""
    latest = world.copy()
    indexes = [latest / folder / "repodata" / "repomd.xml" for folder in (section, ".")]
    signatures = {index: index.with_name(f"{index.name}.asc").read_bytes() for index in indexes}
    shutil.copy(rpm, latest / section / rpm.name)
    _index(latest, section)
    for index, signature in signatures.items():
        if signer is None:
            index.with_name(f"{index.name}.asc").write_bytes(signature)
        else:
            signer.sign_detached(index)
    return latest


def _replace_bytes(world: AttackWorld, content: Path) -> None:
    latest = world.copy()
    (app,) = (latest / "centos6").glob("app-*.rpm")
    app.unlink()
    shutil.copy(content, app)
    world.serve(latest)


def _arbitrary_package(world: AttackWorld) -> None:
    _replace_bytes(world, world.make_evil_package())


def _wrong_software(world: AttackWorld) -> None:
    _replace_bytes(world, world.materials.own)


def _arbitrary_metadata(world: AttackWorld) -> None:
    world.serve(_add_evil(world, "centos6", world.make_evil_package(), None))


def _arbitrary_signed(world: AttackWorld) -> None:
    world.serve(_add_evil(world, "centos6", world.make_evil_package("evil", world.evil), world.evil))


def _signature_dropped(world: AttackWorld) -> None:
    latest = _add_evil(world, "centos6", world.make_evil_package(), None)
    for folder in INDEXES:
        (latest / folder / "repodata" / "repomd.xml.asc").unlink()
    world.serve(latest)


def _rollback(world: AttackWorld) -> None:
    world.serve(world.releases / OLD)


def _freeze(world: AttackWorld) -> None:
    world.serve(world.releases / NEW)


def _endless_metadata(world: AttackWorld) -> None:
    world.serve(world.releases / NEW)
    world.hostility.endless = tuple(f"latest/{folder}repodata/repomd.xml" for folder in ("centos6/", ""))


def _endless_package(world: AttackWorld) -> None:
    world.serve(world.releases / NEW)
    world.hostility.endless = ("app-1.1-1.noarch.rpm",)


def _slow(world: AttackWorld) -> None:
    world.serve(world.releases / NEW)
    world.hostility.slow = tuple(f"latest/{folder}repodata/repomd.xml" for folder in ("centos6/", ""))


def _extraneous_dependencies(world: AttackWorld) -> None:
    latest = world.copy()
    for folder in INDEXES:
        (primary,) = (latest / folder / "repodata").glob("*primary.xml.gz")
        text = gzip.decompress(primary.read_bytes()).decode()
        entry = '<rpm:requires><rpm:entry name="erlang"/></rpm:requires><rpm:header-range'
        changed = text.replace("<rpm:header-range", entry)
        assert changed != text
        primary.write_bytes(gzip.compress(changed.encode(), mtime=0))
    world.serve(latest)


def _mix_metadata(world: AttackWorld) -> None:
    """The signed index of the new release, and under the names in it the metadata of the old one."""
    latest = world.copy()
    for folder in INDEXES:
        for file in (latest / folder / "repodata").glob("*.gz"):
            kind = file.name.rpartition("-")[2]
            (old,) = (world.releases / OLD / folder / "repodata").glob(f"*-{kind}")
            shutil.copy(old, file)
    world.serve(latest)


def _mix_sections(world: AttackWorld) -> None:
    latest = world.copy()
    shutil.rmtree(latest / "centos6")
    shutil.copytree(world.releases / OLD / "centos6", latest / "centos6")
    world.serve(latest)


def _third_party_key_own_section(world: AttackWorld) -> None:
    rpm = world.make_evil_package("theirs", world.theirs)
    world.serve(_add_evil(world, "deps/epel", rpm, world.theirs))


def _third_party_key_other_section(world: AttackWorld) -> None:
    rpm = world.make_evil_package("theirs", world.theirs)
    world.serve(_add_evil(world, "centos6", rpm, world.theirs))


def _third_party_key_whole_release(world: AttackWorld) -> None:
    rpm = world.make_evil_package("theirs", world.theirs)
    shutil.rmtree(world.folder / "attack", ignore_errors=True)
    contents = replace(make_contents(world, NEW, rpm), signing_key="epel6")
    contents = with_repository(contents, "centos6", further_keys=("epel6",))
    latest = make_release(world.folder / "attack" / "latest", world.materials, contents)
    make_tree_public(latest)
    world.serve(latest)


def _make_again_with_our_key(world: AttackWorld, version: str) -> Path:
    rpm = world.make_evil_package("ours", world.ours)
    shutil.rmtree(world.folder / "attack", ignore_errors=True)
    contents = replace(make_contents(world, NEW, rpm), version=version)
    if version != NEW:
        follows = (FollowedRelease(NEW, sha256_file(world.releases / NEW / "SHA256SUMS")),)
        contents = replace(contents, previous=NEW, follows=follows, expected_by=None)
    latest = make_release(world.folder / "attack" / "latest", world.materials, contents)
    make_tree_public(latest)
    return latest


def _release_key_same_version(world: AttackWorld) -> None:
    world.serve(_make_again_with_our_key(world, NEW))


def _release_key_next_version(world: AttackWorld) -> None:
    world.serve(_make_again_with_our_key(world, "1.0.2"))


def _unsigned_package(world: AttackWorld) -> None:
    latest = _add_evil(world, "centos6", world.make_evil_package(), world.ours)
    sign_checksums(latest, world.ours)
    world.serve(latest)


def _swap_key(world: AttackWorld) -> None:
    latest = _add_evil(world, "centos6", world.make_evil_package("evil", world.evil), world.evil)
    shutil.copy(world.evil.file, latest / "RPM-GPG-KEY-ours")
    for index in latest.glob("**/repomd.xml"):
        world.evil.sign_detached(index)
    world.serve(latest)


def _swap_repo_file(world: AttackWorld) -> None:
    latest = _add_evil(world, "centos6", world.make_evil_package(), None)
    world.serve(latest)
    for file in (latest / "altai.repo", world.folder / "channels" / "stable" / "altai-stable.repo"):
        file.write_text(file.read_text().replace("gpgcheck=1", "gpgcheck=0"))


ATTACKS = (
    Attack("arbitrary software: another package under the name of ours", _arbitrary_package),
    Attack("arbitrary software: metadata that lists it, old signature", _arbitrary_metadata),
    Attack("arbitrary software: all signed with the attacker's key", _arbitrary_signed),
    Attack("rollback to an older release", _rollback, seen=NEW, is_silent=True),
    Attack("indefinite freeze", _freeze, seen=NEW, is_silent=True),
    Attack("endless data: the index of the metadata", _endless_metadata),
    Attack("endless data: a package", _endless_package),
    Attack("slow retrieval", _slow),
    Attack("extraneous dependencies in the metadata", _extraneous_dependencies),
    Attack("mix-and-match: index and metadata of two releases", _mix_metadata),
    Attack("mix-and-match: sections of two releases", _mix_sections, is_silent=True),
    Attack("wrong software: another package that we signed", _wrong_software),
    Attack("key compromise: a third party's key, in its own section", _third_party_key_own_section),
    Attack("key compromise: a third party's key, in our section", _third_party_key_other_section),
    Attack("key compromise: a third party's key, a whole release", _third_party_key_whole_release),
    Attack("key compromise: the release's key, a release made again", _release_key_same_version, seen=NEW),
    Attack("key compromise: the release's key, the next release", _release_key_next_version),
    Attack("signature file dropped", _signature_dropped),
    Attack("unsigned package in signed metadata", _unsigned_package),
    Attack("key swapped, machine that knows ours", _swap_key),
    Attack("key swapped, new machine", _swap_key, seen=""),
    Attack("key swapped, new machine with `gpgkey=file:`", _swap_key, seen="", has_keys=True),
    Attack(".repo with gpgcheck=0, new machine", _swap_repo_file, seen="", repo_file=True),
)
