"""ayer's settings, and what each becomes."""

from __future__ import annotations

import pytest

from altai_build.stages.first_steps.older.ayer import is_web_url, read_ayer
from tests.kit.written_files import older_files


def test_the_settings_of_developers_and_of_the_build_robot() -> None:
    found = read_ayer(
        older_files(
            {
                ".ayer": "YUM_REPO_BASEURL_DEV=http://build.example.org/p\nJENKINS_BASEURL=http://build.example.org:8080\n"
            },
            given={
                "ayer": "BASE_PROJECT=altai\nYUM_REPO_BASEURL_RELEASE=http://repo.example.org/altai\n"
                "build_os=centos7\nYUM_REPO_DIR=$HOME/yum\nBUILD_BIN_RPMS_ARGS=\"altai --define 'with_doc 1'\"\nODD=1\n"
            },
            components={"repos/nova": {".build": "x"}, "repos/x": {}, "repos/y": None},
        )
    )
    rows = {row.setting: row for row in found.rows}
    assert found.project == "altai" and found.baseurl == "http://repo.example.org/altai"
    assert found.files == (".ayer", "ayer")
    assert [(one.distribution, one.weight) for one in found.evidence] == [("centos7", 10)]
    assert rows["BASE_PROJECT"].target == "project" and rows["JENKINS_BASEURL"].target == ""
    assert rows["YUM_REPO_DIR"].value == "" and "no bash is run" in rows["YUM_REPO_DIR"].note
    assert rows["--define with_doc"].target == "targets.TARGET.macros.with_doc"
    assert "not a setting of ayer" in rows["ODD"].note
    assert found.components == {"nova": {"test": '{command: "sh ./.build test"}'}}


def test_without_a_setting_its_scripts_build_for_centos6() -> None:
    found = read_ayer(older_files({".ayer": "YUM_REPO_BASEURL_DEV=http://build.example.org/p\n"}))
    assert [(one.distribution, one.weight) for one in found.evidence] == [("centos6", 6)]
    assert found.baseurl == "http://build.example.org/p"


def test_a_template_of_mock_is_evidence() -> None:
    text = "config_opts['root'] = 'epel-7-x86_64'\nconfig_opts['yum.conf'] = '''$repo_url'''\n"
    found = read_ayer(older_files({}, given={"mock.cfg.template": text}))
    assert "centos7" in {one.distribution for one in found.evidence}


@pytest.mark.parametrize(
    "url", ["", "ssh://x/y", "http://", "http://u:p@x/y", "http://x/a b", "http://x/?a", "http://[x", "/srv"]
)
def test_what_is_no_url_of_a_folder_is_not_taken(url: str) -> None:
    assert not is_web_url(url)
    assert read_ayer(older_files({".ayer": f"YUM_REPO_BASEURL_DEV='{url}'\n"})).baseurl == ""
