"""Git histories as `git fast-import` streams: equal input gives equal commit ids, without a work tree."""

from __future__ import annotations

import io
import stat
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

    from catalogue import Component, Sdist, SuperCommit

COMMIT_AUTHOR = b"Altai Developers <developers@altai.invalid>"
COMPONENT_EPOCH = 1675238400  # 2023-02-01 00:00 UTC
SUPERPROJECT_EPOCH = 1677657600  # 2023-03-01 00:00 UTC, after every component's last commit
SECONDS_BETWEEN_COMMITS = 36_000

FILE, PROGRAM, SYMLINK, GITLINK = b"100644", b"100755", b"120000", b"160000"


@dataclass(frozen=True)
class Entry:
    """One path of a tree: the bytes of a file, the target of a link, or the commit id of a gitlink."""

    mode: bytes
    data: bytes


Tree = Mapping[str, Entry]


def archive_tree(archive: bytes) -> dict[str, Entry]:
    """The files of a source archive, without its top folder."""
    tree: dict[str, Entry] = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            path = member.name.partition("/")[2]
            if not path:
                continue
            if member.issym():
                tree[path] = Entry(mode=SYMLINK, data=member.linkname.encode())
            elif member.isreg():
                content = tar.extractfile(member)
                assert content is not None
                mode = PROGRAM if member.mode & stat.S_IXUSR else FILE
                tree[path] = Entry(mode=mode, data=content.read())
    return tree


def folder_tree(folder: Path, replacements: Mapping[str, str]) -> dict[str, Entry]:
    """The files below `folder`, with each `@WORD@` replaced by its value in `replacements`."""
    tree: dict[str, Entry] = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            for word, value in replacements.items():
                text = text.replace(f"@{word}@", value)
            tree[file.relative_to(folder).as_posix()] = Entry(mode=FILE, data=text.encode())
    return tree


def component_stream(
    out: BinaryIO, component: Component, archives: Mapping[Sdist, bytes], packaging: Path
) -> None:
    """Write the whole history of one component; mark N+1 is its commit N."""
    for number, commit in enumerate(component.commits):
        tree = archive_tree(archives[commit.sdist])
        for overlay in commit.overlays:
            tree.update(folder_tree(packaging / overlay, {"VERSION": commit.sdist.version}))
        _commit(
            out,
            mark=number + 1,
            seconds=COMPONENT_EPOCH + number * SECONDS_BETWEEN_COMMITS,
            subject=commit.subject,
            tree=tree,
        )
    out.write(b"done\n")


def superproject_stream(
    out: BinaryIO,
    history: tuple[SuperCommit, ...],
    components: Mapping[str, Component],
    commit_ids: Mapping[str, tuple[str, ...]],
    files: Mapping[str, Tree],
) -> None:
    """Write the superproject's history; `files` are its own files for each value of `release_version`."""
    pins: dict[str, str] = {}
    own: Tree = {}
    for number, commit in enumerate(history):
        for pin in commit.pins:
            pins[pin.component] = commit_ids[pin.component][pin.commit]
        for name in commit.removed:
            del pins[name]
        if commit.release_version is not None:
            own = files[commit.release_version]
        tree = dict(own)
        if pins:
            tree[".gitmodules"] = Entry(
                mode=FILE, data=_gitmodules([components[name] for name in sorted(pins)])
            )
        for name, commit_id in pins.items():
            tree[components[name].path] = Entry(mode=GITLINK, data=commit_id.encode())
        _commit(
            out,
            mark=number + 1,
            seconds=SUPERPROJECT_EPOCH + number * SECONDS_BETWEEN_COMMITS,
            subject=commit.subject,
            tree=tree,
        )
    out.write(b"done\n")


def _gitmodules(components: list[Component]) -> bytes:
    sections = [f'[submodule "{c.label}"]\n\tpath = {c.path}\n\turl = ../{c.name}.git\n' for c in components]
    return "".join(sections).encode()


def _commit(out: BinaryIO, *, mark: int, seconds: int, subject: str, tree: Tree) -> None:
    message = subject.encode() + b"\n"
    out.write(b"commit refs/heads/main\nmark :%d\n" % mark)
    out.write(b"committer %s %d +0000\n" % (COMMIT_AUTHOR, seconds))
    out.write(b"data %d\n%s" % (len(message), message))
    if mark > 1:
        out.write(b"from :%d\n" % (mark - 1))
    out.write(b"deleteall\n")
    for path, entry in sorted(tree.items()):
        if entry.mode == GITLINK:
            out.write(b"M %s %s %s\n" % (entry.mode, entry.data, path.encode()))
        else:
            out.write(
                b"M %s inline %s\ndata %d\n%s\n" % (entry.mode, path.encode(), len(entry.data), entry.data)
            )
    out.write(b"\n")
