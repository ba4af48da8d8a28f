"""ayer: bash settings in `.ayer` and `~/.config/ayer/ayer`, a mock template, and what its scripts take for granted."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from urllib.parse import urlsplit

from altai_build.config.names import check_baseurl
from altai_build.config.yaml_writer import quote_text
from altai_build.model.first_steps import Evidence, Imported, MappingRow
from altai_build.stages.first_steps import evidence
from altai_build.stages.first_steps.older.files import OlderFiles, read_bash_settings

_CI = "builds for review: `altai-build ci`, written by `altai-build ci init`"
# Setting of ayer → what it is here ("" for nothing), and a note.
_SETTINGS = {
    "BASE_PROJECT": ("project", ""),
    "YUM_REPO_BASEURL_RELEASE": ("release.baseurl", ""),
    "YUM_REPO_BASEURL_DEV": (
        "release.baseurl",
        "where YUM_REPO_BASEURL_RELEASE is not set; topic repositories are those of `altai-build ci`",
    ),
    "YUM_REPO_DIR": (
        "release.directory",
        "on the machine that releases; here it is `releases` below this file",
    ),
    "BUILD_OS": ("targets", "the name of the repository and the distribution"),
    "BUILD_BIN_RPMS_ARGS": ("targets.TARGET.mock_config", "its --define become macros of the target"),
    "BUILD_SERVER_SSH": ("", "builds run on the machine where altai-build runs, several at a time (--jobs)"),
    "AYER_RPM_SIGN": ("keys", "`altai-build keys init` makes the key, its passphrase is asked for"),
    "GERRIT_SSH": (
        "",
        f"components come from the URLs in .gitmodules; {_CI}; scripts/hooks/post-receive for Gerrit",
    ),
    "GERRIT_PORT": ("", "part of the URLs in .gitmodules"),
    "GERRIT_SUBMITTABLE": ("", "Gerrit itself says who may submit"),
    "JENKINS_BASEURL": ("", "`altai-build ci init jenkins` writes a pipeline"),
    "BASE_WORKDIR": ("--workspace DIR", ".altai-build beside repos.yaml unless it is given"),
}
# What ayer does without a setting.
_HABITS = (
    MappingRow(
        "SOURCES/baseurl", "", "components.NAME.sources.baseurl", "written below where a spec has that source"
    ),
    MappingRow("Release: TRUNK", "", "release.stamp", "the release, the number of commits and the commit id"),
    MappingRow("NAME_trunk branches, dev/TRUNK", "", "channels", "`altai-build promote VERSION --to NAME`"),
    MappingRow("ayer-accept, ayer-release", "", "altai-build release VERSION", ""),
    MappingRow("hoy-changelog", "", "altai-build notes OLD NEW", ""),
)
_DEFAULT_OS = "centos6"


def read_ayer(files: OlderFiles) -> Imported:
    """What ayer's files say. Its scripts build for centos6 where no `build_os` is set."""
    rows: list[MappingRow] = []
    values: dict[str, str] = {}
    names = []
    found: list[Evidence] = []
    for name, text in files.find(".ayer"):
        names.append(name)
        if "config_opts" in text:
            found += evidence.find_in_text(name, text)
            rows.append(
                MappingRow(
                    name, "", "mock-configs/", "copy its repositories into the configuration written here"
                )
            )
            continue
        for setting, value in read_bash_settings(text).items():
            rows.append(_map_setting(setting, value))
            if value:
                values[setting.upper()] = value
    build_os = values.get("BUILD_OS", _DEFAULT_OS)
    place = "build_os of ayer" if "BUILD_OS" in values else "build_os of ayer, its default"
    found += evidence.find_in_words(place, build_os, 10 if "BUILD_OS" in values else 6)
    components, tests = _find_test_scripts(files)
    url = values.get("YUM_REPO_BASEURL_RELEASE") or values.get("YUM_REPO_BASEURL_DEV") or ""
    return Imported(
        tool="ayer",
        files=tuple(names),
        rows=(*rows, *_map_arguments(values.get("BUILD_BIN_RPMS_ARGS", "")), *tests, *_HABITS),
        evidence=tuple(found),
        project=values.get("BASE_PROJECT", ""),
        baseurl=url if is_web_url(url) else "",
        components=components,
    )


def is_web_url(url: str) -> bool:
    """Whether a text is the URL of a folder on a web server, without a password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and "@" not in parts.netloc
        and bool(parts.hostname)
        and not check_baseurl(url)
    )


def _map_setting(setting: str, value: str | None) -> MappingRow:
    target, note = _SETTINGS.get(setting.upper(), ("", "not a setting of ayer that is known here"))
    if value is None:
        return MappingRow(
            setting, "", target, f"bash computes it, and no bash is run here; {note}".rstrip("; ")
        )
    return MappingRow(setting, value, target, note)


def _map_arguments(arguments: str) -> Iterator[MappingRow]:
    """The mock configuration and macros in BUILD_BIN_RPMS_ARGS, as in "altai --define 'with_doc 1'"."""
    try:
        words = shlex.split(arguments)
    except ValueError:
        return
    for option, value in zip(words, words[1:]):
        name, _, body = value.partition(" ")
        if option in ("--define", "-D") and re.fullmatch(r"\w+", name):
            yield MappingRow(f"--define {name}", body, f"targets.TARGET.macros.{name}", "add it below macros")


def _find_test_scripts(files: OlderFiles) -> tuple[dict[str, dict[str, str]], list[MappingRow]]:
    """The components with a script `.build`, which ayer-dotbuild-mock runs for their unit tests."""
    settings: dict[str, dict[str, str]] = {}
    rows = []
    for path in files.components:
        component = files.open_component(path)
        if component is not None and ".build" in component.paths:
            name = path.rpartition("/")[2]
            settings[name] = {"test": f"{{command: {quote_text('sh ./.build test')}}}"}
            rows.append(MappingRow(f".build of {path}", "", f"components.{name}.test.command", ""))
    return settings, rows
