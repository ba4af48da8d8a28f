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
from typing import Any

from rich.console import Console


class Listening(Console):
    """The console of the story, which acts upon what it is told."""

    pattern = ""
    count = 0
    seconds = 0.0

    def print(self, *objects: Any, **options: Any) -> None:
        """Tell the line; the last awaited one ends the process."""
        super().print(*objects, **options)
        line = " ".join(self.render_str(str(one)).plain for one in objects)
        if re.search(Listening.pattern, line):
            Listening.count -= 1
            if Listening.count == 0:
                self._die()

    def _die(self) -> None:
        if Listening.seconds > 0:
            threading.Timer(Listening.seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
        else:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Take the appointment off the command line, and be altai-build from there on."""
    Listening.pattern, Listening.count, Listening.seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    del sys.argv[1:4]
    from altai_build.cli import main as altai_build
    from altai_build.tools import progress

    setattr(progress, "Console", Listening)  # noqa: B010 - not a name that the module offers
    altai_build()


if __name__ == "__main__":
    main()
