"""What the page of a release is made from, for releases of any size: equal sizes give equal inputs."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date

from altai_build.model.bill_of_materials import PackageDescription
from altai_build.model.commit import Commit
from altai_build.model.findings import Finding, Severity, VerificationReport, Waiver
from altai_build.model.gitlink import CommitId
from altai_build.model.release import (
    BuildRecord,
    ComponentOrigin,
    Manifest,
    MirrorOrigin,
    Origin,
    ReleasedPackage,
    ReleasedRepository,
    Signer,
    SkippedComponent,
    SourceFile,
    SpecOrigin,
    SuperprojectPin,
)
from altai_build.model.release_changes import ComponentChange, ComponentNotes, ReleaseNotes
from altai_build.model.release_files import CYCLONEDX_PATH, SPDX_PATH
from altai_build.model.upgrade import Scenario, ScenarioKind, UpgradeOutcome, UpgradeReport
from altai_build.stages.diff import compare_releases
from altai_build.stages.report.inputs import ClientFiles, PreviousRelease, ReleaseKey, ReportInputs

OURS, THEIRS = "79F29EAF2AD95E4F8CDE28C76311A7EF5537AC93", "4A5E9E562A2F466D7DD1FD26F15B05A75C327288"
_WORDS = [
    "nova",
    "keystone",
    "glance",
    "swift",
    "cinder",
    "horizon",
    "heat",
    "neutron",
    "oslo",
    "bunch",
    "lettuce",
    "routes",
    "webob",
    "kombu",
    "amqp",
    "paste",
    "deploy",
    "eventlet",
    "greenlet",
    "netaddr",
    "iso",
    "prettytable",
    "novnc",
    "websockify",
    "libvirt",
    "rabbit",
    "erlang",
    "sql",
    "alchemy",
    "migrate",
    "zabbix",
    "focus",
]
_LICENSES = (
    "Apache-2.0",
    "MIT",
    "BSD-3-Clause",
    "GPL-2.0-or-later",
    "LGPL-2.1-or-later AND MIT",
    "Python-2.0.1",
)
WAIVER = Waiver(
    "package-licenses", "python-nova*", "upstream names it in the next version", date(2030, 1, 31)
)


class _Maker:
    """Makes one release; `size` is the number of its binary packages."""

    def __init__(self, size: int) -> None:
        self.random = random.Random(size)
        self.packages: list[ReleasedPackage] = []
        self.builds: list[BuildRecord] = []
        self.descriptions: dict[str, PackageDescription] = {}
        self.slots = [0.0, 0.0, 0.0, 0.0]
        self.ends: dict[str, float] = {}
        number = 0
        while len(self.packages) < size:
            name = f"python-{self.random.choice(_WORDS)}-{self.random.choice(_WORDS)}{number}"
            number += 1
            if number % 10 < 6:
                self.add_component(name.replace("python-", "", 1), [name, f"{name}-doc"][: number % 2 + 1])
            elif number % 10 == 6:
                self.add_component(name, [name], spec=True)
            else:
                self.add_mirrored(name)
        del self.packages[size:]

    def hex(self, digits: int) -> str:
        return f"{self.random.getrandbits(4 * digits):0{digits}x}"

    def add_component(self, component: str, names: list[str], *, spec: bool = False) -> None:
        key, commit = self.hex(64), self.hex(40)
        path = f"specs/{component}" if spec else f"repos/{component}"
        origin: Origin = ComponentOrigin(path, commit, f"https://example.org/{component}.git", key)
        if spec:
            origin = SpecOrigin(path, commit, (SourceFile(f"{component}-1.tar.gz", self.hex(64)),), key)
        needs = self.random.sample(
            sorted(self.ends), min(len(self.ends), self.random.choice((0, 1, 1, 2, 3)))
        )
        seconds = round(self.random.uniform(2, 40), 3)
        slot = min(range(len(self.slots)), key=self.slots.__getitem__)
        started = round(max([self.slots[slot], *(self.ends[one] for one in needs)]), 3)
        is_built = self.random.random() < 0.6
        self.slots[slot] = self.ends[component] = started + seconds
        source = f"{names[0]}-1.0-1.el6.src.rpm"
        self.builds.append(
            BuildRecord(
                component=component,
                status="built" if is_built else "reused",
                reason="source package changed" if is_built else "the same inputs",
                seconds=seconds,
                buildroot=self.hex(64),
                log=f"report/logs/{component}.log.gz",
                source=source,
                needs=tuple(sorted(needs)),
                key=key,
                started=started if is_built else None,
            )
        )
        for name in names:
            self.add(name, "misc" if spec else "centos6", OURS, origin, source)

    def add_mirrored(self, name: str) -> None:
        url = f"https://mirror.example.org/epel/{name}.rpm"
        self.add(name, "deps/epel", THEIRS, MirrorOrigin(url, self.hex(64), ()), f"{name}-1.0-1.el6.src.rpm")

    def add(self, name: str, repository: str, signer: str, origin: Origin, source: str) -> None:
        earlier = [package.path for package in self.packages]
        needs = self.random.sample(earlier, min(len(earlier), self.random.choice((0, 0, 1, 2))))
        package = ReleasedPackage(
            name=name,
            epoch=0,
            version="1.0",
            release=f"1.{self.random.randrange(400)}.g{self.hex(7)}.el6",
            arch="noarch",
            file=f"{name}-1.0-1.el6.noarch.rpm",
            repository=repository,
            sha256=self.hex(64),
            size=self.random.randrange(5_000, 3_000_000),
            signer=Signer(signer[-16:], signer),
            sourcerpm=source,
            origin=origin,
        )
        self.packages.append(package)
        self.descriptions[package.path] = PackageDescription(
            license=self.random.choice(_LICENSES),
            summary=f"Library for {name.split('-')[1]} in Python",
            needs=tuple(sorted(needs)),
        )


def _make_manifest(version: str, packages: list[ReleasedPackage], builds: list[BuildRecord]) -> Manifest:
    fingerprints = {"centos6": OURS, "misc": OURS, "deps/epel": THEIRS}
    return Manifest(
        version=version,
        created="2013-02-28T12:00:00Z",
        superproject=SuperprojectPin("https://example.org/altai.git", "a" * 40, f"v{version}"),
        previous=None if version == "1.0.0" else "1.0.0",
        target="centos6",
        tool_version="0.1.0",
        signed_by="altai",
        repositories=tuple(
            ReleasedRepository(name, False, "altai" if key == OURS else "epel6", (key,))
            for name, key in fingerprints.items()
        ),
        packages=tuple(packages),
        builds=tuple(builds),
        skipped=(SkippedComponent("docs", "it has no spec file"),),
        waivers=(WAIVER,),
    )


def make_inputs(size: int) -> ReportInputs:
    """The inputs for a release of so many binary packages that follows one with some of them."""
    made = _Maker(size)
    manifest = _make_manifest("1.0.1", made.packages, made.builds)
    old_packages = [
        package if number % 3 else replace(package, sha256="0" * 64, release="0.el6", size=package.size // 2)
        for number, package in enumerate(made.packages)
        if number % 9
    ]
    old_packages.append(replace(made.packages[0], name="python-removed", sha256="1" * 64))
    old = _make_manifest("1.0.0", old_packages, made.builds)
    diff = compare_releases(old, manifest)
    finding = Finding(
        "package-licenses", Severity.NOTE, "python-nova.rpm", "it names no licence", "name one", WAIVER
    )
    blocked = Finding(
        "blocked", Severity.WARNING, "python-nova", "stays at 1.0", "rebuild it", upgrade_from="0.9"
    )
    return ReportInputs(
        project="altai",
        manifest=manifest,
        verification=VerificationReport(release="1.0.1", findings=(finding,)),
        previous=PreviousRelease(old, diff, _make_notes(made.builds), made.descriptions),
        upgrades=UpgradeReport(
            release="1.0.1",
            releases=("0.9", "1.0.0"),
            scenarios=tuple(
                Scenario(release, kind, name, size, UpgradeOutcome.OK)
                for release in ("0.9", "1.0.0")
                for kind, name in (
                    (ScenarioKind.ALL, ""),
                    (ScenarioKind.SINGLE_PACKAGE, "python-nova"),
                    (ScenarioKind.SINGLE_PACKAGE, "python-heat"),
                )
            ),
            findings=(blocked,),
        ),
        descriptions=made.descriptions,
        keys=(
            ReleaseKey("altai", OURS, "Altai <altai@example.org>", "2030-01-31"),
            ReleaseKey("epel6", THEIRS, "EPEL <epel@example.org>", ""),
        ),
        client=ClientFiles(
            name="altai.repo",
            text="[altai-centos6]\nbaseurl=https://repo.example.org/altai/1.0.1/centos6/\n",
            url="https://repo.example.org/altai/1.0.1",
        ),
        documents=(SPDX_PATH, CYCLONEDX_PATH),
    )


def _make_notes(builds: list[BuildRecord]) -> ReleaseNotes:
    components = tuple(
        ComponentNotes(
            path=f"repos/{build.component}",
            old_path=None,
            component_change=ComponentChange.UPDATED,
            old="b" * 40,
            new="c" * 40,
            commits=tuple(
                Commit(CommitId(f"{number:040x}"), 1, "Ann Author", f"Fix a bug in {build.component}", False)
                for number in range(3)
            ),
            dropped_commits=(),
            packages=(),
        )
        for build in builds[::5]
    )
    return ReleaseNotes("1.0.0", "1.0.1", components, ())
