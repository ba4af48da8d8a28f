"""What a build is doing now, by the log that it writes."""

from __future__ import annotations

import os
import re
from pathlib import Path

from altai_build.regular_files import open_regular_file

# rpmbuild prints such a line before each script of a spec, and one for each package that it makes.
_SECTION = re.compile(
    rb"^(?:BUILDSTDERR: )?(?:Executing\((%(?:prep|conf|generate_buildrequires|build|install|check|clean))\):"
    rb"|(Processing files: ))",
    re.MULTILINE,
)
# Bytes that one look reads: what a build prints decides how long its log is.
_MOST_BYTES = 1 << 20
_LONGEST_HEADING = 64


class PhaseReader:
    """Reads what a log gained since the last look. A build can print what it likes: the words are a fixed few."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._offset = 0
        self._phase = ""

    def read(self) -> str:
        """`%prep` to `%check`, `packages` while they are written, "" where the log does not exist or say so yet."""
        try:
            with open_regular_file(self._log) as stream:
                size = os.fstat(stream.fileno()).st_size
                # A heading may have been half written.
                stream.seek(max(0, self._offset - _LONGEST_HEADING, size - _MOST_BYTES))
                data = stream.read(_MOST_BYTES)
                self._offset = stream.tell()
        except OSError:
            return self._phase
        for match in _SECTION.finditer(data):
            self._phase = match[1].decode() if match[1] else "packages"
        return self._phase
