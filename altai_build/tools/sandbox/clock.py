"""The clock of a sandbox: programs that ask date(1) or rpm's Lua for the time get a fixed one.

A spec may write the date into its release. A package is made of a commit, on whatever day, so its clock is the
commit's. Nothing can set the clock of a process for good: what asks the kernel gets the time of the machine.
"""

from __future__ import annotations

from pathlib import Path

from altai_build.tools.files import make_directory

_SCRIPT = Path(__file__).with_name("date.sh")
_REAL = Path("/usr/bin/date")
# Where the real one is seen when the script is in its place.
_MOVED = "/.date"


def fixed_date_options(folder: Path, now: int) -> list[str]:
    """bwrap's options that put a date(1) with a fixed time into `folder` and in place of the real one.

    The time is in seconds since 1970. `folder` is to come first in PATH: where date(1) is a link to a program that is
    others too, the real one stays in its place.
    """
    is_own_file = _REAL.is_file() and not _REAL.is_symlink()
    script = make_directory(folder) / "date"
    text = _SCRIPT.read_text()
    script.write_text(
        text.replace("@NOW@", str(now)).replace("@REAL@", _MOVED if is_own_file else str(_REAL))
    )
    script.chmod(0o755)
    if not is_own_file:
        return []
    return ["--ro-bind", str(_REAL), _MOVED, "--ro-bind", str(script), str(_REAL)]


def fixed_lua_clock(now: int) -> str:
    """A macro of rpm, of no text, after which the functions of its Lua, in the same process, have a fixed time."""
    return (
        f"%{{lua: if not fixed_clock then local now, date, time = {now}, os.date, os.time fixed_clock = now "
        "os.time = function(t) if t then return time(t) end return now end "
        "os.date = function(f, t) return date(f, t or now) end end}"
    )
