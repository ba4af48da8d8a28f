"""The names of the files of a release."""

from __future__ import annotations

from altai_build.model.release_files import make_repo_section_name


def test_a_repository_is_called_after_project_and_folder_in_the_repo_file() -> None:
    assert make_repo_section_name("altai", "deps/centos6-updates") == "altai-deps-centos6-updates"
