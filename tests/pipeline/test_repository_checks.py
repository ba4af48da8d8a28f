"""Whether the repositories of buildroots answer; those of repos.yaml are tested with the keys of base."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.compat import Compat
from altai_build.model.doctor import CheckResult, CheckStatus
from altai_build.pipeline.repository_checks import check_buildroot_repositories
from altai_build.tools.mock.config import read_config
from altai_build.tools.repo.repodata import write_repodata
from altai_build.workspace import Workspace

CONFIG = """\
config_opts['root'] = 'm'
config_opts['target_arch'] = 'x86_64'
config_opts['dnf.conf'] = '''[main]
%s'''
"""


def check(folder: Path, sections: str) -> dict[str, CheckResult]:
    (folder / "m.cfg").write_text(CONFIG % sections)
    workspace = Workspace(folder / "ws")
    mock = read_config("m", search=(folder,), cache=workspace.mock_configs)
    return {result.check: result for result in check_buildroot_repositories(mock, workspace)}


def test_each_repository_of_a_mock_configuration_is_asked(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    write_repodata(tmp_path / "base", epoch=1, compat=Compat.MODERN)
    wrong = "baseurl=http://127.0.0.1:9/wrong"
    found = check(
        tmp_path,
        f"[base]\nbaseurl=file://{tmp_path}/base\n[wrong]\n{wrong}\n[none]\nbaseurl=file:///none\n"
        f"[optional]\n{wrong}\nskip_if_unavailable=1\n[off]\n{wrong}\nenabled=0\n",
    )
    assert {name: (one.status, one.exit_code) for name, one in found.items()} == {
        "repository m/base": (CheckStatus.OK, 0),
        "repository m/wrong": (CheckStatus.MISSING, 3),
        "repository m/none": (CheckStatus.MISSING, 3),
        "repository m/optional": (CheckStatus.WARNING, 0),
    }
    assert "127.0.0.1:9: Connection refused" in found["repository m/wrong"].found
    assert "No such file or directory" in found["repository m/none"].found
    assert found["repository m/wrong"].todo


def test_a_mock_configuration_without_repositories_is_not_ok(tmp_path: Path) -> None:
    (result,) = check(tmp_path, "").values()
    assert (result.status, result.exit_code) == (CheckStatus.MISSING, 3)
    assert result.found == "the mock configuration m has no enabled repository"
