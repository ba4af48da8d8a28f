"""The proof of workers: what it counts as equal, what it prints of another answer, and that a cut network is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Require
from tests.kit.cli import ROOT
from tests.kit.documented import read_block
from tests.kit.namespaces import HEAD, Network
from tests.kit.prove_workers import find_obstacle, prove
from tests.kit.worker_machines import Package, list_descendants
from tests.kit.worker_proof import NotMetError, NotTriedError, compare

PACKAGE = Package("a-1-1.noarch.rpm", "key", "header", "payload")
# Nobody listens there: a machine that is reached refuses.
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], 9), timeout=float(sys.argv[2]))"


def test_packages_are_the_same_only_with_the_same_key_header_and_payload() -> None:
    assert compare([PACKAGE], [PACKAGE]) == 1
    for field in ("build_key", "header", "payload"):
        with pytest.raises(NotMetError, match=r"not the same: a-1-1\.noarch\.rpm"):
            compare([PACKAGE], [replace(PACKAGE, **{field: "other"})])
    with pytest.raises(NotMetError, match=r"only in one of them: a-1-1\.noarch\.rpm"):
        compare([PACKAGE], [])
    with pytest.raises(NotMetError, match="no packages"):
        compare([], [])


def test_another_answer_is_a_line_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> str:
        raise NotMetError("exit 0\ninstead of 3")

    def leave_out() -> str:
        raise NotTriedError("programs are missing: slurmd")

    assert prove({"good": lambda: "released"}) == 0
    assert prove({"slurm": leave_out, "good": lambda: "released"}) == 4
    capsys.readouterr()
    assert prove({"good": lambda: "released", "bad": fail, "slurm": leave_out}) == 1
    assert capsys.readouterr().out.splitlines()[2:] == [
        "| good | released | yes |",
        "| bad | exit 0 instead of 3 | NO |",
        "| slurm | not tried: programs are missing: slurmd | – |",
    ]


def test_it_says_why_nothing_can_be_proved(require: Require, tmp_path: Path) -> None:
    require(os.geteuid() == 0, "network namespaces need root")
    assert str(tmp_path) in find_obstacle(tmp_path) or "programs are missing" in find_obstacle(tmp_path)
    result = subprocess.run(
        [str(ROOT / "scripts" / "prove-workers"), "--testbed", str(tmp_path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (4, "")
    assert result.stderr.startswith("skipped, nothing was proved: ")


def test_a_cut_network_lets_nothing_through_until_it_is_healed(require: Require) -> None:
    require(os.geteuid() == 0, "network namespaces need root")
    require(shutil.which("ip") is not None and shutil.which("nsenter") is not None, "needs ip and nsenter")
    with ExitStack() as stack:
        try:
            network = Network(["w1"], stack)
        except (OSError, subprocess.CalledProcessError) as error:
            require(False, f"network namespaces cannot be made here: {error}")
            raise

        def connect(seconds: float) -> str:
            address = network.addresses[HEAD]
            words = [*network.enter("w1"), sys.executable, "-c", CONNECT, address, str(seconds)]
            result = subprocess.run(
                words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
            )
            return result.stderr.splitlines()[-1]

        assert connect(30).startswith("ConnectionRefusedError")
        network.cut("w1")
        assert "timed out" in connect(0.3)
        network.heal("w1")
        assert connect(30).startswith("ConnectionRefusedError")


def test_processes_below_a_process_are_found() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 60 & wait"], start_new_session=True) as shell:
        try:
            while "sleep 60 " not in list_descendants(shell.pid).values():
                assert shell.poll() is None
        finally:
            os.killpg(shell.pid, 9)


def test_the_proof_takes_its_examples_from_the_documentation() -> None:
    program = read_block("clusters.md", "python", "SLURMCluster", {"jobs=16": "jobs=2"})
    compile(program, "clusters.md", "exec")
    assert "jobs=2" in program and "jobs=16" not in program
    for words in ("#SBATCH", "nohup"):
        script = read_block("clusters.md", "sh", words, {"altai-build worker": "true"})
        subprocess.run(["sh", "-n"], input=script.encode(), check=True)
    with pytest.raises(ValueError, match="does not have 'jobs=17' where it has 'SLURMCluster'"):
        read_block("clusters.md", "python", "SLURMCluster", {"jobs=17": "jobs=2"})
    with pytest.raises(ValueError, match="has 0 blocks in sh with 'qsub'"):
        read_block("clusters.md", "sh", "qsub", {})
