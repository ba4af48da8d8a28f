#!/usr/bin/env python3
"""A tiny C package in a clean chroot: altai-build, bare rpmbuild, a bare overlay, and mock with several settings.

Needs root and the testbed (scripts/make-testbed). Every variant uses a root with the same packages. mock is measured
where it is on PATH and works for this user (as root: SUDO_UID names the user that it switches to).
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
from benchmarks.measure import CPUS, Times, Variant, ratios, removing, run  # noqa: E402

REPOS = """\
project: bench
targets: {t: {mock_config: testbed-x86_64, arch: x86_64}}
keys: {k: {file: keys/k, signs: true}}
repositories: {r: {source: superproject, target: t, key: k, source_rpms: r-srpms}}
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
# The same steps without any checks: namespaces, overlay, /proc and /dev, an unprivileged user.
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

# Settings of mock. The overlay plugin calls modprobe even if the module is loaded.
DEFAULTS, TMPFS, OVERLAY = "mock, default settings (root cache)", "mock, tmpfs plugin", "mock, overlay plugin"
_MOCK_SETTINGS = {
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
    """The command that builds the source package in the root."""
    given = [*macros, ("_topdir", "/builddir/build"), ("_buildhost", "localhost")]
    defines = [f"--define={name} {value}" for name, value in given]
    return ["/usr/bin/rpmbuild", "--rebuild", "--nodeps", *defines, "/builddir/the.src.rpm"]


def in_overlay(lowers: Sequence[Path], srpm: Path, command: Sequence[str]) -> None:
    """Run a command in an overlay on tmpfs over these folders (topmost first), and delete the overlay."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as top:
        words = ["bash", "-c", _MOUNT + _INSIDE, "bare", top, ":".join(map(str, lowers)), str(srpm), *command]
        run(["unshare", *_NAMESPACES, *words])


@contextmanager
def mounted_root(base: Path, srpm: Path) -> Iterator[list[str]]:
    """A root that stays mounted in its own namespace; gives the beginning of a command line that runs in it."""
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


def mock_variants(
    folder: Path,
    testbed: Path,
    srpms: Sequence[Path],
    *more: str,
    settings: Iterable[str] = _MOCK_SETTINGS,
    rounds: int = 3,
) -> list[Variant]:
    """mock alone, once for each source package, with more options; all of its files are below `folder`."""
    configs, results, listed = folder / "configs", folder / "results", folder / "srpms"
    configs.mkdir(parents=True)
    listed.write_text("".join(f"{srpm}\n" for srpm in srpms))
    text = (testbed / "mock-configs" / "testbed-x86_64.cfg").read_text()
    folders = {"basedir": folder / "roots", "cache_topdir": folder / "cache"}
    text += "".join(f"\nconfig_opts[{option!r}] = {str(path)!r}" for option, path in folders.items())
    cache = "{{ cache_topdir }}/{{ root }}/root_cache/"
    text += f"\nconfig_opts['plugin_conf']['root_cache_opts']['dir'] = {cache!r}\n"

    def prepare() -> None:
        removing(results)()
        results.mkdir()
        os.chown(results, int(os.environ.get("SUDO_UID", "0")), -1)

    variants = []
    for number, name in enumerate(settings):
        root = f"bench-{number}"
        (configs / f"{root}.cfg").write_text(f"{text}config_opts['root'] = {root!r}\n{_MOCK_SETTINGS[name]}")
        words = ["xargs", f"--arg-file={listed}", "--max-args=1", "mock", f"--configdir={configs}"]
        words += [f"--root={root}", f"--resultdir={results}", *more, "--rebuild"]
        variants.append(Variant(name, words, before=prepare, peer="mock", rounds=rounds))
    return variants


class Bench:
    """A workspace with a base buildroot, and the package that every variant builds."""

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
        defines = [f"--define={name} {self.folder}" for name in ("_sourcedir", "_srcrpmdir", "_topdir")]
        run(["rpmbuild", "-bs", *defines, str(self.folder / "hello.spec")])
        (srpm,) = self.folder.glob("*.src.rpm")
        return srpm

    def environment(self, builder: str) -> BuildEnvironment:
        """The build environment with a builder, opened and prepared on first use."""
        if builder not in self.environments:
            environment = open_build_environment(self.target, self.read, builder, self.workspace)
            environment.builder.prepare(environment.resolver.base_buildroot)
            self.environments[builder] = environment
        return self.environments[builder]

    def ours(self, *, builder: str = "chroot", component: str = "hello") -> None:
        """Resolve, build, store and record, as a run does for each component; nothing is reused."""
        ledger = Ledger(self.folder / f"ledger-{component}")
        environment = self.environment(builder)
        build = replace(self.build, component=component, macros=(("bench", component),))
        steps = build_or_reuse(build, environment, BuildCache(self.workspace, ledger))
        built = run_steps(steps, lambda job: run_job(job, environment.builder))
        assert built.rpms, built.reason
        remove_tree(self.workspace.builds / built.key)
        ledger.path.unlink()

    def builder_alone(self) -> None:
        """Only the build in its chroot."""
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
        """Run a command in an overlay on the base buildroot."""
        in_overlay([self.base], self.srpm, command or rebuild())

    def several(self, count: int, work: Callable[[int], object]) -> Callable[[], None]:
        """So many builds, in parallel on all processors."""

        def start() -> None:
            with ThreadPoolExecutor(CPUS) as pool:
                list(pool.map(work, range(count)))

        return start

    def in_parallel(self, count: int) -> list[Variant]:
        """So many builds, in bare overlays and with altai-build."""
        bare = self.several(count, lambda _: self.bare())
        ours = self.several(count, lambda number: self.ours(component=f"hello{number}"))
        return [Variant("bare overlay + rpmbuild", bare), Variant("ours", ours)]


def measure_builds(bench: Bench, testbed: Path, rounds: int) -> list[measure.Target]:
    """One build, and two in parallel."""
    with mounted_root(bench.base, bench.srpm) as inside:
        bare, two = "bare overlay + rpmbuild", bench.several(2, lambda _: bench.bare())
        ours_two = bench.several(2, lambda number: bench.ours(component=f"hello{number}"))
        times = measure.take_turns(
            [
                Variant("rpmbuild alone, in a mounted root", [*inside, *rebuild()]),
                Variant("bare overlay + /bin/true", lambda: bench.bare("/bin/true")),
                Variant(bare, bench.bare),
                Variant("bare overlay, two in parallel", two),
                Variant("ours, the builder alone", bench.builder_alone),
                Variant("ours: resolve, build, store", bench.ours),
                Variant("ours, two in parallel", ours_two),
                Variant(
                    "mock, called by altai-build", lambda: bench.ours(builder="mock"), peer="mock", rounds=3
                ),
                *mock_variants(bench.folder / "mock", testbed, [bench.srpm]),
            ],
            rounds,
        )
    alone, ours = "rpmbuild alone, in a mounted root", "ours: resolve, build, store"
    measure.print_times("hello in a clean chroot", times, alone)
    times["overhead"] = _less(times, "ours, the builder alone", alone)
    limits = {OVERLAY: 5, TMPFS: 12, DEFAULTS: 40}
    return [
        ("everything / rpmbuild alone", ratios(times, ours, alone), 2.0),
        ("everything / bare overlay + rpmbuild", ratios(times, ours, bare), 2.0),
        (
            "builder beyond rpmbuild / bare overlay + /bin/true",
            ratios(times, "overhead", "bare overlay + /bin/true"),
            1.5,
        ),
        ("builder beyond rpmbuild, seconds", times["overhead"], 0.06),
        ("two in parallel / one", ratios(times, "ours, two in parallel", ours), 1.7),
        (
            "everything / mock, called by altai-build",
            ratios(times, ours, "mock, called by altai-build"),
            1 / 5,
        ),
        *((f"everything / {name}", ratios(times, ours, name), 1 / least) for name, least in limits.items()),
    ]


def _less(times: Times, name: str, other: str) -> list[float]:
    """The time that one variant takes more than another, round by round."""
    return [seconds - less for seconds, less in zip(times[name], times[other])]


def measure_roots(bench: Bench) -> list[measure.Target]:
    """Making the base buildroot from downloaded packages, and unpacking an image of it on the same disk."""
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
    measure.print_times("Making the base buildroot", times, base)
    return [("making the base buildroot / unpacking an image", ratios(times, "ours", base), 1.3)]


def main() -> None:
    """Measure, and print the results beside the targets."""
    parser = measure.make_parser(__doc__, rounds=7)
    measure.add_sizes(parser, "1,2,4,8", f"builds ({CPUS} in parallel)")
    measure.add_testbed(parser)
    arguments = parser.parse_args()
    with measure.scratch("chroot", "rpmbuild", "bwrap", "mock") as folder:
        bench = Bench(folder, arguments.testbed)
        targets = measure_builds(bench, arguments.testbed, arguments.rounds)
        targets += measure_roots(bench)
        curves = measure.measure_growth(arguments.sizes, bench.in_parallel, max(3, arguments.rounds // 2))
        measure.print_growth(f"Builds of hello, {CPUS} in parallel", "builds", curves, arguments.svg)
    measure.print_targets(targets)


if __name__ == "__main__":
    main()
