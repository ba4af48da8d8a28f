"""A program in the sandbox of specs that asks date(1) gets the fixed time, by whatever words."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from altai_build.tools import process
from altai_build.tools.sandbox.bubblewrap import HostSandbox
from altai_build.tools.sandbox.clock import fixed_date_options
from tests.conftest import Require

# A Thursday: 2013-02-28 11:33:20 UTC.
NOW = 1_362_051_200
DATES = [
    ("", "2013-02-28 11:33:20"),
    ("-u", "2013-02-28 11:33:20"),
    ("--debug", "2013-02-28 11:33:20"),
    ("-d now", "2013-02-28 11:33:20"),
    ("-d yesterday", "2013-02-27 11:33:20"),
    ("-dyesterday", "2013-02-27 11:33:20"),
    ("-ud yesterday", "2013-02-27 11:33:20"),
    ("--date=yesterday", "2013-02-27 11:33:20"),
    ("--date yesterday -u", "2013-02-27 11:33:20"),
    ("--utc --date=-1day", "2013-02-27 11:33:20"),
    ("-d '1 hour ago'", "2013-02-28 10:33:20"),
    ("-d 'next month'", "2013-03-28 11:33:20"),
    ("-d 12:30", "2013-02-28 12:30:00"),
    ("-d ''", "2013-02-28 00:00:00"),
    ("-d @0", "1970-01-01 00:00:00"),
    ("-d 2020-01-02", "2020-01-02 00:00:00"),
    ("-d '2020-01-02 03:04:05 +0100'", "2020-01-02 02:04:05"),
    ("-r stamped", "1970-01-01 00:16:40"),
    ("--reference=stamped", "1970-01-01 00:16:40"),
    ("-f list", "2020-01-02 00:00:00"),
]


def test_every_way_to_ask_has_the_fixed_time(tmp_path: Path) -> None:
    """The script alone: what a sandbox adds is its place."""
    fixed_date_options(tmp_path / "bin", NOW)
    script = tmp_path / "bin/date"
    text = script.read_text().replace("real=/.date", f"real={shutil.which('date')}")
    script.write_text(text)
    (tmp_path / "stamped").touch()
    (tmp_path / "list").write_text("2020-01-02\n")
    subprocess.run(["touch", "--date=@1000", str(tmp_path / "stamped")], check=True)
    asked = "".join(f"date {words} '+%F %T' 2>/dev/null\n" for words, _ in DATES)
    asked += "date +%s; TZ=Asia/Tokyo date +%H; date -u -Iseconds; date --rfc-3339=date\n"
    asked += "date -uRd '1 day ago'; date -d nonsense 2>&1; echo $?\n"
    env = {"PATH": f"{script.parent}:/usr/bin:/bin", "TZ": "UTC", "LC_ALL": "C"}
    done = subprocess.run(
        ["sh", "-c", asked], env=env, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        *(date for _, date in DATES),
        str(NOW),
        "20",
        "2013-02-28T11:33:20+00:00",
        "2013-02-28",
        "Wed, 27 Feb 2013 11:33:20 +0000",
        f"{shutil.which('date')}: invalid date 'nonsense'",
        "1",
    ]


@pytest.mark.parametrize("program", ["date", "/usr/bin/date", "/bin/date", "env -i date"])
def test_in_the_sandbox_it_takes_the_place_of_the_real_one(
    tmp_path: Path, program: str, require: Require
) -> None:
    is_own_file = not Path("/usr/bin/date").is_symlink()
    require(is_own_file or program == "date", "date(1) is a link here: only PATH leads to the fixed one")
    view = HostSandbox(writable=tmp_path, now=NOW)
    assert process.run(view.command(["sh", "-c", f"{program} +%s"])).text == f"{NOW}\n"
