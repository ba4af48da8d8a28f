"""What `init` could not know: the marked lines of a definition that nobody has settled yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from altai_build.config import Config
from altai_build.model.doctor import CheckResult, CheckStatus
from altai_build.model.first_steps import TODO, list_marks
from altai_build.regular_files import read_regular_file

_MAX_FILE = 1 << 20  # bytes
_MOST = 50


def check_marks(config: Config) -> list[CheckResult]:
    """One check for each marked line of repos.yaml and of the mock configurations beside it."""
    if config.file is None:
        return []
    places = [
        config.root / "mock-configs" / f"{target.mock_config}.cfg" for target in config.targets.values()
    ]
    return [one for path in (config.file, *places) for one in _check_file(path)][:_MOST]


def _check_file(path: Path) -> Iterator[CheckResult]:
    try:
        text = read_regular_file(path, limit=_MAX_FILE).decode("utf-8", "replace")
    except OSError:
        # Another check names what cannot be read.
        return
    for number, mark, says in list_marks(text):
        yield CheckResult(
            check=f"{path.name}, line {number}",
            status=CheckStatus.WARNING,
            found=f"{mark} {says}",
            todo=f"do it, then remove the mark {TODO}"
            if mark == TODO
            else f"check it, correct it where it is wrong, then remove the mark {mark}",
        )
