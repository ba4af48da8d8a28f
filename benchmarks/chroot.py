#!/usr/bin/env python3
"""One tiny C package in a clean chroot: ours against bare rpmbuild, a bare overlay, and mock where it is installed.

usage: sudo .venv/bin/python benchmarks/chroot.py [--testbed DIR] [--rounds N]

Needs root and the testbed (scripts/make-testbed makes it). Every variant works in the same base root.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from altai_build.config import load_config  # noqa: E402
from altai_build.ledger import Ledger  # noqa: E402
from altai_build.model.matter import Dependants  # noqa: E402
from altai_build.stages.build import Job, Workshop, build  # noqa: E402
from altai_build.tools.buildroot import Buildroot  # noqa: E402
from altai_build.tools.files import remove_tree, sha256_file  # noqa: E402
from altai_build.tools.mockconfig import read_config  # noqa: E402
from altai_build.tools.rpmfile import read_header  # noqa: E402
from altai_build.workspace import Workspace  # noqa: E402
from benchmarks.measure import Variant, judge, ratio, run, show, take_turns, tell_machine  # noqa: E402

_REPOS = """\
project: bench
targets: {t: {mock_config: testbed-x86_64, arch: x86_64}}
keys: {k: {file: k, signs: true}}
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
_BARE = """\
set -e
top=$1 base=$2; shift 2
mkdir -p "$top"/{upper,work,merged}
mount -t overlay -o "lowerdir=$base,upperdir=$top/upper,workdir=$top/work" overlay "$top/merged"
mount -t proc proc "$top/merged/proc"
mount --bind /dev "$top/merged/dev"
mkdir -p "$top/merged/builddir/build"
cp "$SRPM" "$top/merged/builddir/hello.src.rpm"
chown -R 1000:1000 "$top/merged/builddir"
chroot --userspec=1000:1000 "$top/merged" "$@" >/dev/null 2>&1
"""
_REBUILD = [
    "/usr/bin/rpmbuild",
    "--rebuild",
    "--nodeps",
    "--define=_topdir /builddir/build",
    "/builddir/hello.src.rpm",
]


class Bench:
    """A workspace with a base root, and the package that everybody builds."""

    def __init__(self, folder: Path, testbed: Path) -> None:
        self.folder = folder
        shutil.copytree(testbed / "mock-configs", folder / "mock-configs")
        (folder / "repos.yaml").write_text(_REPOS)
        config = load_config(folder / "repos.yaml")
        self.workspace = Workspace(folder / "ws")
        self.workspace.prepare()
        target = config.targets["t"]
        read = read_config(target.mock_config, search=config.mock_config_places)
        self.workshops = {
            name: Workshop.open(target, read, name, self.workspace, Dependants.REBUILD)
            for name in ("chroot", "mock")
            if name == "chroot" or (shutil.which("mock") and os.environ.get("SUDO_UID"))
        }
        for workshop in self.workshops.values():
            workshop.prepare()
        resolver = self.workshops["chroot"].resolver
        key = Buildroot(base=resolver.base, extra=()).base_key
        self.base = self.workspace.roots / "base" / key
        (folder / "hello.c").write_text('#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n')
        (folder / "hello.spec").write_text(_SPEC)
        defines = [f"--define=_sourcedir {folder}", f"--define=_srcrpmdir {folder}", "--define=_topdir /tmp"]
        run(["rpmbuild", "-bs", *defines, str(folder / "hello.spec")])
        (self.srpm,) = folder.glob("*.src.rpm")
        self.job = Job(
            component="hello",
            commit="0" * 40,
            srpm=self.srpm,
            srpm_sha256=sha256_file(self.srpm),
            header=read_header(self.srpm),
            local=(),
            cpus=1,
        )

    def ours(self, name: str = "chroot", *, component: str = "hello") -> None:
        """Resolve, build, keep and write down, as a run does for each component; nothing is reused."""
        ledger = Ledger(self.folder / f"ledger-{component}")
        job = Job(**{**self.job.__dict__, "component": component, "macros": (("bench", component),)})
        built = build(job, self.workshops[name], self.workspace, ledger)
        assert built.rpms, built.reason
        remove_tree(self.workspace.builds / built.key)
        ledger.path.unlink()

    def two(self) -> None:
        """Two builds at once."""
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda name: self.ours(component=name), ("one", "two")))

    def bare(self, *command: str) -> None:
        """The same by hand, in an overlay on tmpfs that is thrown away."""
        with tempfile.TemporaryDirectory(dir="/dev/shm") as top:
            namespaces = [
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--net",
                "--ipc",
                "--uts",
                "--propagation=private",
            ]
            words = [*namespaces, "bash", "-c", _BARE, "bare", top, str(self.base), *command]
            subprocess.run(
                words, stdin=subprocess.DEVNULL, check=True, env={**os.environ, "SRPM": str(self.srpm)}
            )


def main() -> None:
    """Measure and judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--testbed", type=Path, default=Path("/var/cache/altai-build/testbed"))
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="chroot."))
    folder.chmod(0o755)
    try:
        tell_machine("rpmbuild", "bwrap", "mock")
        bench = Bench(folder, arguments.testbed)
        variants = [
            Variant("bare overlay + rpmbuild", lambda: bench.bare(*_REBUILD)),
            Variant("bare overlay + /bin/true", lambda: bench.bare("/bin/true")),
            Variant("ours: resolve, build, keep", bench.ours),
            Variant("ours, two at once", bench.two),
        ]
        if "mock" in bench.workshops:
            variants.append(Variant("mock, as we call it", lambda: bench.ours("mock")))
        times = take_turns(variants, arguments.rounds)
        base = "bare overlay + rpmbuild"
        show("hello in a clean chroot", times, base)
        targets = [
            ("ours / bare overlay + rpmbuild", ratio(times, "ours: resolve, build, keep", base), 2.0),
            ("two at once / one", ratio(times, "ours, two at once", "ours: resolve, build, keep"), 1.7),
        ]
        if "mock" in bench.workshops:
            targets.append(
                ("ours / mock", ratio(times, "ours: resolve, build, keep", "mock, as we call it"), 1 / 5)
            )
        judge(targets)
    finally:
        remove_tree(folder)


if __name__ == "__main__":
    main()
