"""`ci init` at the command line: the file is where the service looks, and is never replaced unasked."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.pipeline.ci_pipeline import find_tool_source
from altai_build.stages.ci_pipeline import PipelineService, PipelineSettings, format_pipeline
from tests.kit.cli import altai_build
from tests.kit.git import Repo

PATHS = {"github": ".github/workflows/altai-build.yml", "gitlab": ".gitlab-ci.yml", "jenkins": "Jenkinsfile"}


@pytest.mark.parametrize("service", PATHS)
def test_the_pipeline_is_where_the_service_looks_for_it(tmp_path: Path, service: str) -> None:
    repo = Repo(tmp_path / "super")
    repo.commit({"README": "x"})
    answer = altai_build("ci", "init", service, cwd=repo.path)
    file = repo.path / PATHS[service]
    assert (answer.code, answer.out) == (0, f"{file}\n"), answer.err
    source = find_tool_source()
    settings = PipelineSettings(tool_url=source.url, tool_rev=source.rev)
    assert file.read_text() == format_pipeline(PipelineService(service), settings)
    assert f"jobs get altai-build {source.rev[:12]} from {source.url} (" in answer.err
    assert repo.git("status", "--porcelain", "--", PATHS[service]).startswith("?? ")


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "super")
    repo.commit({"README": "x"})
    file = repo.path / "Jenkinsfile"
    file.write_text("mine\n")
    answer = altai_build("ci", "init", "jenkins", "--json", cwd=repo.path)
    assert (answer.code, file.read_text()) == (3, "mine\n")
    assert answer.json["error"]["what"] == f"{file} is there already"
    other = altai_build("ci", "init", "jenkins", "-o", "ci/other", "--label", "rpm", "--json", cwd=repo.path)
    assert (other.json["service"], other.json["file"]) == ("jenkins", "ci/other")
    assert "label 'rpm'" in (repo.path / "ci/other").read_text()
    assert altai_build("ci", "init", "jenkins", "--force", cwd=repo.path).code == 0
    assert file.read_text() != "mine\n"


def test_wrong_words_are_refused(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "super")
    repo.commit({"README": "x"})
    wrong = {
        ("init",): 2,
        ("init", "travis"): 2,
        ("init", "github", "--branch", "a'b"): 2,
        ("init", "github", "--tool-rev", "$(x)"): 2,
        ("init", "github", "-o", "."): 3,
        ("init", "github", "--matrix", "257"): 2,
        ("init", "gitlab", "--matrix", "201"): 2,
        ("init", "jenkins", "--matrix", "2"): 2,
        ("init", "gitlab", "--matrix", "1"): 2,
        ("inti",): 2,
    }
    for words, code in wrong.items():
        assert altai_build("ci", *words, cwd=repo.path).code == code, words
    assert [path.name for path in repo.path.iterdir()] == [".git"]
