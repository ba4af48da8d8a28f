#!/usr/bin/env python3
"""Many releases with many packages: the processor time of each command that reads them, and how that grows."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from altai_build.model.compat import Compat  # noqa: E402
from altai_build.model.quantity import format_size  # noqa: E402
from altai_build.model.release import (  # noqa: E402
    BuildRecord,
    ComponentOrigin,
    FollowedRelease,
    SuperprojectPin,
)
from altai_build.model.release_files import CHECKSUMS_NAME  # noqa: E402
from altai_build.stages.compose import (  # noqa: E402
    KeyFile,
    Placement,
    ReleaseContents,
    RepositoryContents,
    compose,
    sign_checksums,
)
from altai_build.stages.provenance import compute_buildroot_digest, write_provenance  # noqa: E402
from altai_build.tools.files import sha256_file  # noqa: E402
from altai_build.tools.openpgp.signing import SigningKey  # noqa: E402
from altai_build.tools.repo.repodata import write_repodata  # noqa: E402
from benchmarks import measure  # noqa: E402
from benchmarks.measure import PYTHON, Variant, run  # noqa: E402
from tests.kit.keys import make_key, signing_key  # noqa: E402
from tests.kit.rpms import build_rpm  # noqa: E402

EPOCH = 1_700_000_000
# Of a component: its source package, and so many that are installed.
_BINARIES = 24
# They may take as long as reading all files, and checking upgrades, takes.
_UNLIMITED = ("verify, everything read", "report -o")
# Every release changes one component of so many, another one each time.
_CHANGED = 20
_BUILDROOT = (f"bash-5.2-1.x86_64 sha256:{'b' * 64}",)
_HEAD = """\
Name: {name}
Version: 1.{version}
Release: 1
Summary: Component {name}
License: MIT
BuildArch: noarch
%description
{name}
"""
_BINARY = """\
%package -n {name}-{part}
Summary: Part {part} of {name}
Requires: {needed}
%description -n {name}-{part}
Part {part} of {name}.
%files -n {name}-{part}
/usr/share/{name}/{part}
"""
_CONFIG = """\
project: scale
targets:
  el9: {mock_config: none, arch: x86_64, macros: {dist: .el9}, base: [{name: os, url: "BASE/", key: ours}]}
keys: {ours: {file: KEY, signs: true}}
repositories: {main: {source: superproject, target: el9, key: ours, source_rpms: main-srpms}}
release: {baseurl: "https://example.org/scale", directory: RELEASES}
"""


@dataclass(frozen=True)
class ScaleWorld:
    """A folder with repos.yaml, the folder of releases that it names, and the public key that signs them."""

    folder: Path
    releases: Path
    versions: tuple[str, ...]
    key: Path


def make_world(folder: Path, releases: int, packages: int, kilobytes: int = 1) -> ScaleWorld:
    """So many releases of about so many packages; one component in twenty differs from the release before.

    Each installed package has so many kilobytes that cannot be compressed. Releases that are there are used again.
    """
    made = [folder / "releases" / f"1.0.{number}" for number in range(releases)]
    world = ScaleWorld(folder, folder / "releases", tuple(path.name for path in made), folder / "ours.pub")
    if (world.releases / "latest").exists():
        return world
    components = max(1, packages // (_BINARIES + 1))
    key = make_key(folder, "ours")
    base = folder / "base"
    build_rpm(base, "base-system", provides=["base"]).source.unlink()
    config = _CONFIG.replace("RELEASES", str(folder / "releases"))
    (folder / "repos.yaml").write_text(config.replace("BASE", base.as_uri()).replace("KEY", str(key.public)))
    names = [f"component{number:05d}" for number in range(components)]
    versions = dict.fromkeys(names, 0)
    placed: dict[str, list[Path]] = {}
    with signing_key(key) as signer:
        signer.sign_rpms(list(base.glob("*.rpm")))
        write_repodata(base, epoch=EPOCH, compat=Compat.MODERN)
        signer.sign_detached(base / "repodata" / "repomd.xml")
        for number in range(releases):
            changed = [
                name for at, name in enumerate(names) if not number or at % _CHANGED == number % _CHANGED
            ]
            versions.update(dict.fromkeys(changed, number))
            placed.update(_build(folder / "built" / str(number), changed, number, signer, kilobytes))
            _release(made[number], number, placed, versions, signer, made[:number][-1:])
    (world.releases / "latest").symlink_to(made[-1].name)
    return world


def _build(
    folder: Path, names: list[str], version: int, key: SigningKey, kilobytes: int
) -> dict[str, list[Path]]:
    """Component → its signed packages of this version."""

    def build(name: str) -> list[Path]:
        top = folder / name
        top.mkdir(parents=True)
        parts = [
            _BINARY.format(
                name=name, part=part, needed="base" if not part else f"{name}-{part - 1} = 1.{version}-1"
            )
            for part in range(_BINARIES)
        ]
        install = f"%install\nmkdir -p %{{buildroot}}/usr/share/{name}\ncd %{{buildroot}}/usr/share/{name}\n"
        install += f"for n in $(seq 0 {_BINARIES - 1}); do head -c {kilobytes}K /dev/urandom >$n; done\n"
        spec = top / f"{name}.spec"
        spec.write_text(_HEAD.format(name=name, version=version) + "".join(parts) + install)
        defines = {
            "_topdir": f"{top}/top",
            "_rpmdir": top,
            "_srcrpmdir": top,
            "_dbpath": f"{top}/db",
            "__os_install_post": "%{nil}",
        }
        defines |= {
            "_build_name_fmt": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
            "_binary_payload": "w1.gzdio",
        }
        options = [f"--define={macro} {value}" for macro, value in defines.items()]
        run(["rpmbuild", "-ba", "--nodeps", "--quiet", *options, str(spec)])
        return sorted(top.glob("*.rpm"))

    with ThreadPoolExecutor(measure.CPUS) as pool:
        built = dict(zip(names, pool.map(build, names)))
    key.sign_rpms([rpm for rpms in built.values() for rpm in rpms])
    return built


def _release(
    directory: Path,
    number: int,
    placed: dict[str, list[Path]],
    versions: dict[str, int],
    signer: SigningKey,
    before: Sequence[Path],
) -> None:
    """The release of this number, of all components as they are now; `before` is the one that it follows."""
    version = directory.name
    directory.mkdir(parents=True)
    previous = before[0] if before else None
    repositories = []
    for name, is_source in (("main", False), ("main-srpms", True)):
        packages = tuple(
            Placement(path=rpm, origin=_origin(component, versions[component]))
            for component, rpms in placed.items()
            for rpm in rpms
            if rpm.name.endswith(".src.rpm") is is_source
        )
        reused = previous / name if previous else None
        repositories.append(
            RepositoryContents(name=name, key="ours", source=is_source, packages=packages, reuse_from=reused)
        )
    contents = ReleaseContents(
        project="scale",
        version=version,
        baseurl="https://example.org/scale",
        epoch=EPOCH + number,
        compat=Compat.MODERN,
        superproject=SuperprojectPin(url="https://example.org/scale.git", commit=f"{number:040x}", tag=None),
        previous=previous.name if previous else None,
        target="el9",
        tool_version="0.1",
        keys=(KeyFile(name="ours", file=signer.file),),
        signing_key="ours",
        repositories=tuple(repositories),
        builds=tuple(_build_record(component, versions[component]) for component in placed),
        follows=tuple(
            FollowedRelease(version=other.name, sha256=sha256_file(other / CHECKSUMS_NAME))
            for other in before
        ),
        reuse_index_from=previous,
    )
    manifest = compose(directory, contents, signer)
    write_provenance(
        directory,
        manifest,
        project="scale",
        baseurl=contents.baseurl,
        buildroots=[_BUILDROOT],
        key=signer,
        cache=directory.parents[1] / "solv",
        parts=directory.parents[1] / "parts.json",
        previous=previous,
    )
    sign_checksums(directory, signer, manifest)


def _origin(component: str, version: int) -> ComponentOrigin:
    commit = f"{int(component[-5:]) + 1:020x}{version:020x}"
    url = f"https://example.org/{component}.git"
    return ComponentOrigin(
        path=f"repos/{component}", commit=commit, url=url, build_key=f"{component} {version}"
    )


def _build_record(component: str, version: int) -> BuildRecord:
    return BuildRecord(
        component=component,
        status="built",
        reason="new",
        seconds=1.0,
        buildroot=compute_buildroot_digest(_BUILDROOT),
        log="",
        source=f"{component}-1.{version}-1.src.rpm",
        source_sha256="5" * 64,
        key=f"{component} {version}",
    )


# altai-build ends by `os._exit`. What the kernel tells of a child (ru_maxrss) begins with the memory of its parent.
_START = r"""
import os, re
leave = os._exit
def end(code):
    with open("/proc/self/status") as status, open(os.environ["BENCHMARK_PEAK"], "w") as peak:
        peak.write(re.search(r"VmHWM:\s*(\d+)", status.read())[1])
    leave(code)
os._exit = end
from altai_build.cli.main import main
main()
"""
_OURS = (PYTHON, "-c", _START)


# ---- measuring ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Processors(Variant):
    """Programs, one after another: the processor time of all of them and of their children.

    `work` is the first of them. `peaks` gets the largest memory of an altai-build, without its children.
    """

    others: Sequence[Sequence[str]] = ()
    # MiB, by the name of the variant.
    peaks: dict[str, float] = field(default_factory=dict)

    def seconds(self) -> float:
        """Do the work; returns how long processors were busy with it."""
        total = 0.0
        with tempfile.NamedTemporaryFile("r") as peak:
            environment = {**os.environ, "PYTHONPATH": str(measure.ROOT), "BENCHMARK_PEAK": peak.name}
            environment.pop("PYTHONDONTWRITEBYTECODE", None)
            for argv in (self.work, *self.others):
                assert not callable(argv)
                null = subprocess.DEVNULL
                child = subprocess.Popen(argv, stdin=null, stdout=null, stderr=null, env=environment)
                _, status, used = os.wait4(child.pid, 0)
                child.returncode = os.waitstatus_to_exitcode(status)
                if child.returncode != self.status:
                    raise SystemExit(f"{' '.join(map(str, argv))[:300]}\nexited with {child.returncode}")
                total += used.ru_utime + used.ru_stime
                peak.seek(0)
                self.peaks[self.name] = max(self.peaks.get(self.name, 0.0), int(peak.read() or 0) / 1024)
        return total


def read_all(world: ScaleWorld, peaks: dict[str, float]) -> list[Variant]:
    """Every command over all releases of a world."""

    def ours(name: str, *commands: Sequence[str]) -> Processors:
        first, *others = [(*_OURS, "-C", str(world.folder), *words) for words in commands]
        return Processors(name, first, others=others, peaks=peaks)

    versions, last = world.versions, world.versions[-1]
    # In another workspace: `verify` of the other releases is not to begin again.
    other = world.folder / "other"
    return [
        ours("verify, everything read", *(["verify", "--reread", version] for version in versions)),
        replace(
            ours("verify of the last, first on a day", ["--workspace", str(other), "verify", last]),
            before=partial(_forget_today, other),
        ),
        ours("verify, again", *(["verify", version] for version in versions)),
        ours("verify --history", ["verify", "--history"]),
        ours("audit", *(["audit", version] for version in versions)),
        ours("which NAME", ["which", "component00000-5"]),
        ours("which /PATH", ["which", "/usr/share/component00000/5"]),
        ours("which CAPABILITY", ["which", "component00000-5 = 1.0-1"]),
        ours("upgrade-check", ["upgrade-check", *versions]),
        ours("releases", ["releases"]),
        ours("diff", ["diff", versions[0], last]),
        ours("status", ["status"]),
        ours("channels", ["channels"]),
        ours("report -o", ["report", last, "-o", str(world.folder / "report.html")]),
    ]


def _forget_today(workspace: Path) -> None:
    """As on the next day: what a verification found does not count any more, what earlier releases say does."""
    for record in (workspace / "cache" / "verified").glob("*.json"):
        record.unlink()


def measure_commands(folder: Path, releases: int, packages: int, rounds: int) -> list[measure.Target]:
    """Every command over so many releases: processor time and memory."""
    peaks: dict[str, float] = {}
    variants = read_all(make_world(folder / f"all{releases}-{packages}", releases, packages), peaks)
    times = measure.take_turns(variants, rounds)
    title = f"Processor time over {releases} releases of {packages} packages"
    measure.print_times(title, times, "verify, everything read")
    print("\n| peak memory of one process | MiB |\n|---|---:|")
    for name, peak in peaks.items():
        print(f"| {name} | {peak:.0f} |")
    limited = {name: found for name, found in times.items() if name not in _UNLIMITED}
    return [(f"{name}, seconds", found, 5.0) for name, found in limited.items()]


def measure_hashing(folder: Path, packages: int, kilobytes: int, rounds: int) -> list[measure.Target]:
    """The first verification of a release whose packages have a usual size, and its lower limit."""
    world = make_world(folder / f"large{packages}-{kilobytes}", 1, packages, kilobytes)
    release = world.releases / world.versions[0]
    files = sorted(str(path) for path in release.rglob("*") if path.is_file())
    rpms = [file for file in files if file.endswith(".rpm")]
    ring = world.folder / "ring"
    (ring / "keys").mkdir(parents=True, exist_ok=True)
    macros = {"_dbpath": ring / "db", "_keyring": "fs", "_keyringpath": ring / "keys"}
    rpmkeys = ["rpmkeys", *(f"--define={macro} {value}" for macro, value in macros.items())]
    run([*rpmkeys, "--import", str(world.key)])
    hashing, signatures = "openssl dgst -sha256", "rpmkeys --checksig"
    times = measure.take_turns(
        [
            Processors(hashing, ["openssl", "dgst", "-sha256", *files], peer="openssl"),
            Processors(signatures, [*rpmkeys, "--checksig", *rpms]),
            Processors("verify", [*_OURS, "-C", str(world.folder), "verify", "--reread", world.versions[0]]),
        ],
        rounds,
    )
    bare = "both, added up"
    times[bare] = [sum(pair) for pair in zip(times[hashing], times[signatures])]
    size = format_size(sum(map(os.path.getsize, files)))
    measure.print_times(f"Processor time of a first verification: {len(rpms)} packages, {size}", times, bare)
    return [("first verify / openssl and rpmkeys", measure.ratios(times, "verify", bare), 2.0)]


def main() -> None:
    """Measure, and print the results beside the targets."""
    parser = measure.make_parser(__doc__, rounds=5)
    measure.add_number(parser, "--releases", 10, "releases")
    measure.add_number(parser, "--packages", 1000, "packages of each")
    measure.add_number(parser, "--kilobytes", 1000, "kilobytes of each package where hashing is measured")
    measure.add_number(parser, "--large", 250, "packages there")
    measure.add_sizes(parser, "300,1000,3000,10000", "packages of each of two releases")
    counts = [5, 10, 20, 40]
    parser.add_argument("--counts", type=measure.read_sizes, default=counts, help="numbers of releases")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="make releases there, and use them again")
    arguments = parser.parse_args()
    rounds = max(3, arguments.rounds // 2)
    with measure.scratch("scale", "rpmbuild", "openssl", "gpg") as scratch:
        folder = arguments.keep or scratch
        folder.mkdir(parents=True, exist_ok=True)
        targets = measure_hashing(folder, arguments.large, arguments.kilobytes, arguments.rounds)
        targets += measure_commands(folder, arguments.releases, arguments.packages, arguments.rounds)

        def grown(releases: int, packages: int) -> list[Variant]:
            return read_all(make_world(folder / f"grown{releases}-{packages}", releases, packages), {})

        for title, unit, sizes, make in (
            ("Two releases", "packages", arguments.sizes, partial(grown, 2)),
            ("Releases of 100 packages", "releases", arguments.counts, partial(grown, packages=100)),
        ):
            curves = measure.measure_growth(sizes, make, rounds)
            measure.print_growth(title, unit, curves, arguments.svg if unit == "packages" else None)
            exponents = {name: measure.exponent(curve) for name, curve in curves.items()}
            targets += [(f"{name}: exponent, {unit}", [found], 1.05) for name, found in exponents.items()]
    measure.print_targets(targets)


if __name__ == "__main__":
    main()
