"""Machines for tests, as network namespaces: each has an address of its own, and all hang on one bridge."""

from __future__ import annotations

import os
import secrets
import subprocess
from contextlib import ExitStack
from pathlib import Path

HEAD = "head"
_NETWORK = "10.213.77"


def run_ip(*words: str) -> None:
    """Run ip(8). Raises CalledProcessError."""
    subprocess.run(["ip", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)


class Network:
    """Namespaces with these names and the head, where the bridge is: nothing is changed in that of the caller."""

    def __init__(self, names: list[str], stack: ExitStack) -> None:
        """Makes them; `stack` removes them. Raises OSError, CalledProcessError where that is not possible."""
        self._prefix = f"altai-{os.getpid()}-{secrets.token_hex(2)}"
        self.addresses = {name: f"{_NETWORK}.{number}" for number, name in enumerate([HEAD, *names], 1)}
        for name in self.addresses:
            run_ip("netns", "add", self._place(name))
            stack.callback(run_ip, "netns", "delete", self._place(name))
            self.run(name, "link", "set", "lo", "up")
        self.run(HEAD, "link", "add", "br0", "type", "bridge")
        self.run(HEAD, "address", "add", f"{self.addresses[HEAD]}/24", "dev", "br0")
        self.run(HEAD, "link", "set", "br0", "up")
        for name in names:
            pair = ["link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", self._place(name)]
            self.run(HEAD, *pair)
            self.run(HEAD, "link", "set", name, "master", "br0", "up")
            self.run(name, "address", "add", f"{self.addresses[name]}/24", "dev", "eth0")
            self.run(name, "link", "set", "eth0", "up")

    def _place(self, name: str) -> str:
        return f"{self._prefix}-{name}"

    def run(self, name: str, *words: str) -> None:
        """Run ip(8) in a namespace. Raises CalledProcessError."""
        run_ip("-n", self._place(name), *words)

    def enter(self, name: str) -> list[str]:
        """The words before a command that runs in a namespace, with the process id that Popen says."""
        return ["nsenter", f"--net={Path('/run/netns') / self._place(name)}", "--"]

    def cut(self, name: str) -> None:
        """Nothing gets through any more, as with a cable that is drawn: no connection is closed."""
        self.run(HEAD, "link", "set", name, "down")

    def heal(self, name: str) -> None:
        """Everything gets through again."""
        self.run(HEAD, "link", "set", name, "up")

    def slow_down(self, name: str, rate: str) -> None:
        """Let no more than `rate` (tc-tbf(8), as `2mbit`) to and from it. Raises CalledProcessError."""
        for place, device in ((HEAD, name), (name, "eth0")):
            limit = ["root", "tbf", "rate", rate, "burst", "32kbit", "latency", "400ms"]
            command = [*self.enter(place), "tc", "qdisc", "add", "dev", device, *limit]
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)

    def speed_up(self, name: str) -> None:
        """As quick as before `slow_down`."""
        for place, device in ((HEAD, name), (name, "eth0")):
            command = [*self.enter(place), "tc", "qdisc", "delete", "dev", device, "root"]
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
