"""scripts/demo runs every step for real and leaves no process running."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
from pathlib import Path

from tests.kit.builds import link_roots

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "demo"


def demo(folder: Path, testbed: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT],
        env={**os.environ, "ALTAI_DEMO": str(folder), "ALTAI_TESTBED": str(testbed)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_it_shows_every_step_from_a_commit_to_an_upgraded_machine(testbed: Path, tmp_path: Path) -> None:
    link_roots(tmp_path / "demo" / "workspace")
    shown = demo(tmp_path / "demo", testbed)
    assert shown.returncode == 0, shown.stdout
    text = shown.stdout
    headings = [int(number) for number in re.findall(r"^(\d+)\. ", text, re.MULTILINE)]
    assert headings == list(range(1, len(headings) + 1))
    # In this order: a first release, one of its programs, what changed, the next release, the program again.
    expected = (
        r"\$ altai-build build --rev",
        r"built +[\d.]+ s  python-novaclient  1 package: never built in this workspace",
        r"release 1\.0\.0: \d+ packages",
        r"python3-bottle\S+ +centos6 +[0-9A-F]{16} +repos/altai/bottle at [0-9a-f]{12}\n",
        r"the channel stable shows 1\.0\.0\n",
        r"machine# curl --output /etc/yum\.repos\.d/altai-stable\.repo http://\S+/channels/stable/altai-stable\.repo\n",
        r"machine# nova --version\n.*\n +18\.2\.0",
        r"removed +repos/altai/python-zabbix-api",
        r"built .* python-netifaces .*source package changed",
        r"release 1\.0\.1: \d+ packages",
        r"the channel stable shows 1\.0\.1 \(before: 1\.0\.0\)\n",
        # No .repo file was fetched again.
        r"machine# dnf upgrade\n",
        r"python3-novaclient +18\.2\.0\S+ +18\.3\.0\S+",
        r"machine# nova --version\n.*\n +18\.3\.0",
        r"\$ altai-build verify 1\.0\.1\n +release 1\.0\.1 passed verification\n",
    )
    position = 0
    for pattern in expected:
        found = re.compile(pattern).search(text, position)
        assert found, f"{pattern} does not come after {text[:position][-200:]!r}\n{text}"
        position = found.end()
    report = re.search(r"report of the release \(HTML\) +(\S+)", text)
    assert report and Path(report[1]).is_file()
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [command for command in commands if b"http.server" in command and bytes(tmp_path) in command]


def test_a_second_demo_in_the_same_folder_is_refused(testbed: Path, tmp_path: Path) -> None:
    with open(tmp_path / "lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused = demo(tmp_path, testbed)
    assert refused.returncode == 9
    assert f"another demo is running in {tmp_path}" in refused.stdout
