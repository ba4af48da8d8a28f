"""`verify` as a person and a CI job meet it: by version, folder and URL; waivers, the system, earlier releases."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.model.compat import Compat
from altai_build.tools.repo.repodata import write_repodata
from tests.conftest import Require
from tests.kit.cli import ROOT, CliResult, altai_build
from tests.kit.configs import make_site, write_config
from tests.kit.releases import (
    Materials,
    make_release,
    make_release_contents,
    sign,
    sign_again,
    with_packages,
    with_repository,
)
from tests.kit.rpms import build_rpm, flip_last_byte
from tests.kit.server import serving


@pytest.fixture
def site(materials: Materials, tmp_path: Path) -> Path:
    """A folder with repos.yaml and release 1.0.2."""
    return make_site(tmp_path / "site", materials)


def verify(site: Path, *words: str | Path) -> CliResult:
    return altai_build("verify", *words, "--json", cwd=site)


def subjects(answer: CliResult) -> set[tuple[str, str, str]]:
    return {(one["rule"], one["severity"], one["subject"]) for one in answer.json["findings"]}


def test_a_sound_release_by_version_folder_and_url(site: Path, tmp_path: Path) -> None:
    (site / "releases" / "latest").symlink_to("1.0.2")
    sound = {"schema_version": 1, "release": "1.0.2", "ok": True, "trust": "pinned", "findings": []}
    with serving(site / "releases") as url:
        for named in ("1.0.2", "latest", site / "releases" / "1.0.2", f"{url}/1.0.2", f"{url}/1.0.2/"):
            answer = verify(site, named)
            assert (answer.code, answer.json) == (0, sound), named
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        answer = altai_build("--workspace", tmp_path / "ws", "verify", f"{url}/1.0.2", cwd=elsewhere)
        assert (answer.code, answer.out) == (0, "")
        end = "release 1.0.2 passed verification, but agrees only with the keys it brought"
        assert answer.err.splitlines()[-1] == end
    assert list((site / ".altai-build" / "tmp").iterdir()) == []


def test_what_a_server_changed_or_lacks_is_found(site: Path, materials: Materials, tmp_path: Path) -> None:
    served = tmp_path / "served"
    shutil.copytree(site / "releases", served)
    flip_last_byte(served / "1.0.2" / "centos6" / materials.own.name)
    (served / "1.0.2" / "RPM-GPG-KEY-epel6").unlink()
    with serving(served) as url:
        answer = verify(site, f"{url}/1.0.2")
    assert answer.code == 7
    own = f"centos6/{materials.own.name}"
    assert {("package-signatures", "error", own), ("checksums", "error", own)} <= subjects(answer)
    assert ("checksums", "error", "RPM-GPG-KEY-epel6") in subjects(answer)


def test_a_url_without_a_release(site: Path, tmp_path: Path) -> None:
    with serving(tmp_path) as url:
        answer = altai_build("verify", f"{url}/1.0.2", cwd=site)
    assert answer.code == 3
    assert answer.err.splitlines()[-3:] == [
        f"altai-build: there is no release at {url}/1.0.2",
        "the server answered 404 File not found",
        "What to do: give the URL of the directory that holds SHA256SUMS",
    ]


def test_a_list_of_files_that_leads_out_is_refused(site: Path, materials: Materials, tmp_path: Path) -> None:
    served = tmp_path / "served"
    shutil.copytree(site / "releases", served)
    sums = served / "1.0.2" / "SHA256SUMS"
    sums.write_text(sums.read_text() + "0" * 64 + "  ../../evil\n")
    with serving(served) as url:
        answer = altai_build("verify", f"{url}/1.0.2", cwd=site)
    assert answer.code == 3
    assert "lists the file '../../evil', which is outside" in answer.err
    assert list(site.rglob("evil")) == []


def test_a_release_that_is_not_there(site: Path) -> None:
    answer = altai_build("verify", "1.0.3", cwd=site)
    assert answer.code == 3
    assert "there is no release 1.0.3" in answer.err
    assert "did you mean 1.0.2?" in answer.err
    answer = altai_build("verify", "./nosuch", cwd=site.parent)
    assert answer.code == 3
    assert "there is no release in ./nosuch" in answer.err


def test_what_the_configuration_knows_is_held_against_the_release(
    site: Path, materials: Materials, tmp_path: Path
) -> None:
    """Its target reads gz only, its misc has sources, and 1.0.2 gave a name to other bytes."""
    other = build_rpm(tmp_path / "other", "focus", "1.0", "3.el6", summary="Another")
    sign(materials, other.binary)
    plan = replace(make_release_contents(materials, "1.0.3"), compat=Compat.MODERN)
    origin = plan.repositories[0].packages
    plan = with_repository(with_packages(plan, "centos6", other.binary), "deps/misc-srpms", packages=())
    plan = with_repository(plan, "centos6", packages=plan.repositories[0].packages[len(origin) :])
    make_release(site / "releases" / "1.0.3", materials, plan)
    answer = verify(site, "1.0.3")
    assert answer.code == 7
    assert subjects(answer) == {
        ("readable", "error", "repodata/repomd.xml"),
        ("readable", "error", "centos6/repodata/repomd.xml"),
        ("readable", "error", "centos6-srpms/repodata/repomd.xml"),
        ("readable", "error", "deps/epel/repodata/repomd.xml"),
        ("readable", "error", "deps/misc/repodata/repomd.xml"),
        ("readable", "error", "deps/misc-srpms/repodata/repomd.xml"),
        ("source-packages", "error", f"deps/misc/{materials.third_party.name}"),
        ("same-bytes", "error", f"centos6/{other.binary.name}"),
    }
    assert verify(site, "1.0.2").code == 0  # a later release is no earlier one


def test_the_system_of_the_configuration_is_asked(site: Path, materials: Materials, tmp_path: Path) -> None:
    base = tmp_path / "base"
    bash = build_rpm(base, "bash", "4.2")
    bash.source.unlink()
    write_repodata(base, epoch=1, compat=Compat.EL6)
    made = [
        build_rpm(tmp_path / name, name, requires=[need])
        for name, need in (("well", "bash"), ("lost", "zsh"))
    ]
    rpms = [one.binary for one in made]
    sign(materials, *rpms, *(one.source for one in made))
    plan = with_packages(make_release_contents(materials, "1.0.3"), "centos6", *rpms)
    plan = with_packages(plan, "centos6-srpms", *(one.source for one in made))
    make_release(site / "releases" / "1.0.3", materials, plan)
    write_config(site, materials, base=base)
    answer = verify(site, "1.0.3")
    assert subjects(answer) == {("closure", "error", f"centos6/{rpms[1].name}")}
    shutil.rmtree(base)
    answer = verify(site, "1.0.3")
    assert answer.code == 0
    assert subjects(answer) == {("closure", "warning", "1.0.3"), ("file-conflicts", "warning", "1.0.3")}
    assert "the repository base/os cannot be used" in answer.json["findings"][0]["message"]


def test_waivers_and_the_horizon_come_from_the_configuration(site: Path, materials: Materials) -> None:
    stray = site / "releases" / "1.0.2" / "notes.txt"
    stray.write_text("new\n")
    sign_again(site / "releases" / "1.0.2", materials)
    assert verify(site, "1.0.2").code == 7
    waiver = "waivers: [{rule: stray-files, subject: notes.txt, reason: QA, expires: 2999-12-31}]"
    write_config(site, materials, more=waiver)
    answer = verify(site, "1.0.2")
    assert answer.code == 0
    assert subjects(answer) == {("stray-files", "note", "notes.txt")}
    assert answer.err.splitlines()[-1] == "release 1.0.2 passed verification, with 1 waived finding"
    write_config(site, materials, more=waiver.replace("2999", "2001"))
    answer = verify(site, "1.0.2")
    assert answer.code == 7
    assert subjects(answer) == {
        ("stray-files", "error", "notes.txt"),
        ("waivers", "warning", "stray-files: notes.txt"),
    }


def test_findings_for_a_person(site: Path, materials: Materials) -> None:
    (site / "releases" / "1.0.2" / "notes.txt").write_text("new\n")
    sign_again(site / "releases" / "1.0.2", materials)
    answer = altai_build("verify", "1.0.2", cwd=site)
    assert answer.code == 7
    assert answer.out == (
        "error\tstray-files\tnotes.txt\tthe file is not part of the release"
        "\tfind out where the file comes from; restore the release from another copy\n"
    )
    assert answer.err.splitlines()[0] == "altai-build: release 1.0.2 failed verification: 1 error"


def test_a_machine_without_room_for_a_temporary_file_is_told_and_no_bug(site: Path, tmp_path: Path) -> None:
    script = f'ulimit -f 0; "$0" -m altai_build -C "$1" --workspace {tmp_path}/ws verify 1.0.2; echo $?'
    done = subprocess.run(
        ["bash", "-c", script, sys.executable, str(site)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "COVERAGE_PROCESS_CONFIG": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "3\n", done.stderr
    what, todo = done.stderr.splitlines()
    assert what == "altai-build: the operating system refused an operation: File too large"
    assert "ulimit -f" in todo


READ_ONLY = """
mount -t tmpfs none "$1/workspace" && mount -o remount,ro none "$1/workspace" && cd "$1" &&
exec "$2" -m altai_build verify 1.0.2 --json
"""


@pytest.mark.parametrize("needed", ["system", "wxGTK"])
def test_a_user_who_cannot_write_the_workspace_examines_as_much_as_others(
    materials: Materials, tmp_path: Path, require: Require, needed: str
) -> None:
    require(os.geteuid() == 0, "mounting needs root")
    base, site = tmp_path / "base", tmp_path / "site"
    wants = build_rpm(tmp_path / "own", "wants", requires=[needed])
    rpms = [build_rpm(base, "system").binary, wants.binary, wants.source]
    for source in base.glob("*.src.rpm"):
        source.unlink()
    sign(materials, *rpms)
    write_repodata(base, epoch=1, compat=Compat.EL6)
    write_config(site, materials, base=base)
    contents = with_packages(make_release_contents(materials), "centos6", wants.binary)
    contents = with_packages(contents, "centos6-srpms", wants.source)
    make_release(site / "releases" / "1.0.2", materials, contents)
    (site / "workspace").mkdir()
    (site / ".altai-build").symlink_to("workspace")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-c", READ_ONLY, "bash", str(site), sys.executable],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    found = {(one["rule"], one["severity"]) for one in json.loads(done.stdout)["findings"]}
    assert (done.returncode, found) == ((0, set()) if needed == "system" else (7, {("closure", "error")}))
    assert "cannot write to the workspace" in done.stderr
    assert list(temporary.iterdir()) == []
