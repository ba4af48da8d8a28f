"""The machines that are attacked: stock dnf and zypper, each on a root of its own, and `altai-build verify`."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tests.kit.attack_server import ENDLESS_BYTES
from tests.kit.attacks import EVIL, Attack, AttackWorld
from tests.kit.cli import altai_build
from tests.kit.client import ProgramResult

# Seconds: a client that is still busy then waits for as long as the server likes.
PATIENCE = 30.0


@dataclass(frozen=True)
class Cell:
    """What a client did about an attack, as the table says it."""

    verdict: str  # refused, found or not prevented
    reason: str

    @property
    def text(self) -> str:
        """The cell of the table."""
        return f"{self.verdict}: {self.reason}"


class PackageClient:
    """A machine with our .repo file: that of a channel, or of a release, in which `latest` stands for the version.

    A machine that follows a channel has altai-release, once it has seen a release, and so the keys.
    """

    program: ClassVar[str]
    # What the program says when it refuses something, and what the table says of it. The first that is found counts.
    reasons: ClassVar[tuple[tuple[str, str], ...]]

    def __init__(self, folder: Path, world: AttackWorld, *, is_channel: bool) -> None:
        self.folder, self.world, self.is_channel = folder, world, is_channel

    @property
    def name(self) -> str:
        """The column of the table."""
        return f"{self.program}, channel" if self.is_channel else self.program

    def prepare(self) -> None:
        """An empty root."""
        for place in ("root", "repos", "cache", "home"):
            shutil.rmtree(self.folder / place, ignore_errors=True)
            (self.folder / place).mkdir(parents=True)
        (self.folder / "home" / ".rpmmacros").write_text("%_dbpath /var/lib/rpm\n")

    def configure(self, release: Path, *, has_keys: bool = False) -> None:
        """Take the .repo file of a release; with `has_keys` also the keys of the honest ones, which it then names."""
        url = re.escape(self.world.url)
        if self.is_channel:
            text = (self.world.folder / "channels" / "stable" / "altai-stable.repo").read_text()
        else:
            text = re.sub(rf"({url})/[^/]+/", r"\1/latest/", (release / "altai.repo").read_text())
        if has_keys:
            keys = self.world.releases / "1.0.0"
            text = re.sub(rf"{url}/(?:latest|channels/stable)/(RPM-GPG-KEY-\w+)", rf"file://{keys}/\1", text)
        (self.folder / "repos" / "altai.repo").write_text(text)

    def call(self, *words: str) -> ProgramResult:
        """Run the package manager as an unattended update does."""
        raise NotImplementedError

    def installed(self) -> set[str]:
        """The packages in the root."""
        argv = [
            "rpm",
            "--root",
            str(self.folder / "root"),
            "-qa",
            "--qf",
            "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}\\n",
        ]
        return {line for line in self.run(argv).said.splitlines() if not line.startswith("gpg-pubkey")}

    def run(self, argv: list[str]) -> ProgramResult:
        """Run a program, for a bounded time."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder / "home"), "LC_ALL": "C.UTF-8"}
        with subprocess.Popen(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                said, _ = process.communicate(timeout=PATIENCE)
                return ProgramResult(process.returncode, said.decode("utf-8", "replace"))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                said, _ = process.communicate()
                return ProgramResult(-1, said.decode("utf-8", "replace"))

    def meet(self, attack: Attack) -> Cell:
        """Bring the machine to where the attack finds it, and let it update."""
        self.prepare()
        honest = self.world.releases / (attack.seen or "1.0.0")
        self.world.serve(honest)
        self.configure(honest, has_keys=attack.has_keys)
        if attack.seen:
            greeted = self.install()
            assert greeted.code == 0, greeted.said
            if self.is_channel:
                self.configure(honest, has_keys=True)
        before = self.installed()
        attack.play(self.world)
        if attack.repo_file:
            self.configure(self.world.hostility.trees["latest"])
        answer = self.update() if attack.seen else self.install()
        return self.judge(attack, answer, before, self.installed())

    def install(self) -> ProgramResult:
        """Install app and erlang, and learn the keys."""
        raise NotImplementedError

    def update(self) -> ProgramResult:
        """Update everything."""
        raise NotImplementedError

    def judge(self, attack: Attack, answer: ProgramResult, before: set[str], after: set[str]) -> Cell:
        """What happened. An answer that is neither known nor a success is an error of the table."""
        hostility = self.world.hostility
        if hostility.slow and answer.code == -1:
            return Cell("not prevented", f"it still waited after {PATIENCE:.0f} seconds")
        if EVIL in after:
            return Cell("not prevented", "the attacker's package was installed")
        if hostility.endless and hostility.sent >= ENDLESS_BYTES:
            return Cell(
                "not prevented",
                f"it took all that was sent ({hostility.sent >> 20} MiB) before it refused it",
            )
        if answer.code == 0:
            assert attack.is_silent, f"{self.name}: {attack.name}: nothing was refused\n{answer.said}"
            return Cell("not prevented", "it noticed nothing")
        assert after == before, f"{self.name}: {attack.name}: {after ^ before}\n{answer.said}"
        for pattern, reason in self.reasons:
            if re.search(pattern, answer.said, re.IGNORECASE):
                return Cell("refused", reason)
        raise AssertionError(f"{self.name}: {attack.name}: unknown answer {answer.code}\n{answer.said}")


_TOO_SLOW = "slower than `minrate` for `timeout` (30 s), each of `retries` (10)"


class DnfClient(PackageClient):
    """dnf 4 with its defaults, on a root without any other repository."""

    program = "dnf"
    reasons = (
        ("Bad GPG signature", "signature of the index"),
        ("GPG signature is not available", "the signature of the index is missing"),
        ("is not signed|GPG check FAILED", "signature of the package"),
        (
            "Operation too slow|Timeout was reached",
            _TOO_SLOW,
        ),
        ("metadata states file length", "size in the metadata"),
        ("checksum doesn't match|Checksum error", "checksum in the metadata"),
        ("Status code: 404", "a package of the index is missing"),
    )

    def call(self, *words: str) -> ProgramResult:
        settings = {
            "reposdir": self.folder / "repos",
            "cachedir": self.folder / "cache",
            "logdir": "/var/log",
            "metadata_expire": "0",
            # As they are a server is asked eleven times, each time for 30 seconds.
            "timeout": "4",
            "retries": "1",
        }
        options = [f"--installroot={self.folder / 'root'}", "--noplugins", "--assumeyes", "--releasever=1"]
        options += [f"--setopt={name}={value}" for name, value in settings.items()]
        return self.run(["dnf", *options, *words])

    def install(self) -> ProgramResult:
        return self.call("install", "app", "erlang")

    def update(self) -> ProgramResult:
        # On another day: later than the metadata_expire of the .repo file of a channel.
        return self.call("--refresh", "upgrade")


class ZypperClient(PackageClient):
    """zypper with its defaults; an unknown key is accepted only when the machine is set up."""

    program = "zypper"
    reasons = (
        (r"Signature verification failed \[\d-|header is not signed", "signature of the package"),
        ("Signature verification failed", "signature of the index"),
        ("exceeded the expected filesize", "size in the metadata, or 20 MB for the index"),
        ("Digest verification failed|fails integrity check", "checksum in the metadata"),
        ("not found on medium|File '.*' not found", "a package of the index is missing"),
    )

    def call(self, *words: str) -> ProgramResult:
        options = ["--root", str(self.folder / "root"), "--non-interactive", "--no-color"]
        options += ["--reposd-dir", str(self.folder / "repos"), "--cache-dir", str(self.folder / "cache")]
        return self.run(["zypper", *options, *words])

    def install(self) -> ProgramResult:
        greeted = self.call("--gpg-auto-import-keys", "refresh", "--force")
        if greeted.code:
            return greeted
        return self.call("--gpg-auto-import-keys", "install", "app", "erlang")

    def update(self) -> ProgramResult:
        refreshed = self.call("refresh", "--force")
        if refreshed.code:
            return refreshed
        return self.call("update")


class VerifyClient:
    """`altai-build verify URL --remember FILE` with a repos.yaml that asks for two approvals, on a second site."""

    name = "verify"
    reasons = (
        ("failed verification", "size in release.json"),
        ("cannot download", "less than 1000 bytes a second for 30 seconds, four times"),
    )

    def __init__(self, folder: Path, world: AttackWorld) -> None:
        self.folder, self.world = folder, world
        folder.mkdir(parents=True, exist_ok=True)
        persons = "".join(f'  {name}: {{file: "{key.public}"}}\n' for name, key in world.approvers.items())
        (folder / "repos.yaml").write_text(
            "project: altai\n"
            "targets: {centos6: {mock_config: m, arch: x86_64, macros: {dist: .el6}}}\n"
            "keys:\n"
            f'  ours: {{file: "{world.materials.ours.public}", signs: true}}\n'
            f'  epel6: {{file: "{world.materials.theirs.public}"}}\n{persons}'
            "repositories:\n"
            "  centos6: {source: superproject, target: centos6, key: ours, source_rpms: centos6-srpms}\n"
            "  deps/misc: {source: specs, path: specs, target: centos6, key: ours, source_rpms: deps/misc-srpms}\n"
            '  deps/epel: {source: mirror, target: centos6, key: epel6, url: "file:///nowhere", packages: needed}\n'
            f'release: {{directory: none, baseurl: "{world.url}", approvals: {{keys: [alice, bob], needed: 2}}}}\n'
            "waivers:\n"
            '  - {rule: source-packages, subject: "*", reason: tiny packages, expires: 2999-12-31}\n'
        )

    def verify(self) -> tuple[int, dict[str, object]]:
        """The exit code and the result of the regular look at the server."""
        words = ["verify", f"{self.world.url}/latest", "--remember", str(self.folder / "seen.json"), "--json"]
        answer = altai_build(*words, cwd=self.folder)
        return answer.code, json.loads(answer.out)

    def meet(self, attack: Attack) -> Cell:
        """Look at the honest release, then at what the attack shows; the errors are what was found."""
        seen = self.folder / "seen.json"
        seen.unlink(missing_ok=True)
        if attack.seen:
            self.world.serve(self.world.releases / attack.seen)
            self.verify()
            assert seen.exists()
        attack.play(self.world)
        code, answer = self.verify()
        findings = answer.get("findings")
        if isinstance(findings, list):
            rules = {finding["rule"] for finding in findings if finding["severity"] == "error"}
            # Not of the attack, but of the day on which it is played.
            others = sorted(rules - {"freeze"}) or sorted(rules)
            assert code == 7 and others, f"verify: {attack.name}: {code} {answer}"
            return Cell("found", ", ".join(f"`{rule}`" for rule in others))
        error = answer["error"]
        assert isinstance(error, dict) and code != 0, f"verify: {attack.name}: {code} {answer}"
        for pattern, reason in self.reasons:
            if pattern in error["what"]:
                return Cell("refused", reason)
        raise AssertionError(f"verify: {attack.name}: unknown answer {code} {answer}")
