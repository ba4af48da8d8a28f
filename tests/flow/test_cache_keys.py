"""Keys cover everything that determines a result: an input that is missing in one leads to a false cache hit."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from altai_build.tools.git.archive import archiver_version
from altai_build.tools.rpm import rpmbuild
from tests.kit.builds import Site, small_component
from tests.kit.superprojects import World, make_spec


def test_versions_of_the_host_s_programs_are_in_the_keys(testbed: Path, tmp_path: Path) -> None:
    site = Site(world=World(tmp_path / "one"), testbed=testbed, workspace=tmp_path / "one/ws")
    site.world.component("repos/small", small_component("small"))
    site.world.pin()
    site.build()
    records = [json.loads(line) for line in (site.workspace / "ledger.jsonl").read_text().splitlines()]
    inputs = {record["kind"]: dict(record["inputs"]) for record in records}
    rpm = subprocess.run(["rpm", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    assert inputs["srpm"]["archiver"] == archiver_version()
    assert inputs["srpm"]["rpm"] == rpmbuild.rpm_version_key()
    assert inputs["build"]["builder"].startswith("chroot ") and rpm in inputs["build"]["builder"]


def test_a_buildroot_without_documentation_is_another_buildroot(testbed: Path, tmp_path: Path) -> None:
    site = Site(world=World(tmp_path / "one"), testbed=testbed, workspace=tmp_path / "one/ws")
    spec = make_spec(
        "seen",
        tags="BuildArch: noarch\nBuildRequires: wget",
        install="mkdir -p %{buildroot}/usr/share/seen\nls /usr/share/doc/wget > %{buildroot}/usr/share/seen/list || :",
        files="/usr/share/seen",
    )
    site.world.component("repos/seen", {"seen.spec": spec, "README": "x\n"})
    site.world.pin()

    def documentation() -> str:
        (rpm,) = site.build()["seen"]["rpms"]
        return site.read(rpm, "usr/share/seen/list")

    config = site.definition.parent / "mock-configs/testbed-x86_64.cfg"
    text = config.read_text()
    assert documentation() == "copyright\n"
    config.write_text(text.replace("[main]\n", "[main]\ntsflags=nodocs\n"))
    assert documentation() == ""
    config.write_text(text)
    assert documentation() == "copyright\n"
