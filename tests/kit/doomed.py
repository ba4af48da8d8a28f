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


def kill_after(seconds: float) -> None:
    """Be killed, after so many seconds."""
    if seconds > 0:
        threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Take the appointment off the command line, and be altai-build from there on."""
    pattern, awaited, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    del sys.argv[1:4]
    from altai_build.cli.main import main as altai_build
    from altai_build.tools.progress import ProgressReporter

    print_line = ProgressReporter.print_line

    def listening(reporter: ProgressReporter, *pieces: tuple[str, str], one_row: bool = False) -> None:
        nonlocal awaited
        print_line(reporter, *pieces, one_row=one_row)
        if re.search(pattern, "".join(text for text, _ in pieces)):
            awaited -= 1
            if awaited == 0:
                kill_after(seconds)

    setattr(ProgressReporter, "print_line", listening)  # noqa: B010 - a method is not to be assigned to
    altai_build()


if __name__ == "__main__":
    main()
