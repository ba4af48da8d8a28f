"""Git objects read through private repositories, so that only the commit decides what is read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.commit import Commit
from altai_build.model.gitlink import CommitId, require_commit
from altai_build.tools import process
from altai_build.tools.files import make_directory, write_atomically
from altai_build.tools.git.command import ISOLATED, run_git, start_git
from altai_build.tools.git.layout import is_shallow

_ABBREVIATED_ID = re.compile(r"[0-9a-f]{4,64}")


@dataclass(frozen=True)
class TreeEntry:
    """One leaf of a commit's tree."""

    mode: str
    oid: str
    path: str

    @property
    def is_file(self) -> bool:
        """A regular file (a symbolic link is not: it could point anywhere)."""
        return self.mode in ("100644", "100755")

    @property
    def is_link(self) -> bool:
        """A symbolic link; its blob is the target."""
        return self.mode == "120000"


class ObjectStore:
    """Read access to a repository's objects through a private repository that borrows them (git's alternates).

    The configuration, references, hooks, grafts and attributes of the other repository have no effect: what is read
    depends on the commit alone. Missing history is an error, never a shorter result.
    """

    def __init__(self, git_dir: Path, *, objects: Path, origin: str) -> None:
        self.git_dir = git_dir
        # The directory of the repository whose objects are borrowed.
        self.objects = objects
        # The name of that repository in errors.
        self.origin = origin
        # Kept, because git takes a process for each.
        self._trees: dict[CommitId, tuple[TreeEntry, ...]] = {}
        self._commit_times: dict[CommitId, int] = {}

    @classmethod
    def open_borrowed(cls, common: Path, *, shadows: Path, origin: str, commit: CommitId) -> ObjectStore:
        """A store over the objects below `common`; the object format (SHA-1 or SHA-256) is that of `commit`."""
        name = hashlib.sha256(f"{common}:{len(commit)}".encode("utf-8", "surrogateescape")).hexdigest()[:24]
        shadow = shadows / name
        sha256 = len(commit) == 64
        config = f"[core]\n\trepositoryformatversion = {int(sha256)}\n\tbare = true\n"
        config += "[extensions]\n\tobjectFormat = sha256\n" if sha256 else ""
        wanted = {
            "config": config.encode(),
            "objects/info/alternates": str(common / "objects").encode("utf-8", "surrogateescape") + b"\n",
            "HEAD": b"ref: refs/heads/none\n",
        }
        for file, content in wanted.items():
            if not _has_content_bytes(shadow / file, content):
                make_directory(shadow / "refs")
                write_atomically(shadow / file, content, durable=False)
        return cls(shadow, objects=common, origin=origin)

    def run(
        self, arguments: Sequence[str], *, input: bytes | None = None, ok: Container[int] = (0,)
    ) -> process.ProcessResult:
        """Run git on the store, with no configuration but its own. Raises GitError for a status not in `ok`."""
        return run_git(ISOLATED, arguments, git_dir=self.git_dir, place=self.origin, input=input, ok=ok)

    def start_archive(
        self, commit: CommitId, prefix: str, format: str
    ) -> AbstractContextManager[process.ChildProcess]:
        """A running `git archive` of a commit; it prints the same bytes in every clone."""
        words = ["archive", f"--format={format}", f"--prefix={prefix}", require_commit(commit)]
        return start_git(ISOLATED, words, git_dir=self.git_dir)

    def has_commit_object(self, commit: CommitId) -> bool:
        """True when the commit itself is here; a damaged clone may still lack its trees."""
        check = self.run(["cat-file", "-e", f"{require_commit(commit)}^{{commit}}"], ok=process.ANY_STATUS)
        return check.returncode == 0

    def has_all_objects(self, commit: CommitId) -> bool:
        """True when every tree and blob of the commit is here; a partial clone may lack some."""
        listed = self.run(
            ["rev-list", "--objects", "--no-walk", "--missing=print", require_commit(commit)],
            ok=process.ANY_STATUS,
        )
        return listed.returncode == 0 and not any(line.startswith("?") for line in listed.text.splitlines())

    def has_tree(self, commit: CommitId) -> bool:
        """True when the commit is here with every folder of its tree."""
        if commit not in self._trees:
            listed = self.run(
                ["ls-tree", "-r", "-z", "--full-tree", require_commit(commit)], ok=process.ANY_STATUS
            )
            if listed.returncode != 0:
                return False
            self._trees[commit] = parse_tree(listed.stdout)
        return True

    def read_tree(self, commit: CommitId) -> tuple[TreeEntry, ...]:
        """Every leaf of the commit's tree, gitlinks included, in git's order. Raises InputError if it is incomplete."""
        if not self.has_tree(commit):
            raise self._incomplete_error(commit)
        return self._trees[commit]

    def read_blobs(self, oids: Iterable[str], *, commit: CommitId | None = None) -> list[bytes]:
        """The contents of blobs, in the order of `oids`. Raises InputError when one is missing.

        With `commit` its time is read in the same process, so that `read_commit_time` starts none.
        """
        blobs = list(oids)
        if commit is None:
            return self._read_objects(blobs)
        raw, *contents = self._read_objects([require_commit(commit), *blobs])
        self._commit_times[commit] = _parse_commit_time(raw)
        return contents

    def read_blob_sizes(self, oids: Sequence[str]) -> list[int]:
        """The sizes of blobs in bytes, in the order of `oids`. Raises InputError when one is missing."""
        if not oids:
            return []
        asked = "".join(f"{oid}\n" for oid in oids).encode()
        lines = self.run(["cat-file", "--batch-check=%(objectsize)"], input=asked).text.splitlines()
        for oid, line in zip(oids, lines):
            if not line.isdigit():
                raise self._incomplete_error(oid)
        return [int(line) for line in lines]

    def _read_objects(self, wanted: Sequence[str]) -> list[bytes]:
        if not wanted:
            return []
        out = self.run(["cat-file", "--batch"], input="".join(f"{oid}\n" for oid in wanted).encode()).stdout
        contents, at = [], 0
        for oid in wanted:
            end = out.index(b"\n", at)
            words = out[at:end].split()
            if len(words) != 3:
                raise self._incomplete_error(oid)
            at = end + 1 + int(words[2]) + 1
            contents.append(out[end + 1 : at - 1])
        return contents

    def _incomplete_error(self, oid: str) -> InputError:
        return InputError(
            f"{self.origin} is incomplete: the object {oid} is missing, or one that it refers to",
            todo="run `git fsck` there, then fetch again",
        )

    def count_commits(self, commit: CommitId, path: str | None = None) -> int:
        """How many commits are reachable from `commit`; with `path`, only those that touch it.

        Raises InputError where the history is cut off.
        """
        self._require_full_log()
        limit = ["--", f":(top,literal){path}"] if path is not None else []
        return int(self.run(["rev-list", "--count", require_commit(commit), *limit]).text)

    def count_between(self, old: CommitId, new: CommitId) -> tuple[int, int]:
        """How many commits only `old` contains, and how many only `new` does. Raises as `count_commits`."""
        self._require_full_log()
        ends = f"{require_commit(old)}...{require_commit(new)}"
        dropped, gained = self.run(["rev-list", "--left-right", "--count", ends]).text.split()
        return int(dropped), int(gained)

    def find_last_change(self, commit: CommitId, path: str) -> CommitId | None:
        """The newest commit reachable from `commit` that touches `path`, or None. Raises as `count_commits`."""
        self._require_full_log()
        limit = ["--", f":(top,literal){path}"]
        found = self.run(["rev-list", "--max-count=1", require_commit(commit), *limit]).text.strip()
        return CommitId(found) if found else None

    def _require_full_log(self) -> None:
        if is_shallow(self.objects):
            raise InputError(
                f"{self.origin} is a shallow clone",
                why="packages are numbered by counting its commits",
                todo="run there: git fetch --unshallow",
            )

    def read_commit_time(self, commit: CommitId) -> int:
        """The committer's time, in seconds since the epoch; read from the object itself, without its parents."""
        if commit not in self._commit_times:
            self.read_blobs((), commit=commit)
        return self._commit_times[commit]

    def list_commits(self, old: CommitId, new: CommitId, path: str | None = None) -> tuple[Commit, ...]:
        """The commits that `new` contains and `old` does not, newest first; with `path`, only those that touch it."""
        span = [require_commit(new), f"^{require_commit(old)}"]
        limit = ["--", f":(top,literal){path}"] if path is not None else []
        form = "--format=%H%x00%ct%x00%an%x00%P%x00%s%x00"
        printed = self.run(["log", "--topo-order", "--encoding=UTF-8", form, *span, *limit])
        fields = printed.text.split("\0")[:-1]
        return tuple(
            Commit(
                id=CommitId(commit.lstrip("\n")),
                time=int(time),
                author=author,
                subject=subject,
                is_merge=len(parents.split()) > 1,
            )
            for commit, time, author, parents, subject in zip(*(fields[n::5] for n in range(5)))
        )

    def expand_abbreviated_id(self, abbreviated: str) -> CommitId | None:
        """The full id of the only commit with this abbreviated id; None when there is none, or more than one."""
        if not _ABBREVIATED_ID.fullmatch(abbreviated):
            return None
        found = self.run(
            ["rev-parse", "--verify", "--quiet", f"{abbreviated}^{{commit}}"], ok=process.ANY_STATUS
        )
        return CommitId(found.text.strip()) if found.returncode == 0 else None

    def is_ancestor(self, older: CommitId, newer: CommitId) -> bool:
        """True when `newer` contains `older` in its history."""
        check = self.run(
            ["merge-base", "--is-ancestor", require_commit(older), require_commit(newer)], ok=(0, 1)
        )
        return check.returncode == 0


def _has_content_bytes(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def _parse_commit_time(raw: bytes) -> int:
    header = raw.partition(b"\n\n")[0]
    (committer,) = [line for line in header.split(b"\n") if line.startswith(b"committer ")]
    return int(committer.split()[-2])


def parse_tree(raw: bytes) -> tuple[TreeEntry, ...]:
    """The rows of `git ls-tree -r -z`."""
    entries = []
    for row in raw.split(b"\0")[:-1]:
        head, path = row.split(b"\t", 1)
        mode, _kind, oid = head.decode("ascii").split(" ")
        entries.append(TreeEntry(mode=mode, oid=oid, path=path.decode("utf-8", "surrogateescape")))
    return tuple(entries)
