"""The functions for other programs: the answers of the command line, from a folder and a server, and no output."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from altai_build import api
from altai_build.errors import InputError
from tests.kit.cli import ROOT, altai_build
from tests.kit.releases import Materials
from tests.kit.server import serving


@pytest.fixture
def folder(intact: Path, tmp_path: Path) -> Path:
    """A folder with one release, which `latest` points to."""
    shutil.copytree(intact, tmp_path / "releases" / intact.name, copy_function=shutil.copyfile)
    (tmp_path / "releases" / "latest").symlink_to(intact.name)
    return tmp_path / "releases"


def test_a_folder_and_a_server_have_what_the_command_line_prints(
    folder: Path, materials: Materials, capfd: pytest.CaptureFixture[str]
) -> None:
    listed = altai_build("audit", f"{folder}/1.0.2", "--json", cwd=folder).json
    warnings: list[str] = []
    with serving(folder) as url:
        for where in (folder, url):
            with api.open_releases(where, keys=[materials.ours.public], warn=warnings.append) as releases:
                assert releases.latest == "1.0.2" and releases.location == str(where)
                assert [one.manifest.version for one in releases.read_all()] == ["1.0.2"]
                inventory = releases.list_packages()
                assert {str(entry.package.nevra): entry.license for entry in inventory.packages} == {
                    row["nevra"]: row["license"] for row in listed
                }
                assert inventory.release.trust.level.value == "pinned"
                (match, *_) = releases.find("focus")
                assert match.package is not None and match.package.name == "focus"
                assert releases.find("no-such-package") == ()
                assert releases.compare("1.0.2", "latest").diff.changes == ()
                report = releases.verify("1.0.2")
                assert (report.is_ok, report.findings, report.release) == (True, (), "1.0.2")
    assert warnings == [] and capfd.readouterr() == ("", "")
    assert not list(folder.rglob(".altai-build"))


def test_what_is_wrong_is_an_error_or_a_finding_and_distrust_a_warning(
    folder: Path, materials: Materials
) -> None:
    warnings: list[str] = []
    with api.open_releases(
        folder / "1.0.2", keys=[materials.theirs.public], warn=warnings.append
    ) as releases:
        assert releases.read().trust.level.value == "own keys"
        report = releases.verify("latest")
        assert not report.is_ok and {finding.severity.value for finding in report.findings} >= {"error"}
        with pytest.raises(InputError, match=r"there is no release 9\.9"):
            releases.read("9.9")
        with pytest.raises(InputError, match="names no file"):
            releases.read("1.0\0")
    assert warnings and "no pinned key signed it" in warnings[0]
    with pytest.raises(api.AltaiError, match="there are no releases"), api.open_releases(folder / "nowhere"):
        pass
    with pytest.raises(api.AltaiError), api.open_releases(folder, keys=[folder / "nowhere"]):
        pass


def test_importing_it_loads_nothing_that_is_not_needed_yet() -> None:
    program = "import sys; from altai_build import api; print(*(n for n in sys.modules if n.startswith('altai_build')))"
    words = [sys.executable, "-c", program]
    loaded = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert set(loaded) == {"altai_build", "altai_build.api", "altai_build.errors"}
    assert all(getattr(api, name) is not None for name in api.__all__)
    with pytest.raises(AttributeError):
        _ = api.no_such_name


def test_the_examples_of_the_documentation_run(
    folder: Path, materials: Materials, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(examples) >= 3
    shutil.copy(materials.ours.public, folder.parent / "RPM-GPG-KEY-altai")
    shutil.copytree(folder / "1.0.2", folder / "1.0.1")
    monkeypatch.chdir(folder.parent)
    for example in examples:
        exec(compile(example, "docs/api.md", "exec"), {})
    assert "1.0.2" in capsys.readouterr().out
