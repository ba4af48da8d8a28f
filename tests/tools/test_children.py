"""The memory of a child is limited before it gets its input; its end is waited for."""

from __future__ import annotations

import os
import subprocess

from altai_build.tools import process
from altai_build.tools.children import limit_memory, wait_with_timeout
from altai_build.tools.process import start_child


def test_the_memory_of_a_child_and_of_its_children_is_limited() -> None:
    """Before it gets its input."""
    with start_child(["sh", "-c", "read line; sh -c 'ulimit -d'"], input=b"", memory=300 << 20) as child:
        shown = process.wait_for_child(child, input=b"\n").text
    assert shown.split() == [str(300 << 10)]


def test_the_end_of_a_child_is_waited_for_and_one_that_is_gone_has_no_limit() -> None:
    with subprocess.Popen(["true"]) as child:
        while child.poll() is None:
            wait_with_timeout(child.pid, 1)
    limit_memory(child.pid, 1 << 30)
    assert not os.path.exists(f"/proc/{child.pid}")
