"""Files of a commit that is not in any repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from altai_build.stages.first_steps.older.files import OlderFiles
from altai_build.stages.first_steps.texts import CommitFiles


class WrittenFiles(CommitFiles):
    """The same answers as for a commit with these files."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = dict(files)

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths."""
        return tuple(self._files)

    def read(self, paths: Sequence[str]) -> dict[str, str]:
        """The files of these paths."""
        return {path: self._files[path] for path in paths if path in self._files}


def older_files(
    files: Mapping[str, str],
    *,
    components: Mapping[str, Mapping[str, str] | None] | None = None,
    given: Mapping[str, str] | None = None,
) -> OlderFiles:
    """A superproject with these files; a component is None where it is not cloned."""
    table = {
        path: None if inner is None else WrittenFiles(inner) for path, inner in (components or {}).items()
    }
    return OlderFiles(WrittenFiles(files), tuple((given or {}).items()), tuple(table), table.__getitem__)
