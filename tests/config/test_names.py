"""Names that clients see are safe as paths, URLs and sections of a .repo file, or repos.yaml is refused."""

from __future__ import annotations

import configparser
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from altai_build.config import load_config
from altai_build.config.names import check_baseurl, check_repository_name
from altai_build.errors import InputError

GOOD = [
    *("centos6", "deps/epel", "deps/misc-srpms", "el6_x86+extras", "a.b", "a/b/c", "6"),
    *("reports", "x/report", "latest"),
]
BAD = [
    *("\x1b[31mred", "tab\there", "rtl\u202eeman", "zero\u200bwidth", "two words", " a", "a ", "a]", "[a"),
    *("a%20b", "a?b", "a#b", "a\nb", "é", "a'b", 'a"b', "a\\b", "$releasever", "{x}", "a,b", "~"),
    *("-x", ".hidden", "a/.hidden", "..", "a/../b", "", "/", "/a", "a/", "a//b", ".", "x" * 101),
    *("report", "report/x", "provenance", "provenance/x", "release.json", "release.json.asc", "SHA256SUMS"),
    *("SHA256SUMS.asc", "altai.repo", "RPM-GPG-KEY-altai", "index.html", "repodata", "a/repodata"),
    *("a/repodata/b", "a.rpm", "a.rpm/b"),
]


@pytest.mark.parametrize("name", GOOD)
def test_a_name_that_needs_no_quoting_anywhere_is_accepted(name: str) -> None:
    assert check_repository_name(name) is None
    assert quote(name) == name.replace("+", "%2B")
    parser = configparser.ConfigParser()
    parser.read_string(f"[altai-{name.replace('/', '-')}]\nbaseurl=https://example.org/1/{name}/\n")
    assert len(parser.sections()) == 1


@pytest.mark.parametrize("name", BAD)
def test_every_other_name_is_refused_with_what_to_write(name: str) -> None:
    message = check_repository_name(name)
    assert message is not None and ("write" in message or "choose another name" in message)


@pytest.mark.parametrize(
    "url",
    [
        "https://repo.example.org/altai",
        "http://[::1]:8080/a/b",
        "file:///srv/altai%20x",
        "https://x/$basearch/~me",
    ],
)
def test_a_url_of_a_folder_is_accepted(url: str) -> None:
    assert check_baseurl(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://x/a b",
        "https://x/?q=1",
        "https://x/#top",
        "https://x/{y}",
        "https://x/%zz",
        "https://x/é",
        'https://x/"',
    ],
)
def test_a_url_to_which_no_path_can_be_appended_is_refused(url: str) -> None:
    assert check_baseurl(url) is not None


DEFINITION = """
project: altai
targets: {t: {mock_config: x, arch: x86_64}}
keys: {k: {file: k, signs: true}}
repositories: {}
release: {baseurl: "https://example.org"}
"""


def read_errors(folder: Path, repositories: dict[str, str | None]) -> list[str]:
    """The errors of a definition with these repositories, each with the name of its sources."""
    tree = yaml.safe_load(DEFINITION)
    for name, sources in repositories.items():
        tree["repositories"][name] = {"source": "superproject", "target": "t", "key": "k"}
        if sources is not None:
            tree["repositories"][name]["source_rpms"] = sources
    (folder / "repos.yaml").write_text(yaml.safe_dump(tree, allow_unicode=True))
    try:
        load_config(folder / "repos.yaml")
    except InputError as error:
        return [line.strip() for line in error.why.splitlines()]
    return []


def test_repositories_share_no_folder_and_no_section(tmp_path: Path) -> None:
    assert read_errors(tmp_path, {"deps/epel": "deps/epel-srpms", "deps/misc": "deps/misc-srpms"}) == []
    assert read_errors(tmp_path, {"a": "srpms", "b": "srpms"}) == [
        "repositories.b.source_rpms: 'srpms' is already the folder of the source packages of a; "
        "each has a folder of its own"
    ]
    assert read_errors(tmp_path, {"a": "a"}) == [
        "repositories.a.source_rpms: 'a' is already the folder of the repository a; each has a folder of its own"
    ]
    assert read_errors(tmp_path, {"deps/epel": None, "deps-epel": None}) == [
        "repositories.deps/epel: deps-epel has the same section in the .repo file, [altai-deps-epel]; rename one"
    ]


def test_a_bad_name_is_refused_when_the_definition_is_read(tmp_path: Path) -> None:
    (error,) = read_errors(tmp_path, {"report": None})
    assert error == (
        "repositories.report: the repository's name is its folder in the release: "
        "a release has other files named report; choose another name"
    )
    (error,) = read_errors(tmp_path, {"a": "provenance"})
    assert error.startswith("repositories.a.source_rpms: got 'provenance'; a release has other files")
