"""What is proved of workers: a superproject, what one machine made of it, and that workers make the same."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.kit.cli import ROOT
from tests.kit.superprojects import World, make_files
from tests.kit.worker_machines import (
    Machines,
    Package,
    Program,
    Superproject,
    find_processes,
    list_descendants,
    wait_for,
)

WORKERS = ["w1", "w2", "w3"]
_COMPONENTS = 6
_BUILD_SECONDS = 6
ENDLESS = "sleep 613"
_SLOW = "2mbit"
_SMALL_DISK = "48m"
_REPOS_YAML = """\
project: small
superproject: {components: [repos], root: false}
targets: {t: {mock_config: testbed-x86_64, arch: x86_64, macros: {dist: .t1}}}
keys: {k: {file: keys/k, signs: true}}
repositories: {r: {source: superproject, target: t, key: k, source_rpms: r-srpms}}
release: {baseurl: "http://127.0.0.1"}
"""


class NotMetError(Exception):
    """An answer is another one than expected."""


class NotTriedError(Exception):
    """What a case needs is not on this machine."""


def expect(is_met: object, otherwise: str) -> None:
    """Raise NotMetError where something is not so."""
    if not is_met:
        raise NotMetError(otherwise)


def compare(local: list[Package], other: list[Package]) -> int:
    """The number of packages, which are the same. Raises NotMetError."""
    expect(local, "the local release has no packages")
    names, others = {one.name for one in local}, {one.name for one in other}
    expect(names == others, f"only in one of them: {', '.join(sorted(names ^ others))}")
    different = [one.name for one, two in zip(local, other) if one != two]
    expect(not different, f"not the same: {', '.join(different)}")
    return len(local)


def make_superproject(
    folder: Path, testbed: Path, specs: Mapping[str, Mapping[str, str]], builder: str = "chroot"
) -> Superproject:
    """Small components by name, with what `make_spec` takes for each."""
    world = World(folder)
    for name, settings in specs.items():
        world.component(f"repos/{name}", make_files(name, **settings))
    configs = testbed / "mock-configs"
    files = {f"mock-configs/{path.name}": path.read_bytes() for path in configs.iterdir()}
    world.pin({**files, "repos.yaml": _REPOS_YAML})
    world.super.git("reset", "--quiet", "--hard")
    return Superproject(world.super.path, builder)


class Proof:
    """The cluster, the small superproject, and what one machine alone made of it."""

    def __init__(self, machines: Machines, testbed: Path) -> None:
        self.machines = machines
        self.testbed = testbed
        # They do not need one another; the build of each takes some seconds.
        specs = {f"c{number}": {"build": f"sleep {_BUILD_SECONDS}"} for number in range(_COMPONENTS)}
        self.small = make_superproject(machines.folder / "small", testbed, specs)
        self.small.prepare("k", machines)
        self.local = self.release_here(self.small)
        machines.start_scheduler()
        for name in WORKERS:
            machines.start_worker(name)

    @staticmethod
    def release_here(superproject: Superproject) -> list[Package]:
        local = superproject.copy(f"{superproject.path.name}-local")
        local.require("release", "1.0.1")
        return local.list_packages()

    def start(self, name: str) -> tuple[Superproject, Program]:
        """A release of the small superproject, with nothing built before, until the last worker is in a build."""
        superproject = self.small.copy(name)
        run = superproject.release_by(self.machines)
        self.machines.wait_until_building(WORKERS[-1])
        expect(not superproject.is_published(), "a release is there before everything is built")
        return superproject, run

    def make_endless(self, folder: str, name: str) -> Superproject:
        """A component whose build lasts much longer than anything here waits, and another one, `good`."""
        specs = {name: {"build": ENDLESS}, "good": {}}
        superproject = make_superproject(self.machines.folder / folder, self.testbed, specs)
        superproject.prepare("k", self.machines)
        return superproject

    def find_endless_build(self, run: Program) -> str:
        """The worker that builds it, once there is one. Raises NotMetError, TimeoutError."""
        wait_for(f"a build of {ENDLESS}", lambda: bool(find_processes(ENDLESS)) or run.ended)
        expect(not run.ended, f"the run ended: {run.read()[-500:]}")
        found = [
            name
            for name, worker in self.machines.workers.items()
            if ENDLESS in (command.strip() for command in list_descendants(worker.process.pid).values())
        ]
        expect(len(found) == 1, f"{ENDLESS} is run by {found}")
        return found[0]

    def check_rescheduled(self, superproject: Superproject, run: Program) -> str:
        """The same, and what the last worker had begun was done by another one. Raises NotMetError."""
        answer = self.check(superproject, run)
        moved = [line for line in superproject.list_done() if f"begun before on {WORKERS[-1]}" in line]
        expect(moved, f"nothing that {WORKERS[-1]} had begun was done by another worker")
        return f"{answer}; {len(moved)} built by another worker"

    def check(self, superproject: Superproject, run: Program, local: list[Package] | None = None) -> str:
        """The run ends well, and its release is the local one, by default the small one. Raises NotMetError."""
        code = run.finish()
        expect(code == 0, f"exit {code}: {run.read()[-600:]}")
        return f"released; {compare(local or self.local, superproject.list_packages())} packages equal the local ones"

    def restart(self, name: str) -> None:
        """Stop a worker if it is still there, and start it again."""
        self.machines.workers[name].stop()
        self.machines.start_worker(name)

    def sample(self) -> str:
        """A release of the sample by the workers."""
        folder = self.machines.folder / "sample"
        script = [
            str(ROOT / "scripts" / "make-sample-superproject"),
            "--testbed",
            str(self.testbed),
            str(folder),
        ]
        subprocess.run(script, stdin=subprocess.DEVNULL, capture_output=True, check=True)
        sample = Superproject(folder / "altai")
        sample.prepare("altai", self.machines)
        local = self.release_here(sample)
        superproject = sample.copy("altai-by-workers")
        run = superproject.release_by(self.machines)
        code = run.finish()
        expect(code == 0, f"exit {code}: {run.read()[-600:]}")
        return f"{compare(local, superproject.list_packages())} packages: file, build key, header, payload"

    def nothing(self) -> str:
        """Nothing is broken."""
        return self.check(*self.start("nothing"))

    def short_cut(self) -> str:
        """The network of a worker is cut for three seconds."""
        superproject, run = self.start("short-cut")
        self.machines.network.cut(WORKERS[-1])
        try:
            run.process.wait(3)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.machines.network.heal(WORKERS[-1])
        return self.check(superproject, run)

    def long_cut(self) -> str:
        """The network of a worker is cut until the others have built what it had, and healed then."""
        superproject, run = self.start("long-cut")
        self.machines.network.cut(WORKERS[-1])
        try:
            answer = self.check_rescheduled(superproject, run)
        finally:
            self.machines.network.heal(WORKERS[-1])
        self.machines.wait_for_connections(WORKERS[-1], 2)
        self.check(*self.start("after-long-cut"))
        return f"{answer}; it connected again, and built for the next run"

    def cut_of_the_last(self) -> str:
        """The network of the only worker that is left is cut until it and the scheduler know, and healed in the run."""
        self.restart(WORKERS[-1])
        superproject, run = self.start("cut-of-the-last")
        self.machines.network.cut(WORKERS[-1])
        try:
            for name in WORKERS[:-1]:
                self.machines.workers[name].stop()
            run.wait_for("has no worker that can build; waiting for one")
            self.machines.workers[WORKERS[-1]].wait_for("the connection to the scheduler")
            done = len(superproject.list_done())
            self.machines.network.heal(WORKERS[-1])
            answer = self.check(superproject, run)
        finally:
            self.machines.network.heal(WORKERS[-1])
            for name in WORKERS[:-1]:
                self.restart(name)
        later = superproject.list_done()[done:]
        expect(
            later and all(f"was done on {WORKERS[-1]}" in line for line in later), f"done by others: {later}"
        )
        return f"{answer}; it connected again, and built {len(later)} for the same run"

    def slow(self) -> str:
        """The network of a worker is slow."""
        self.machines.network.slow_down(WORKERS[-1], _SLOW)
        try:
            return self.check(*self.start("slow"))
        finally:
            self.machines.network.speed_up(WORKERS[-1])

    def full_disk(self) -> str:
        """The disk of a worker is too small for a buildroot."""
        disk = self.machines.folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SMALL_DISK}", "tmpfs", str(disk)], check=True)
        try:
            self.machines.workers[WORKERS[-1]].stop()
            self.machines.start_worker(WORKERS[-1], disk)
            superproject = self.small.copy("full-disk")
            run = superproject.release_by(self.machines)
            answer = self.check(superproject, run)
            said = [line for line in run.read().splitlines() if "No space left on device" in line]
            expect(
                any(WORKERS[-1] in line for line in said), f"the run does not say whose disk is full: {said}"
            )
            return answer
        finally:
            self.machines.workers[WORKERS[-1]].stop()
            subprocess.run(["umount", "--lazy", str(disk)], check=True)
            self.machines.start_worker(WORKERS[-1])

    def killed_worker(self) -> str:
        """A worker is killed in the middle of a build."""
        superproject, run = self.start("killed-worker")
        self.machines.workers[WORKERS[-1]].kill()
        try:
            return self.check_rescheduled(superproject, run)
        finally:
            self.restart(WORKERS[-1])

    def killed_scheduler(self) -> str:
        """The scheduler is killed in the middle of builds, and everything started again."""
        superproject, run = self.start("killed-scheduler")
        assert self.machines.scheduler is not None
        self.machines.scheduler.kill()
        try:
            code = run.finish()
            expect(code == 3, f"exit {code} instead of 3: {run.read()[-600:]}")
            expect(not superproject.is_published(), "something was published")
        finally:
            before = {name: self.machines.count_connections(name) for name in WORKERS}
            self.machines.start_scheduler()
        for name in WORKERS:
            self.machines.wait_for_connections(name, before[name] + 1)
        again = self.check(superproject, superproject.release_by(self.machines))
        return f"exit 3, nothing published; the workers connected to the next one; again: {again}"

    def killed_run(self) -> str:
        """The run is killed when some packages have arrived, and started again."""
        superproject, run = self.start("killed-run")
        wait_for("a build that ended", lambda: bool(superproject.list_done()))
        self.machines.wait_until_building(WORKERS[-1])
        run.kill()
        arrived = len(superproject.list_done())
        expect(not superproject.is_published(), "something was published")
        again = superproject.release_by(self.machines)
        answer = self.check(superproject, again)
        built = len(superproject.list_done()) - arrived
        expect(built < _COMPONENTS, "everything was built again")
        return f"nothing published; again, {_COMPONENTS - built} reused: {answer}"
