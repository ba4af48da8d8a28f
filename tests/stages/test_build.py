"""Which earlier builds may stand in for a new one with mock, of which there is a stub; flow tests tell of the rest."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from altai_build.config import Target
from altai_build.ledger import Artefact, Ledger, Record
from altai_build.model.matter import Dependants
from altai_build.model.release import Compat
from altai_build.stages.build import Job, Workshop, examine
from altai_build.tools.files import sha256_file
from altai_build.tools.mockconfig import read_config
from altai_build.tools.rpmfile import read_header
from altai_build.workspace import Workspace
from tests.kit.superprojects import make_spec

STUB = Path(__file__).resolve().parents[1] / "kit" / "mock_stub"


def source_package(folder: Path, spec: str) -> Path:
    folder.mkdir()
    (folder / "one.spec").write_text(spec)
    defines = [f"--define=_topdir {folder}", f"--define=_srcrpmdir {folder}"]
    subprocess.run(["rpmbuild", "-bs", *defines, folder / "one.spec"], capture_output=True, check=True)
    (path,) = folder.glob("*.src.rpm")
    return path


@pytest.mark.parametrize("dynamic", [False, True])
def test_what_only_mock_knows_is_in_no_key_so_nothing_is_reused(
    testbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dynamic: bool
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "mock").symlink_to(STUB)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("SUDO_UID", "65534")
    workspace = Workspace(tmp_path / "ws")
    workspace.prepare()
    ledger = Ledger(workspace.ledger)
    config = read_config("testbed-x86_64", search=[testbed / "mock-configs"])
    target = Target(
        name="t", mock_config="testbed-x86_64", arch="x86_64", macros=(), base=(), compat=Compat.MODERN
    )
    workshop = Workshop.open(target, config, "mock", workspace, Dependants.REBUILD)
    spec = make_spec("one", source=None, prep="", install="true")
    if dynamic:
        spec = spec.replace("%build\n", "%generate_buildrequires\necho x\n%build\n")
    path = source_package(tmp_path / "top", spec)
    header = read_header(path)
    job = Job(
        component="one",
        commit="c",
        srpm=path,
        srpm_sha256=sha256_file(path),
        header=header,
        local=(),
        cpus=1,
    )
    found = examine(job, workshop, workspace, ledger)
    place = workspace.builds / found.key
    place.mkdir(parents=True)
    os.link(path, place / "one.rpm")
    kept = Artefact(file="one.rpm", sha256=sha256_file(path), size=path.stat().st_size)
    ledger.append(
        Record(
            kind="build",
            key=found.key,
            component="one",
            commit="c",
            inputs=found.inputs,
            artefacts=(kept,),
            seconds=1.0,
        )
    )
    again = examine(job, workshop, workspace, ledger)
    assert again.key == found.key
    assert (again.earlier is None, "only mock knows" in again.never) == (dynamic, dynamic)
