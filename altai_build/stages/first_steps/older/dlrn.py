"""DLRN: `projects.ini`, and the list of packages of rdoinfo (`rdo.yml` and files of its form)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from altai_build.config.names import check_plain_name
from altai_build.config.yaml_reader import parse_yaml
from altai_build.model.first_steps import Evidence, Imported, MappingRow
from altai_build.stages.first_steps import evidence
from altai_build.stages.first_steps.older.ayer import is_web_url
from altai_build.stages.first_steps.older.files import OlderFiles, read_ini

_MOST_PACKAGES = 1000
_MOST_LISTED = 60
_INI = ("projects.ini", "dlrn.ini")
_YAML = ("rdo.yml", "rdo-full.yml", "deps.yml", "tags/tags.yml")
# Setting → what it is here ("" for nothing), and a note.
_SETTINGS = {
    "baseurl": ("release.baseurl", ""),
    "target": ("targets", "the mock configuration of DLRN is TARGET.cfg"),
    "project_name": ("project", ""),
    "reponame": ("project", "sections of the .repo file begin with the name of the project"),
    "distro": ("submodules", "pin the commit of that branch of the dist-git"),
    "source": ("submodules", "pin the commit of that branch of the source"),
    "workers": ("--jobs N", "the number of processors unless it is given"),
    "datadir": ("--workspace DIR", ".altai-build unless it is given"),
    "scriptsdir": ("mock-configs/", "the configuration of mock is in it"),
    "configdir": ("mock-configs/", "the configuration of mock is in it"),
    "include_srpm_in_repo": ("repositories.NAME.source_rpms", "source packages have a folder of their own"),
    "keep_changelog": ("", "the changelog of a spec stays, an entry with the commit comes on top"),
    "release_numbering": ("release.stamp", "counts commits in place of the time"),
    "release_minor": ("release.stamp", ""),
    "rsyncdest": ("release.directory", "copy it with rsync after a release"),
    "rsyncport": ("", "of rsync"),
    "deps_url": ("repositories", "a repository with source: mirror and packages: needed"),
    "use_components": ("repositories", "components.NAME.repository puts a component into another repository"),
    "maxretries": ("", "a server is tried four times"),
    "pkginfo_driver": ("submodules", "the packages are the submodules"),
    "build_driver": ("--builder NAME", "mock, or chroot, which is built in"),
    "tags": ("submodules", "a release has what the superproject pins"),
    "fallback_to_master": ("", "a pinned commit is there, or it is an error"),
    "nonfallback_branches": ("", "a pinned commit is there, or it is an error"),
    "custom_preprocess": ("", "no program runs on a source before the sandbox: commit what it makes"),
    "database_connection": ("", "there is no database: releases and the workspace are files"),
    "smtpserver": ("", "no mail is sent: `altai-build ci` writes reports"),
    "gerrit_topic": ("", "`altai-build ci`, written by `altai-build ci init`"),
    "allow_force_rechecks": ("", "a build whose inputs have not changed is reused"),
    "templatedir": ("report/index.html", "`altai-build report`"),
    "install_after_build": ("", "`altai-build verify` checks what packages require"),
}


def read_dlrn(files: OlderFiles) -> Imported:
    """What DLRN's and rdoinfo's files say. Raises InputError for a file of another form."""
    rows: list[MappingRow] = []
    found: list[Evidence] = []
    values: dict[str, str] = {}
    names = []
    for name, text in files.find(*_INI, *_YAML):
        names.append(name)
        if re.search(r"\.ya?ml$", name):
            tree = parse_yaml(text.encode(), name)
            rows += _map_info(name, tree, files.components)
            found += _find_in_info(name, tree)
            continue
        for section, settings in read_ini(name, text).items():
            for setting, value in settings.items():
                target, note = _SETTINGS.get(setting, ("", "not a setting of DLRN that is known here"))
                rows.append(MappingRow(f"{name} [{section}] {setting}", value, target, note))
                if section == "DEFAULT":
                    values[setting] = value
                if setting == "target":
                    found += evidence.find_in_words(f"{name} target", value, 10)
    project = values.get("project_name", "").lower().replace(" ", "-")
    url = values.get("baseurl", "")
    return Imported(
        tool="dlrn",
        files=tuple(names),
        rows=tuple(rows),
        evidence=tuple(found),
        project=project if check_plain_name(project) is None else "",
        baseurl=url if is_web_url(url) else "",
    )


@dataclass(frozen=True)
class _Package:
    name: str
    project: str
    distgit: str
    upstream: str


def _map_info(place: str, tree: Any, components: tuple[str, ...]) -> Iterator[MappingRow]:
    """The packages of rdoinfo: which are components here, and how to add the others."""
    known = {path.rpartition("/")[2] for path in components}
    packages = list(_list_packages(tree))
    here = [
        one
        for one in packages
        if known & {one.name, one.project, f"{one.project}-distgit", f"{one.name}-distgit"}
    ]
    missing = [one for one in packages if one not in here]
    if not packages:
        yield MappingRow(f"{place} packages", "", "", "it lists none, or is not a file of rdoinfo")
        return
    yield MappingRow(
        f"{place} packages", f"{len(here)} of {len(packages)}", "submodules", "pinned in this commit"
    )
    for one in missing[:_MOST_LISTED]:
        url = one.distgit or one.upstream
        note = (
            f"git submodule add {url} repos/{one.name}"
            if _is_plain_url(url)
            else "add its repository as a submodule"
        )
        yield MappingRow(f"{place} {one.name}", url, "a new submodule", note)
    if len(missing) > _MOST_LISTED:
        more = len(missing) - _MOST_LISTED
        yield MappingRow(f"{place} packages", f"{more} more", "", "they are no submodules of this commit")
    note = "a component is one repository: the source with its spec in it, or a dist-git with its list of sources"
    yield MappingRow(f"{place} upstream, distgit and patches", "", "", note)
    if isinstance(tree, dict):
        for key, what in (("releases", "channels"), ("tags", ""), ("package-configs", ""), ("ui", "")):
            if key in tree:
                target = "a definition for each, on a branch of its own" if what else ""
                yield MappingRow(
                    f"{place} {key}", "", target, "" if what else "what a submodule is says its URL"
                )


def _list_packages(tree: Any) -> Iterator[_Package]:
    """The packages, each with its settings from `package-default`, its `conf` and its own."""
    if not isinstance(tree, dict):
        return
    configs = tree.get("package-configs")
    entries = tree.get("packages")
    for entry in entries[:_MOST_PACKAGES] if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            continue
        project = _text(entry, "project")
        conf = configs.get(_text(entry, "conf")) if isinstance(configs, dict) else None
        layers = [one for one in (tree.get("package-default"), conf, entry) if isinstance(one, dict)]

        def find(key: str, layers: list[dict[str, Any]] = layers, project: str = project) -> str:
            values = [_text(layer, key) for layer in layers if _text(layer, key)]
            # The only variable that rdoinfo has.
            return values[-1].replace("%(project)s", project) if values else ""

        name = find("name") or project
        if project and check_plain_name(name) is None:
            yield _Package(name, project, find("master-distgit") or find("distgit"), find("upstream"))


def _text(mapping: Mapping[str, Any], key: str) -> str:
    value = mapping.get(key)
    return value if isinstance(value, str) and len(value) < 500 else ""


def _is_plain_url(url: str) -> bool:
    return bool(re.fullmatch(r"(?:https|http|git|ssh)://[A-Za-z0-9._~:/@%+-]+", url))


def _find_in_info(place: str, tree: Any) -> Iterator[Evidence]:
    """The distributions of the first release: its repositories are named el7, and so on."""
    releases = tree.get("releases") if isinstance(tree, dict) else None
    first = releases[0] if isinstance(releases, list) and releases and isinstance(releases[0], dict) else {}
    repositories = first.get("repos")
    for one in repositories[:10] if isinstance(repositories, list) else ():
        if isinstance(one, dict):
            yield from evidence.find_in_words(f"{place} releases", _text(one, "name"), 8)
