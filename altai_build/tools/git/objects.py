"""Git objects read through private repositories, so that only the commit decides what is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from typing import IO, TypeVar

from altai_build.errors import AltaiError, InputError, quote_path
from altai_build.model.commit import Commit
from altai_build.model.gitlink import CommitId, require_commit
from altai_build.tools import process
from altai_build.tools.disk import WriteBudget
from altai_build.tools.git.command import (
    ISOLATED,
    OUTPUT_LIMIT,
    GitError,
    IncompleteRepository,
    make_git_error,
    own_mailmap,
    run_git,
    start_git,
)
from altai_build.tools.git.commit_time import convert_time, parse_commit_time
from altai_build.tools.git.layout import advise_on_partial_clone, is_shallow
from altai_build.tools.git.quick_read import read_quickly
from altai_build.tools.git.repository_state import State
from altai_build.tools.git.shadow import make_shadow, name_objects
from altai_build.tools.git.trees import IDS_AT_ONCE, TreeEntry, parse_tree

# Fetches a repository again if it is damaged.
Repair = Callable[[], None]
_Answer = TypeVar("_Answer")
_ABBREVIATED_ID = re.compile(r"[0-9a-f]{4,64}")
# Seconds. The names of a million files take one; a tree with more folders than files could take years.
_TREE_TIMEOUT = 120.0


class ObjectStore:
    """Read access to a repository's objects through a private repository that borrows them (git's alternates).

    The configuration, references, hooks, grafts and attributes of the other repository have no effect: what is read
    depends on the commit alone. Missing history is an error, never a shorter result. The private repository is empty,
    and all stores share it: each names its objects in git's environment.
    """

    def __init__(
        self, git_dir: Path, *, commons: Sequence[Path], origin: str, repairs: Sequence[Repair] = ()
    ) -> None:
        self.git_dir = git_dir
        # Of mirrors among the borrowed repositories, as long as they were not needed.
        self._repairs = tuple(repairs)
        # The directory of the repository whose objects are borrowed first.
        self.objects = commons[0]
        # How git is run on the store.
        self.profile = ISOLATED._replace(environment={**ISOLATED.environment, **name_objects(commons)})
        # The name of that repository in errors.
        self.origin = origin
        # That of the repository, read before git found a commit and its tree there; None where only git can tell.
        self.state: State | None = None
        # Kept, because git takes a process for each.
        self._trees: dict[CommitId, tuple[TreeEntry, ...]] = {}
        self._commit_times: dict[CommitId, int] = {}
        # What was read together with a tree: object → kind, content.
        self._objects: dict[str, tuple[bytes, bytes]] = {}

    @classmethod
    def open_borrowed(
        cls, common: Path, *, shadows: Path, origin: str, commit: CommitId, repairs: Sequence[Repair] = ()
    ) -> ObjectStore:
        """A store over the objects below `common`; the object format (SHA-1 or SHA-256) is that of `commit`.

        `repairs` are called once, when git cannot read an object, and what they raise takes the place of the error.
        """
        return cls._borrow([common], shadows, origin, commit, repairs)

    def join(self, others: Sequence[ObjectStore], *, shadows: Path, commit: CommitId) -> ObjectStore:
        """A store that has the objects of others too, all of one format; otherwise it is this one."""
        commons = dict.fromkeys([self.objects, *(other.objects for other in others)])
        repairs = [repair for store in (self, *others) for repair in store._repairs]
        return self._borrow([*commons], shadows, self.origin, commit, repairs)

    @classmethod
    def _borrow(
        cls, commons: Sequence[Path], shadows: Path, origin: str, commit: CommitId, repairs: Sequence[Repair]
    ) -> ObjectStore:
        shadow = make_shadow(shadows, is_sha256=len(commit) == 64)
        return cls(shadow, commons=commons, origin=origin, repairs=repairs)

    def retry(self, read: Callable[[], _Answer]) -> _Answer:
        """What `read` returns; when git cannot read an object of a mirror, that is repaired and `read` called again."""
        try:
            return read()
        except (GitError, IncompleteRepository):
            if not self._repairs:
                raise
            repairs, self._repairs = self._repairs, ()
            for repair in repairs:
                repair()
            return read()

    def run(
        self,
        arguments: Sequence[str],
        *,
        input: bytes | None = None,
        ok: Container[int] = (0,),
        timeout: float | None = None,
        limit: int = OUTPUT_LIMIT,
    ) -> process.ProcessResult:
        """Run git on the store, with no configuration but its own; arguments and errors as for `run_git`."""
        run_once = partial(run_git, self.profile, arguments, git_dir=self.git_dir, place=self.origin)
        try:
            return self.retry(partial(run_once, input=input, ok=ok, timeout=timeout, limit=limit))
        except GitError as error:
            raise self.make_error(error.result, arguments[0]) from error

    def make_error(self, result: process.ProcessResult, subcommand: str) -> GitError:
        """The error for a git that failed on the store, with what to do about it."""
        error = make_git_error(self.profile, result, subcommand, self.origin)
        advice = advise_on_partial_clone(self.objects, self.origin)
        return GitError(result, error.what, advice) if advice else error

    def start_archive(
        self, commit: CommitId, prefix: str, format: str
    ) -> AbstractContextManager[process.ChildProcess]:
        """A running `git archive` of a commit; it prints the same bytes in every clone."""
        words = [*own_mailmap(commit), "archive", f"--format={format}", f"--prefix={prefix}"]
        words.append(require_commit(commit))
        return start_git(self.profile, words, git_dir=self.git_dir)

    def has_commit_object(self, commit: CommitId) -> bool:
        """True when the commit itself is here; a damaged clone may still lack its trees."""
        # A git that fails has not said no, as `git cat-file -e` would.
        asked = f"{require_commit(commit)}\n".encode()
        check = self.run(["cat-file", "--batch-check=%(objecttype)"], input=asked)
        return check.text.strip() == "commit"

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
            with start_git(
                self.profile, ["cat-file", "--batch"], git_dir=self.git_dir, input=b"oids"
            ) as child:
                found = read_quickly(child, require_commit(commit))
            if found is not None:
                self._trees[commit], self._objects = found.tree, {**self._objects, **found.objects}
        if commit not in self._trees:
            words = ["ls-tree", "-r", "-z", "--full-tree", f"{require_commit(commit)}^{{commit}}"]
            listed = self.run(words, ok=process.ANY_END, timeout=_TREE_TIMEOUT)
            if listed.stopped:
                raise InputError(
                    f"{self.origin} has too many files in the commit {commit[:12]}",
                    why=f"listing them was {listed.stopped}",
                    todo="a folder that is repeated in itself takes no space in git, and more than any disk when it "
                    "is read: remove it",
                )
            if listed.returncode < 0:
                raise process.ProgramFailed(listed)
            if listed.returncode != 0:
                return False
            self._trees[commit] = parse_tree(listed.stdout)
        return True

    def read_tree(self, commit: CommitId) -> tuple[TreeEntry, ...]:
        """Every leaf of the commit's tree, gitlinks included, in git's order. Raises InputError if it is incomplete."""
        self.retry(lambda: self._require_tree(commit))
        return self._trees[commit]

    def _require_tree(self, commit: CommitId) -> None:
        if not self.has_tree(commit):
            raise self._incomplete_error(commit)

    def read_blobs(
        self, oids: Iterable[str], *, commit: CommitId | None = None, limit: int = OUTPUT_LIMIT
    ) -> list[bytes]:
        """The contents of blobs, in the order of `oids`; no more than `limit` bytes are read.

        With `commit` its time is read in the same process, so that `read_commit_time` starts none. Raises InputError
        when an object is missing or of another kind, when all together are larger, and when the commit has no time
        that a package could have.
        """
        blobs = [(oid, b"blob") for oid in oids]
        wanted = blobs if commit is None else [(require_commit(commit), b"commit"), *blobs]
        found = self.retry(lambda: self._read_objects(wanted, limit))
        if commit is None:
            return found
        raw, *contents = found
        self._commit_times[commit] = parse_commit_time(raw, f"{self.origin}: the commit {commit[:12]}")
        return contents

    def read_blob_start(self, oid: str, size: int) -> bytes:
        """The first bytes of a blob, `size` at most. Raises InputError when it is missing."""
        return self.retry(lambda: self._read_start(oid, size))

    def _read_start(self, oid: str, size: int) -> bytes:
        with start_git(self.profile, ["cat-file", "blob", oid], git_dir=self.git_dir) as child:
            assert child.stdout is not None
            start = child.stdout.read(size)
            if len(start) < size and child.wait() != 0:
                raise self._make_read_error(child, oid)
        return start

    def copy_blobs(self, files: Sequence[tuple[str, Path]], budget: WriteBudget) -> None:
        """Write blobs to files, piece by piece. Raises InputError when one is missing, or too large for the budget."""
        for at in range(0, len(files), IDS_AT_ONCE):
            self.retry(partial(self._copy_part, files[at : at + IDS_AT_ONCE], budget))

    def _copy_part(self, files: Sequence[tuple[str, Path]], budget: WriteBudget) -> None:
        with start_git(self.profile, ["cat-file", "--batch"], git_dir=self.git_dir, input=b"oids") as child:
            assert child.stdin is not None and child.stdout is not None
            with suppress(BrokenPipeError):
                child.stdin.write("".join(f"{oid}\n" for oid, _ in files).encode())
                child.stdin.close()
            for oid, path in files:
                head = child.stdout.readline()
                if not head:
                    raise self._make_read_error(child, oid)
                size = self._parse_object_size(head, oid, b"blob")
                budget.start_file(path.name, size)
                with open(path, "wb") as output:
                    self._copy_object(child, output, oid, size, budget)

    def _copy_object(
        self, child: process.ChildProcess, output: IO[bytes], oid: str, size: int, budget: WriteBudget
    ) -> None:
        assert child.stdout is not None
        left = size
        while left:
            piece = child.stdout.read(min(left, 1 << 20))
            if not piece:
                raise self._make_read_error(child, oid)
            budget.spend(len(piece))
            output.write(piece)
            left -= len(piece)
        # The line break that follows each object.
        child.stdout.read(1)

    def _make_read_error(self, child: process.ChildProcess, oid: str) -> AltaiError:
        """The error for a git that has ended before it had printed an object."""
        if child.wait() < 0:
            return process.ProgramFailed(process.make_result(child))
        return self._incomplete_error(oid)

    def read_blob_sizes(self, oids: Sequence[str]) -> list[int]:
        """The sizes of blobs in bytes, in the order of `oids`. Raises InputError when one is missing."""
        return self.retry(lambda: self._read_sizes(oids)) if oids else []

    def _read_sizes(self, oids: Sequence[str]) -> list[int]:
        asked = "".join(f"{oid}\n" for oid in oids).encode()
        lines = self.run(["cat-file", "--batch-check=%(objectsize)"], input=asked).text.splitlines()
        for oid, line in zip(oids, lines):
            if not line.isdigit():
                raise self._incomplete_error(oid)
        return [int(line) for line in lines]

    def _read_objects(self, wanted: Sequence[tuple[str, bytes]], limit: int) -> list[bytes]:
        """The contents of objects, which must be of these kinds."""
        known = [self._objects.get(oid, (b"", b"")) for oid, _ in wanted]
        if [one[0] for one in known] == [kind for _, kind in wanted]:
            contents = [content for _, content in known]
            if sum(map(len, contents)) <= limit:
                for oid, _ in wanted:
                    # Whoever needs it keeps it.
                    self._objects.pop(oid, None)
                return contents
        asked = "".join(f"{oid}\n" for oid, _ in wanted).encode()
        done = self.run(["cat-file", "--batch"], input=asked, ok=process.ANY_END, limit=limit)
        out = done.stdout
        contents, at, left = [], 0, limit
        for oid, kind in wanted:
            end = out.find(b"\n", at)
            if end < 0 and not done.stopped:
                if done.returncode < 0:
                    raise process.ProgramFailed(done)
                raise self._incomplete_error(oid)
            size = self._parse_object_size(out[at:end], oid, kind) if end >= 0 else limit
            at = end + 1 + size + 1
            left -= size
            # More than allowed may have been read at once.
            if left < 0 or (at > len(out) and done.stopped):
                raise InputError(
                    f"{self.origin}: the object {oid} is too large to be read",
                    why=f"it has {size} bytes, and {limit} are allowed for it and those with it",
                    todo=f"commit a smaller file; `git ls-tree -r COMMIT | grep {oid[:12]}` names it",
                )
            contents.append(out[end + 1 : at - 1])
        return contents

    def _parse_object_size(self, head: bytes, oid: str, kind: bytes) -> int:
        """The size that the line before an object gives (git-cat-file(1), BATCH OUTPUT)."""
        words = head.split()
        if len(words) != 3:
            raise self._incomplete_error(oid)
        if words[1] != kind:
            raise InputError(
                f"{self.origin}: the object {oid} is a {words[1].decode()} and no {kind.decode()}"
            )
        return int(words[2])

    def _incomplete_error(self, oid: str) -> IncompleteRepository:
        return IncompleteRepository(
            f"{self.origin} is incomplete: the object {oid} is missing, or one that it refers to",
            todo=advise_on_partial_clone(self.objects, self.origin)
            or "run `git fsck` there, then fetch again",
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
                todo=f"run: git -C {quote_path(self.objects)} fetch --unshallow",
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
                time=convert_time(time),
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
        words = ["rev-parse", "--verify", "--quiet", f"{abbreviated}^{{commit}}"]
        found = self.run(words, ok=process.ANY_STATUS)
        return CommitId(found.text.strip()) if found.returncode == 0 else None

    def is_ancestor(self, older: CommitId, newer: CommitId) -> bool:
        """True when `newer` contains `older` in its history."""
        commits = [require_commit(older), require_commit(newer)]
        check = self.run(["merge-base", "--is-ancestor", *commits], ok=(0, 1))
        return check.returncode == 0
