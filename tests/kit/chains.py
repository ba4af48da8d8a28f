"""Signed releases that form a chain, with packages that nobody can install: for questions about their history."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from altai_build.model.manifest import manifest_to_json
from altai_build.model.release import FollowedRelease, Manifest
from altai_build.model.release_files import CHECKSUMS_NAME, MANIFEST_NAME
from altai_build.stages.compose import sign_checksums
from altai_build.tools.files import sha256_file
from altai_build.tools.openpgp.signing import SigningKey
from tests.kit.manifests import manifest, package

SHARED_PACKAGES = 20


def follow(release: Path) -> FollowedRelease:
    """What a release says of the one that it follows."""
    return FollowedRelease(version=release.name, sha256=sha256_file(release / CHECKSUMS_NAME))


def write_release(
    releases: Path, version: str, key: SigningKey, *followed: Path, previous: str | None = None, **more: str
) -> Path:
    """A release that follows others, `previous` or the last of them in version; packages are links into it.

    `more` are changes of the manifest.
    """
    before = previous or (followed[-1].name if followed else None)
    folder = releases / version
    (folder / "centos6" / "repodata").mkdir(parents=True)
    packages = [package(f"shared{number}-1.0-1.el6.noarch") for number in range(SHARED_PACKAGES)]
    packages.append(package(f"own-{version}-1.el6.noarch"))
    listed = []
    for one in packages:
        content = one.file.encode() * 50
        source = folder if before is None else releases / before
        if (source / one.path).exists():
            os.link(source / one.path, folder / one.path)
        else:
            (folder / one.path).write_bytes(content)
        listed.append(replace(one, sha256=hashlib.sha256(content).hexdigest()))
    for name in ("repomd.xml", "primary.xml.gz"):
        (folder / "centos6" / "repodata" / name).write_text(f"{name} of {version}\n")
    shutil.copy(key.file, folder / "RPM-GPG-KEY-altai")
    made = replace(
        manifest(version, listed, previous=before), follows=tuple(follow(release) for release in followed)
    )
    write_manifest(folder, replace(made, **more), key)  # type: ignore[arg-type]
    return folder


def write_manifest(folder: Path, written: Manifest, key: SigningKey) -> None:
    """Write and sign the manifest and the checksums of a release, as whoever has the key can at any time."""
    (folder / MANIFEST_NAME).write_text(manifest_to_json(written))
    key.sign_detached(folder / MANIFEST_NAME)
    sign_checksums(folder, key)


def make_chain(releases: Path, count: int, key: SigningKey) -> list[Path]:
    """So many releases, 1.0.0 and on, each of which follows the one before; `latest` is the last."""
    made: list[Path] = []
    for number in range(count):
        made.append(write_release(releases, f"1.0.{number}", key, *made[-1:]))
    point_latest(releases, made[-1].name)
    return made


def point_latest(releases: Path, version: str) -> None:
    """Let `latest` point to a version."""
    (releases / "latest").unlink(missing_ok=True)
    (releases / "latest").symlink_to(version)


@dataclass(frozen=True)
class Mutation:
    """One way to change the past, and the release that has to be named; `first` and `last` are of the chain."""

    name: str
    apply: Callable[[Path, list[Path], SigningKey], None]
    subject: Callable[[list[Path]], str]


def _middle(made: list[Path]) -> Path:
    return made[len(made) // 2]


def _rewrite(path: Path, content: bytes) -> None:
    """Replace a file: another inode, so that no other release changes with it."""
    path.unlink()
    path.write_bytes(content)


def _change(name: str) -> Callable[[Path, list[Path], SigningKey], None]:
    def apply(releases: Path, made: list[Path], key: SigningKey) -> None:
        path = _middle(made) / name
        _rewrite(path, path.read_bytes()[:-2] + b"~\n")

    return apply


def _change_in_place(releases: Path, made: list[Path], key: SigningKey) -> None:
    with (_middle(made) / "centos6" / "shared0-1.0-1.el6.noarch.rpm").open("ab") as stream:
        stream.write(b"more")


def _drop(releases: Path, made: list[Path], key: SigningKey) -> None:
    shutil.rmtree(_middle(made))


def _drop_first(releases: Path, made: list[Path], key: SigningKey) -> None:
    shutil.rmtree(made[0])


def _drop_file(releases: Path, made: list[Path], key: SigningKey) -> None:
    (_middle(made) / "centos6" / "shared1-1.0-1.el6.noarch.rpm").unlink()


def _drop_signature(releases: Path, made: list[Path], key: SigningKey) -> None:
    (_middle(made) / f"{CHECKSUMS_NAME}.asc").unlink()


def _add_file(releases: Path, made: list[Path], key: SigningKey) -> None:
    (_middle(made) / "centos6" / "more-1-1.noarch.rpm").write_bytes(b"more")


def _link(releases: Path, made: list[Path], key: SigningKey) -> None:
    path = _middle(made) / "centos6" / "shared1-1.0-1.el6.noarch.rpm"
    path.unlink()
    path.symlink_to(made[0] / "centos6" / path.name)


def _swap(releases: Path, made: list[Path], key: SigningKey) -> None:
    one, other = _middle(made), made[1]
    one.rename(releases / ".aside")
    other.rename(one)
    (releases / ".aside").rename(other)


def _replay(releases: Path, made: list[Path], key: SigningKey) -> None:
    shutil.copytree(made[1], releases / "1.0.1000")


def _make_again(releases: Path, made: list[Path], key: SigningKey) -> None:
    """The holder of the key makes a past release again, with one file changed and every signature right."""
    old = _middle(made)
    place = made.index(old)
    shutil.rmtree(old)
    write_release(releases, old.name, key, *made[place - 1 : place], target="other")


def _fork(releases: Path, made: list[Path], key: SigningKey) -> None:
    """The holder of the key adds a release that follows a past one."""
    write_release(releases, "1.0.2.1", key, made[2])


def _unrelated(releases: Path, made: list[Path], key: SigningKey) -> None:
    write_release(releases, "0.9", key)


def _add_unchained(releases: Path, made: list[Path], key: SigningKey) -> None:
    """As if it had been made by an older altai-build."""
    folder = write_release(releases, "0.9", key)
    write_manifest(folder, replace(manifest("0.9", []), follows=None), key)


def _turn_back(releases: Path, made: list[Path], key: SigningKey) -> None:
    point_latest(releases, made[-2].name)


def _subject(ending: str = "") -> Callable[[list[Path]], str]:
    return lambda made: f"{_middle(made).name}{ending}"


MUTATIONS = (
    Mutation("manifest changed", _change(MANIFEST_NAME), _subject(f"/{MANIFEST_NAME}")),
    Mutation("signature changed", _change(f"{MANIFEST_NAME}.asc"), _subject(f"/{MANIFEST_NAME}.asc")),
    Mutation("checksums changed", _change(CHECKSUMS_NAME), _subject()),
    Mutation(
        "signature of checksums changed",
        lambda releases, made, key: _rewrite(_middle(made) / f"{CHECKSUMS_NAME}.asc", b"none\n"),
        _subject(f"/{CHECKSUMS_NAME}"),
    ),
    Mutation("signature of checksums removed", _drop_signature, _subject(f"/{CHECKSUMS_NAME}")),
    Mutation(
        "metadata changed",
        _change("centos6/repodata/repomd.xml"),
        _subject("/centos6/repodata/repomd.xml"),
    ),
    Mutation("shared package changed", _change_in_place, _subject("/centos6/shared0-1.0-1.el6.noarch.rpm")),
    Mutation("key changed", _change("RPM-GPG-KEY-altai"), _subject("/RPM-GPG-KEY-altai")),
    Mutation("file removed", _drop_file, _subject("/centos6/shared1-1.0-1.el6.noarch.rpm")),
    Mutation("file added", _add_file, _subject("/centos6/more-1-1.noarch.rpm")),
    Mutation("file turned into a link", _link, _subject("/centos6/shared1-1.0-1.el6.noarch.rpm")),
    Mutation("release removed", _drop, _subject()),
    Mutation("first release removed", _drop_first, lambda made: made[0].name),
    Mutation("two releases exchanged", _swap, _subject()),
    Mutation("release copied under another name", _replay, lambda made: f"1.0.1000/{MANIFEST_NAME}"),
    Mutation("release made again with the key", _make_again, _subject()),
    Mutation("fork made with the key", _fork, lambda made: "1.0.3"),
    Mutation("unrelated release added with the key", _unrelated, lambda made: "1.0.0"),
    Mutation("release without a chain added with the key", _add_unchained, lambda made: "0.9"),
    Mutation("latest turned back", _turn_back, lambda made: "latest"),
)
