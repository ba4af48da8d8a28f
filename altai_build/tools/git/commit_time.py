"""The times of commits: git accepts any text for one, and packages do not accept every number."""

from __future__ import annotations

import re

from altai_build.errors import InputError

_COMMITTER = re.compile(rb"committer .*> +(\d{1,20})(?: .*)?")
# rpm keeps times in 32 bits, without a sign.
_LATEST_TIME = (1 << 32) - 1


def convert_time(text: str) -> int | None:
    """A time that git has printed: nothing for what it does not understand, else any number of digits."""
    is_short = text.isdigit() and len(text) <= 10
    return int(text) if is_short and int(text) <= _LATEST_TIME else None


def parse_commit_time(raw: bytes, subject: str) -> int:
    """The committer's time of a commit object.

    git accepts any text there, and takes what it does not understand for the year 1970.
    """
    header = raw.partition(b"\n\n")[0]
    committers = [line for line in header.split(b"\n") if line.startswith(b"committer ")]
    times = [_COMMITTER.fullmatch(line) for line in committers]
    if len(times) == 1 and times[0] is not None and int(times[0].group(1)) <= _LATEST_TIME:
        return int(times[0].group(1))
    shown = b"\n".join(committers)[:200].decode("utf-8", "replace")
    raise InputError(
        f"{subject} has no time that a package could have",
        why=shown or "it has no committer",
        todo="pin a commit that git fsck accepts, with a time between 1970 and 2106",
    )
