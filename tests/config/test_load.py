"""repos.yaml becomes a typed Config, or one InputError that names every error: key path, value, what to write."""

from __future__ import annotations

from copy import deepcopy
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from altai_build.config import Config, SourceKind, load_config
from altai_build.config.schema import ApprovalSettings
from altai_build.errors import InputError
from altai_build.model.compat import Compat

VALID = """\
project: altai
superproject: {path: ., components: [repos], root: true}
targets:
  centos6:
    mock_config: altai-centos6-x86_64
    arch: x86_64
    macros: {dist: .el6, rhel: "6"}
    base: [{name: os, url: "https://vault.example.org/6.10/os/x86_64/", key: centos6}]
keys:
  altai: {file: keys/RPM-GPG-KEY-altai, signs: true}
  centos6: {file: keys/RPM-GPG-KEY-CentOS-6}
repositories:
  centos6: {source: superproject, target: centos6, key: altai}
  deps/misc: {source: specs, path: specs, target: centos6, key: altai, source_rpms: deps/misc-srpms}
  deps/epel: {source: mirror, target: centos6, url: "https://example.org/epel", key: centos6, packages: needed}
  deps/one: {source: mirror, target: centos6, url: "https://example.org/one", key: centos6, packages: [erlang]}
components:
  altai-release: {sources: {baseurl: "{baseurl}/{version}"}}
release: {directory: releases, baseurl: "https://example.org/altai/", stamp: "{release}.{count}.g{commit}"}
"""


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "repos.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read_errors(folder: Path, tree: object) -> list[str]:
    """The error lines of a configuration given as a tree."""
    path = write(folder, yaml.safe_dump(tree))
    with pytest.raises(InputError) as caught:
        load_config(path)
    lines = caught.value.why.splitlines()
    assert caught.value.exit_code == 3 and caught.value.todo
    assert caught.value.what == f"{path} has {len(lines)} error{'s' if len(lines) > 1 else ''}"
    assert all(line.startswith("  ") for line in lines)
    return [line[2:] for line in lines]


def broken(path: str, value: object) -> Any:
    """The valid tree with `value` put at a path of keys (`|` between them); None deletes the key."""
    tree = yaml.safe_load(VALID)
    *parents, last = path.split("|")
    node = tree
    for key in parents:
        node = node[int(key)] if isinstance(node, list) else node[key]
    if value is None:
        del node[last]
    else:
        node[int(last) if isinstance(node, list) else last] = value
    return tree


def test_a_valid_definition(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, VALID))
    assert isinstance(config, Config) and config.release is not None
    assert (config.project, config.root, config.file) == ("altai", tmp_path, tmp_path / "repos.yaml")
    assert (config.superproject.path, config.superproject.components) == (tmp_path, ("repos",))
    target = config.targets["centos6"]
    assert (target.macros, target.compat) == ((("dist", ".el6"), ("rhel", "6")), Compat.EL6)
    assert [(base.name, base.key) for base in target.base] == [("os", "centos6")]
    assert config.keys["altai"].is_signing_key and not config.keys["centos6"].is_signing_key
    assert config.keys["altai"].file == tmp_path / "keys/RPM-GPG-KEY-altai"
    kinds = {name: repository.source for name, repository in config.repositories.items()}
    assert kinds == {
        "centos6": SourceKind.SUPERPROJECT,
        "deps/misc": SourceKind.SPECS,
        "deps/epel": SourceKind.MIRROR,
        "deps/one": SourceKind.MIRROR,
    }
    assert config.repositories["deps/epel"].packages is None
    assert config.repositories["deps/one"].packages == ("erlang",)
    assert config.components["altai-release"].sources == (("baseurl", "{baseurl}/{version}"),)
    assert (config.release.directory, config.release.baseurl) == (
        tmp_path / "releases",
        "https://example.org/altai",
    )
    assert config.get_target_macros("centos6") == ({"dist": ".el6", "rhel": "6"}, "x86_64")


def test_optional_keys(tmp_path: Path) -> None:
    tree = yaml.safe_load(VALID)
    del tree["superproject"], tree["components"]
    tree["release"] = {"baseurl": "file:///srv/altai"}
    config = load_config(write(tmp_path, yaml.safe_dump(tree)))
    assert config.release is not None and config.release.directory == tmp_path / "releases"
    assert (config.stamp, config.superproject.root) == ("{release}.{count}.g{commit}", True)
    assert config.superproject.components == ("repos",)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("90d", 90 * 86400.0),
        ("2w", 14 * 86400.0),
        ("2027-03-31", date(2027, 3, 31)),
        (date(2027, 3, 31), date(2027, 3, 31)),
        (None, None),
    ],
)
def test_when_the_next_release_is_expected(tmp_path: Path, written: object, read: object) -> None:
    tree = yaml.safe_load(VALID)
    tree["release"]["expected_by"] = written
    config = load_config(write(tmp_path, yaml.safe_dump(tree)))
    assert config.get_release_settings().expected_by == read


def test_who_approves_a_release(tmp_path: Path) -> None:
    tree = yaml.safe_load(VALID)
    assert load_config(write(tmp_path, VALID)).get_release_settings().approvals is None
    tree["release"]["approvals"] = {"keys": ["altai", "centos6"], "needed": 2}
    config = load_config(write(tmp_path, yaml.safe_dump(tree)))
    assert config.get_release_settings().approvals == ApprovalSettings(keys=("altai", "centos6"), needed=2)


@pytest.mark.parametrize(
    ("keys", "needed", "expected"),
    [
        (["altai"], 2, "release.approvals.needed: got 2, but `keys` names only 1"),
        (["altai", "altai"], 2, "release.approvals.keys: names altai twice"),
        (["alice"], 1, "release.approvals.keys: got 'alice', which is not in keys; "),
        (["altai"], 0, "release.approvals.needed: got 0; write how many of the keys are needed, as in 2"),
        (["altai"], None, "release.approvals: the key 'needed' is missing"),
    ],
)
def test_approvals_that_nobody_could_give_are_refused(
    tmp_path: Path, keys: list[str], needed: int | None, expected: str
) -> None:
    settings = {"keys": keys, **({} if needed is None else {"needed": needed})}
    errors = read_errors(tmp_path, broken("release|approvals", settings))
    assert any(error.startswith(expected) for error in errors), errors


@pytest.mark.parametrize("written", ["soon", "0d", "999999999w", 5, True, datetime(2027, 3, 31, 12), ["90d"]])
def test_what_is_no_time_for_the_next_release_is_refused(tmp_path: Path, written: object) -> None:
    (error,) = read_errors(tmp_path, broken("release|expected_by", written))
    assert error.startswith("release.expected_by: got ")
    assert "write a time after the commit, as in 90d, or a day, as in 2027-03-31" in error


NAME = "write letters, digits and _ . + -"
INSIDE = "write a relative path that stays inside, without '..' and without a leading '/' or '-'"


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("project", "two words", f"project: got 'two words'; {NAME}"),
        ("project", 5, "project: got 5; write text, in quotes if it looks like a number"),
        ("project", "..", f"project: got '..'; {NAME}"),
        ("project", None, "(top level): the key 'project' is missing"),
        ("projcet", "x", "(top level): unknown key 'projcet'; did you mean project or superproject?"),
        ("superproject", [1], "superproject: got [1]; write a mapping with the keys path, components, root"),
        ("superproject|root", "yes", "superproject.root: got 'yes'; write true or false"),
        ("superproject|components", "repos", "superproject.components: got 'repos'; write a list"),
        ("targets|centos6|macro_files", "../rpm", f"targets.centos6.macro_files: got '../rpm'; {INSIDE}"),
        ("superproject|components", ["a", "../b"], f"superproject.components[1]: got '../b'; {INSIDE}"),
        (
            "superproject|componnets",
            [],
            "superproject: unknown key 'componnets'; did you mean components?",
        ),
        (
            "targets|centos6|arch",
            86,
            "targets.centos6.arch: got 86; write text, in quotes if it looks like a number",
        ),
        (
            "targets|centos6|arch",
            "x86-64",
            "targets.centos6.arch: got 'x86-64'; write an architecture as rpm calls it, such as x86_64",
        ),
        (
            "targets|centos6|mock_config",
            "../../etc/shadow",
            "targets.centos6.mock_config: got '../../etc/shadow'; "
            "write the name of a file in mock-configs/ or /etc/mock, without .cfg",
        ),
        (
            "targets|centos6|macros|rhel",
            6,
            "targets.centos6.macros.rhel: got the number 6; quote it, a macro is text (6.10 would become 6.1)",
        ),
        (
            "targets|centos6|macros",
            {"rhel": None},
            "targets.centos6.macros.rhel: rpm refuses a macro without a value; write '%{nil}'",
        ),
        (
            "targets|centos6|macros|%x",
            "1",
            "targets.centos6.macros.%x: a macro is a name of letters, digits and _, without %, or NAME(OPTIONS)",
        ),
        ("targets|centos6|compat", "el66", "targets.centos6.compat: got 'el66'; did you mean el6?"),
        (
            "targets|centos6|base|0|url",
            "ftp://example.org/",
            "targets.centos6.base[0].url: got 'ftp://example.org/'; write a URL with one of https, http, file",
        ),
        (
            "targets|centos6|base|0|key",
            "centos",
            "targets.centos6.base[0].key: got 'centos', which is not in keys; did you mean centos6?",
        ),
        ("keys|altai|file", None, "keys.altai: the key 'file' is missing"),
        ("keys|altai|signs", "maybe", "keys.altai.signs: got 'maybe'; write true or false"),
        ("keys|a/b", {"file": "x"}, f"keys.a/b: {NAME}"),
        (
            "repositories|centos6|target",
            "centos7",
            "repositories.centos6.target: got 'centos7', which is not in targets; did you mean centos6?",
        ),
        (
            "repositories|centos6|key",
            "nobody",
            "repositories.centos6.key: got 'nobody', which is not in keys; defined: altai, centos6",
        ),
        (
            "repositories|centos6|key",
            "centos6",
            "repositories.centos6.key: got 'centos6', which does not sign; name a key with signs: true",
        ),
        (
            "repositories|centos6|source",
            "supreproject",
            "repositories.centos6.source: got 'supreproject'; did you mean superproject?",
        ),
        ("repositories|deps/misc|path", None, "repositories.deps/misc: the key 'path' is missing"),
        (
            "repositories|deps/misc|source_rpms",
            "centos6",
            "repositories.deps/misc.source_rpms: 'centos6' is already the folder of the repository centos6; "
            "each has a folder of its own",
        ),
        (
            "repositories|deps/epel|packages",
            "all",
            "repositories.deps/epel.packages: got 'all'; write one of needed",
        ),
        (
            "repositories|deps/epel|url",
            "https://example.org/$releasever/$basearch/",
            "repositories.deps/epel.url: got 'https://exam...er/$basearch/'; "
            "write the value of $releasever: only $arch and $basearch are known here",
        ),
        (
            "repositories|deps/epel|url",
            "https://example.org:port/",
            "repositories.deps/epel.url: got 'https://example.org:port/'; "
            "Port could not be cast to integer value as 'port'",
        ),
        (
            "repositories|deps/epel|modules",
            {"nodejs": 1.1},
            "repositories.deps/epel.modules.nodejs: got the number 1.1; quote it (1.10 would become 1.1)",
        ),
        (
            "repositories|deps/epel|url",
            "https://me:secret@example.org/",
            "repositories.deps/epel.url: got 'https://me:s...@example.org/'; "
            "a password in a URL would be published; keep it in ~/.netrc",
        ),
        (
            "repositories|/abs",
            {"source": "superproject", "target": "centos6", "key": "altai"},
            "repositories./abs: the repository's name is its folder in the release: write letters, digits and _ . + - "
            "(and / between folders), as in deps/epel",
        ),
        (
            "components|altai-release|sources|../x",
            "y",
            "components.altai-release.sources.../x: a source is a plain file name, without folders",
        ),
        (
            "components|altai-release|sources|x",
            "{baseurl.__class__}",
            "components.altai-release.sources.x: got '{baseurl.__class__}'; "
            "placeholders are {baseurl}, {version}, {project}, {gpgkeys}, {keys}, {channel}, {ring}",
        ),
        (
            "components|altai-release|repository",
            "centos",
            "components.altai-release.repository: got 'centos', which is not in repositories; "
            "did you mean centos6?",
        ),
        (
            "components|altai-release|skip",
            "",
            "components.altai-release.skip: got ''; write text, in quotes if it looks like a number",
        ),
        ("release|baseurl", None, "release: the key 'baseurl' is missing"),
        (
            "release|baseurl",
            "nowhere",
            "release.baseurl: got 'nowhere'; write a URL with one of https, http, file",
        ),
        (
            "release|baseurl",
            "https://x/\n[evil]",
            "release.baseurl: got 'https://x/\\n[evil]'; line breaks and control characters are not allowed",
        ),
        (
            "release|stamp",
            "{release}.{coutn}",
            "release.stamp: got '{release}.{coutn}'; placeholders are {release}, {count} and {commit}",
        ),
        (
            "release|stamp",
            "{release}.{count}",
            "release.stamp: got '{release}.{count}'; {count} and {commit} are both needed: "
            "a later commit must sort higher, no two commits may share a name",
        ),
        (
            "release|stamp",
            "{count}-{commit}",
            "release.stamp: got '{count}-{commit}'; a release holds letters, digits and . _ + ~ ^ only",
        ),
    ],
)
def test_each_error_has_its_key_path_and_what_to_write(
    tmp_path: Path, path: str, value: object, expected: str
) -> None:
    assert expected in read_errors(tmp_path, broken(path, value))


def test_all_errors_are_reported_at_once(tmp_path: Path) -> None:
    tree = broken("project", 5)
    tree["targets"]["centos6"]["arch"] = None
    tree["keys"] = ["altai"]
    del tree["release"]
    tree["repositories"]["deps/epel"]["kye"] = "x"
    tree["components"] = {1: {}}
    lines = read_errors(tmp_path, tree)
    for key_path in (
        "(top level): the key 'release'",
        "project",
        "keys",
        "repositories.deps/epel",
        "components",
    ):
        assert any(line.startswith(key_path) for line in lines), key_path
    assert len(lines) == len(set(lines)) >= 5


def test_a_required_key_without_a_value_is_missing(tmp_path: Path) -> None:
    tree = yaml.safe_load(VALID)
    tree["project"] = None
    tree["keys"]["altai"]["file"] = None
    assert read_errors(tmp_path, tree) == [
        "(top level): the key 'project' is missing",
        "keys.altai: the key 'file' is missing",
    ]


LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.dates())
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.one_of(st.text(max_size=5), st.integers()), inner)
    ),
    max_leaves=6,
)


def key_paths(tree: object) -> list[list[Any]]:
    """The path of keys to every value in a tree."""
    if isinstance(tree, dict):
        pairs = list(tree.items())
    elif isinstance(tree, list):
        pairs = list(enumerate(tree))
    else:
        return []
    return [[key, *rest] for key, value in pairs for rest in ([], *key_paths(value))]


KEY_PATHS = key_paths(yaml.safe_load(VALID))


@given(st.sampled_from(KEY_PATHS), TREES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_value_anywhere_is_accepted_or_refused(
    tmp_path: Path, key_path: list[Any], value: object
) -> None:
    tree = node = deepcopy(yaml.safe_load(VALID))
    for key in key_path[:-1]:
        node = node[key]
    node[key_path[-1]] = value
    try:
        load_config(write(tmp_path, yaml.safe_dump(tree)))
    except InputError as error:
        assert error.why
