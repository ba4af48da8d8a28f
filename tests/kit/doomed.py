"""altai-build with an appointment: SIGKILL comes SECONDS after the story has told the N-th line that matches.

    python doomed.py PATTERN N SECONDS ARGUMENT-OF-ALTAI-BUILD…

The signal is the kernel's own kill -9: no handler runs, nothing is flushed. That it is sent from within makes it come
at the point that is meant, however busy the machine is.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from typing import TextIO


class Overheard:
    """Standard error that acts upon what it is told."""

    def __init__(self, stream: TextIO, pattern: str, count: int, seconds: float) -> None:
        self._stream, self._pattern, self._count, self._seconds = stream, pattern, count, seconds

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Pass the text on; the last awaited line ends the process."""
        written = self._stream.write(text)
        for line in text.splitlines():
            if re.search(self._pattern, line):
                self._count -= 1
                if self._count == 0:
                    self._stream.flush()
                    self._die()
        return written

    def _die(self) -> None:
        if self._seconds > 0:
            threading.Timer(self._seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
        else:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Take the appointment off the command line, and be altai-build from there on."""
    pattern, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    del sys.argv[1:4]
    sys.stderr = Overheard(sys.stderr, pattern, count, seconds)
    from altai_build.cli import main as altai_build

    altai_build()


if __name__ == "__main__":
    main()
