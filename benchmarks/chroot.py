#!/usr/bin/env python3
"""One tiny C package in a clean chroot: ours against bare rpmbuild, a bare overlay, and mock in all its ways.

Needs root and the testbed (scripts/make-testbed makes it). Every variant works in a root of the same packages. mock
is measured where it is on PATH and works for the caller (as root: SUDO_UID names the user that it drops to).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from altai_build.config import load_config  # noqa: E402
from altai_build.ledger import Ledger  # noqa: E402
from altai_build.model.build import BuildRequest  # noqa: E402
from altai_build.pipeline.build.toolchains import open_build_environment  # noqa: E402
from altai_build.stages.build.cache import BuildCache  # noqa: E402
from altai_build.stages.build.environment import BuildEnvironment, ComponentBuild  # noqa: E402
from altai_build.stages.build.jobs import run_job, run_steps  # noqa: E402
from altai_build.stages.build.run import build_or_reuse  # noqa: E402
from altai_build.tools.chroot.resolver import Buildroot  # noqa: E402
from altai_build.tools.chroot.roots import RootCache  # noqa: E402
from altai_build.tools.files import remove_tree, sha256_file  # noqa: E402
from altai_build.tools.mock.config import read_config  # noqa: E402
from altai_build.tools.rpm.header import read_header  # noqa: E402
from altai_build.workspace import Workspace  # noqa: E402
from benchmarks import measure  # noqa: E402
from benchmarks.measure import CPUS, TESTBED, Times, Variant, ratios, removing, run  # noqa: E402

REPOS = """\
project: bench
targets: {t: {mock_config: testbed-x86_64, arch: x86_64}}
keys: {k: {file: keys/k, signs: true}}
repositories: {r: {source: superproject, target: t, key: k}}
release: {baseurl: "http://127.0.0.1"}
"""
_SPEC = """\
Name: hello
Version: 1
Release: 1
Summary: x
License: MIT
Source0: hello.c
%description
x
%prep
%build
gcc -O2 -o hello %{SOURCE0}
%install
install -D hello %{buildroot}/usr/bin/hello
%files
/usr/bin/hello
"""
# The same steps by hand, with nothing checked, kept or told: namespaces, overlay, /proc and /dev, an unprivileged user.
_MOUNT = """\
set -e
top=$1 lowers=$2 srpm=$3; shift 3
mkdir -p "$top"/{upper,work,merged}
mount -t overlay -o "lowerdir=$lowers,upperdir=$top/upper,workdir=$top/work" overlay "$top/merged"
mount -t proc proc "$top/merged/proc"
mount --bind /dev "$top/merged/dev"
mkdir -p "$top/merged/builddir/build"
cp "$srpm" "$top/merged/builddir/the.src.rpm"
chown -R 1000:1000 "$top/merged/builddir"
"""
_ENTER = ["env", "--ignore-environment", "HOME=/builddir", "PATH=/usr/bin:/usr/sbin:/bin:/sbin"]
_ENTER += ["chroot", "--userspec=1000:1000"]
_INSIDE = f'exec {" ".join(_ENTER)} "$top/merged" "$@"\n'
_NAMESPACES = ["--mount", "--pid", "--fork", "--net", "--ipc", "--uts", "--propagation=private"]

# mock's ways to come to a root. The plugin for overlays also calls modprobe, loaded or not.
DEFAULTS, TMPFS, OVERLAY = "mock, its defaults (root cache)", "mock, tmpfs plugin", "mock, overlay plugin"
_WAYS = {
    DEFAULTS: "",
    TMPFS: "config_opts['plugin_conf']['tmpfs_enable'] = True\n"
    "config_opts['plugin_conf']['tmpfs_opts'] = {'required_ram_mb': 900, 'max_fs_size': '2g', 'mode': '0755', "
    "'keep_mounted': False}\n",
    OVERLAY: "config_opts['plugin_conf']['root_cache_enable'] = False\n"
    "config_opts['plugin_conf']['overlayfs_enable'] = True\n"
    "config_opts['plugin_conf']['overlayfs_opts'] = "
    "{'base_dir': '{{ cache_topdir }}/overlay', 'touch_rpmdb': False, 'trace_hooks': False}\n",
}


def rebuild(macros: Sequence[tuple[str, str]] = ()) -> list[str]:
    """What is run inside: the build of the source package that lies there."""
    given = [*macros, ("_topdir", "/builddir/build"), ("_buildhost", "localhost")]  # else it asks for a name
    defines = [f"--define={name} {value}" for name, value in given]
    return ["/usr/bin/rpmbuild", "--rebuild", "--nodeps", *defines, "/builddir/the.src.rpm"]


def in_overlay(lowers: Sequence[Path], srpm: Path, command: Sequence[str]) -> None:
    """A command in an overlay on tmpfs over these folders, the topmost first; then it is thrown away."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as top:
        words = ["bash", "-c", _MOUNT + _INSIDE, "bare", top, ":".join(map(str, lowers)), str(srpm), *command]
        run(["unshare", *_NAMESPACES, *words])


@contextmanager
def standing_root(base: Path, srpm: Path) -> Iterator[list[str]]:
    """A root that stays mounted, in a namespace that is gone when we are; gives the words that run a command in it."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as top:
        words = ["bash", "-c", f"{_MOUNT}echo ready; read -r", "bare", top, str(base), str(srpm)]
        holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation=private", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert holder.stdin is not None and holder.stdout is not None
        try:
            assert holder.stdout.readline() == b"ready\n"
            enter = ["nsenter", f"--mount=/proc/{holder.pid}/ns/mnt"]
            yield [*enter, *_ENTER, f"{top}/merged"]
        finally:
            holder.stdin.close()
            holder.wait()
            holder.stdout.close()


def mock_ways(
    folder: Path,
    testbed: Path,
    srpms: Sequence[Path],
    *more: str,
    ways: Iterable[str] = _WAYS,
    rounds: int = 3,
) -> list[Variant]:
    """mock itself, once for each source package, with more options; all that it keeps is below `folder`."""
    configs, results, listed = folder / "configs", folder / "results", folder / "srpms"
    configs.mkdir(parents=True)
    listed.write_text("".join(f"{srpm}\n" for srpm in srpms))
    text = (testbed / "mock-configs" / "testbed-x86_64.cfg").read_text()
    places = {"basedir": folder / "roots", "cache_topdir": folder / "cache"}
    text += "".join(f"\nconfig_opts[{option!r}] = {str(place)!r}" for option, place in places.items())
    cache = "{{ cache_topdir }}/{{ root }}/root_cache/"
    text += f"\nconfig_opts['plugin_conf']['root_cache_opts']['dir'] = {cache!r}\n"

    def prepare() -> None:
        removing(results)()
        results.mkdir()
        os.chown(results, int(os.environ.get("SUDO_UID", "0")), -1)

    variants = []
    for number, name in enumerate(ways):
        root = f"bench-way{number}"
        (configs / f"{root}.cfg").write_text(f"{text}config_opts['root'] = {root!r}\n{_WAYS[name]}")
        words = ["xargs", f"--arg-file={listed}", "--max-args=1", "mock", f"--configdir={configs}"]
        words += [f"--root={root}", f"--resultdir={results}", *more, "--rebuild"]
        variants.append(Variant(name, words, before=prepare, peer="mock", rounds=rounds))
    return variants


class Bench:
    """A workspace with a base root, and the package that everybody builds."""

    def __init__(self, folder: Path, testbed: Path) -> None:
        self.folder = folder
        shutil.copytree(testbed / "mock-configs", folder / "mock-configs")
        (folder / "repos.yaml").write_text(REPOS)
        config = load_config(folder / "repos.yaml")
        self.target = config.targets["t"]
        self.read = read_config(self.target.mock_config, search=config.mock_config_directories)
        self.workspace = Workspace(folder / "ws")
        self.workspace.prepare()
        self.environments: dict[str, BuildEnvironment] = {}
        resolver = self.environment("chroot").resolver
        self.base_packages = Buildroot(base=resolver.base, extra=())
        self.base = self.workspace.buildroots / "base" / self.base_packages.base_cache_key
        self.srpm = self._make_srpm()
        self.build = ComponentBuild(
            component="hello",
            commit="0" * 40,
            srpm=self.srpm,
            srpm_sha256=sha256_file(self.srpm),
            header=read_header(self.srpm),
            local=(),
            cpus=1,
        )

    def _make_srpm(self) -> Path:
        source = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'
        (self.folder / "hello.c").write_text(source)
        (self.folder / "hello.spec").write_text(_SPEC)
        places = [f"--define={name} {self.folder}" for name in ("_sourcedir", "_srcrpmdir", "_topdir")]
        run(["rpmbuild", "-bs", *places, str(self.folder / "hello.spec")])
        (srpm,) = self.folder.glob("*.src.rpm")
        return srpm

    def environment(self, builder: str) -> BuildEnvironment:
        """The build environment with a builder, opened and prepared when it is first asked for."""
        if builder not in self.environments:
            environment = open_build_environment(self.target, self.read, builder, self.workspace)
            environment.builder.prepare(environment.resolver.base_buildroot)
            self.environments[builder] = environment
        return self.environments[builder]

    def ours(self, *, builder: str = "chroot", component: str = "hello") -> None:
        """Resolve, build, keep and write down, as a run does for each component; nothing is reused."""
        ledger = Ledger(self.folder / f"ledger-{component}")
        environment = self.environment(builder)
        build = replace(self.build, component=component, macros=(("bench", component),))
        steps = build_or_reuse(build, environment, BuildCache(self.workspace, ledger))
        built = run_steps(steps, lambda job: run_job(job, environment.builder))
        assert built.rpms, built.reason
        remove_tree(self.workspace.builds / built.key)
        ledger.path.unlink()

    def builder_alone(self) -> None:
        """The build in its chroot, without what comes before and after."""
        with tempfile.TemporaryDirectory(dir=self.folder) as result:
            request = BuildRequest(
                component="hello",
                srpm=self.srpm,
                local_rpms=(),
                result_dir=Path(result),
                source_date_epoch=1_700_000_000,
                jobs=1,
            )
            outcome = self.environment("chroot").builder.build(request, self.base_packages)
            assert outcome.rpms, outcome.reason

    def bare(self, *command: str) -> None:
        """A command in an overlay on the base root."""
        in_overlay([self.base], self.srpm, command or rebuild())

    def several(self, count: int, work: Callable[[int], object]) -> Callable[[], None]:
        """So many builds, as many at once as there are processors."""

        def start() -> None:
            with ThreadPoolExecutor(CPUS) as pool:
                list(pool.map(work, range(count)))

        return start

    def side_by_side(self, count: int) -> list[Variant]:
        """So many builds, by hand and ours."""
        bare = self.several(count, lambda _: self.bare())
        ours = self.several(count, lambda number: self.ours(component=f"hello{number}"))
        return [Variant("bare overlay + rpmbuild", bare), Variant("ours", ours)]


def judge_builds(bench: Bench, testbed: Path, rounds: int) -> list[measure.Target]:
    """One build, and two at once."""
    with standing_root(bench.base, bench.srpm) as inside:
        bare, two = "bare overlay + rpmbuild", bench.several(2, lambda _: bench.bare())
        ours_two = bench.several(2, lambda number: bench.ours(component=f"hello{number}"))
        times = measure.take_turns(
            [
                Variant("rpmbuild alone, in a standing root", [*inside, *rebuild()]),
                Variant("bare overlay + /bin/true", lambda: bench.bare("/bin/true")),
                Variant(bare, bench.bare),
                Variant("bare overlay, two at once", two),
                Variant("ours, the builder alone", bench.builder_alone),
                Variant("ours: resolve, build, keep", bench.ours),
                Variant("ours, two at once", ours_two),
                Variant("mock, as we call it", lambda: bench.ours(builder="mock"), peer="mock", rounds=3),
                *mock_ways(bench.folder / "mock", testbed, [bench.srpm]),
            ],
            rounds,
        )
    alone, ours = "rpmbuild alone, in a standing root", "ours: resolve, build, keep"
    measure.show("hello in a clean chroot", times, alone)
    times["overhead"] = _less(times, "ours, the builder alone", alone)
    aims = {OVERLAY: 5, TMPFS: 12, DEFAULTS: 40}
    return [
        ("all in / rpmbuild alone", ratios(times, ours, alone), 2.0),
        ("all in / bare overlay + rpmbuild", ratios(times, ours, bare), 2.0),
        (
            "builder beyond rpmbuild / bare overlay + /bin/true",
            ratios(times, "overhead", "bare overlay + /bin/true"),
            1.5,
        ),
        ("builder beyond rpmbuild, seconds", times["overhead"], 0.06),
        ("two at once / one", ratios(times, "ours, two at once", ours), 1.7),
        ("all in / mock, as we call it", ratios(times, ours, "mock, as we call it"), 1 / 5),
        *((f"all in / {name}", ratios(times, ours, name), 1 / least) for name, least in aims.items()),
    ]


def _less(times: Times, name: str, other: str) -> list[float]:
    """What one takes more than another, round by round."""
    return [one - less for one, less in zip(times[name], times[other])]


def judge_roots(bench: Bench) -> list[measure.Target]:
    """The base root made from its packages, which are at hand, beside an image of it unpacked on the same disk."""
    image, made, unpacked = (bench.folder / name for name in ("image.tar", "made", "unpacked"))
    roots = RootCache(directory=made, packages=bench.workspace.cache / "packages")
    run(["tar", "--zstd", "-cf", str(image), "-C", str(bench.base), "."])
    unpack = 'mkdir "$2" && zstd -dc "$1" | tar -x -C "$2"'
    times = measure.take_turns(
        [
            Variant(
                "an image unpacked by zstd and tar",
                ["sh", "-c", unpack, "sh", str(image), str(unpacked)],
                before=removing(unpacked),
            ),
            Variant("ours", lambda: roots.ensure_base(bench.base_packages), before=lambda: remove_tree(made)),
        ],
        3,
    )
    base = "an image unpacked by zstd and tar"
    measure.show("The base root made", times, base)
    return [("base root made / an image unpacked", ratios(times, "ours", base), 1.3)]


def main() -> None:
    """Measure and judge."""
    parser = measure.make_parser(__doc__, rounds=7)
    measure.add_sizes(parser, "1,2,4,8", f"builds ({CPUS} at once)")
    parser.add_argument("--testbed", type=Path, default=TESTBED, metavar="DIR", help=f"default: {TESTBED}")
    arguments = parser.parse_args()
    with measure.scratch("chroot", "rpmbuild", "bwrap", "mock") as folder:
        bench = Bench(folder, arguments.testbed)
        targets = judge_builds(bench, arguments.testbed, arguments.rounds)
        targets += judge_roots(bench)
        curves = measure.measure_growth(arguments.sizes, bench.side_by_side, max(3, arguments.rounds // 2))
        measure.show_growth(f"Builds of hello, {CPUS} at once", "builds", curves, arguments.svg)
    measure.judge(targets)


if __name__ == "__main__":
    main()
