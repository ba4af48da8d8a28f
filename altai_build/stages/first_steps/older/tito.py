"""tito: `tito.props` and `releasers.conf` in `.tito/` or `rel-eng/`, and its list of packages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from altai_build.config.names import check_plain_name
from altai_build.config.yaml_writer import quote_text
from altai_build.model.first_steps import Evidence, Imported, MappingRow
from altai_build.stages.first_steps import evidence
from altai_build.stages.first_steps.older.files import OlderFiles, read_ini
from altai_build.stages.first_steps.texts import CommitFiles

_FOLDERS = (".tito", "rel-eng")
_PROPS = tuple(f"{folder}/tito.props" for folder in _FOLDERS)
_RELEASERS = tuple(f"{folder}/releasers.conf" for folder in _FOLDERS)
_MOST_ROWS = 400
_STAMP = "release.stamp counts commits, so nobody raises the release of a spec"
# Setting → what it is here ("" for nothing), and a note.
_SETTINGS = {
    "builder": (
        "source packages",
        "made from the commit; sources that are not in it: components.NAME.source, sources.yaml",
    ),
    "default_builder": ("source packages", "made from the commit"),
    "tagger": ("release.stamp", _STAMP),
    "default_tagger": ("release.stamp", _STAMP),
    "disttag": ("targets.TARGET.macros.dist", ""),
    "srpm_disttag": ("targets.TARGET.macros.dist", ""),
    "builder.mock": ("targets.TARGET.mock_config", "a file in mock-configs/"),
    "builder.mock_config_dir": ("mock-configs/", "copy the configurations there"),
    "builder.mock_args": ("targets.TARGET.macros", "its --define"),
    "builder.scl": ("targets.TARGET.macros.scl", ""),
    "scl": ("targets.TARGET.macros.scl", ""),
    "rsync": ("release.directory", "serve it at release.baseurl; copy it with rsync after a release"),
    "releaser": ("altai-build release VERSION", ""),
    "filetypes": ("repositories.NAME.source_rpms", "source packages have a folder of their own"),
    "blacklist": ("components.NAME.skip", ""),
    "whitelist": (
        "",
        "a definition has one target: repositories for other distributions are definitions of their own",
    ),
    "lib_dir": ("", "Python of tito is not run"),
    "fetch_strategy": ("", "write sources.yaml beside the spec, with a checksum for each file"),
    "changelog_format": ("altai-build notes OLD NEW", "the log of git"),
    "changelog_do_not_remove_cherrypick": ("", "the changelog of a spec stays as it is"),
    "tag_format": (
        "altai-build release VERSION",
        "a release is of all components; their commits are in its manifest",
    ),
    "tag_suffix": ("", "components need no tags"),
    "git_annex": ("", "commit the files, or write sources.yaml"),
    "project_name": ("", "Copr builds elsewhere"),
    "branches": ("", "dist-git of Fedora and Koji build elsewhere"),
    "autobuild_tags": ("", "Koji builds elsewhere"),
}
_BUILDS_ELSEWHERE = re.compile(r"Koji|Fedora|Copr|Obs|DistGit|Brew|Cvs", re.IGNORECASE)


def read_tito(files: OlderFiles) -> Imported:
    """What tito's files say. Raises InputError for a file that is no INI file."""
    rows: list[MappingRow] = []
    found: list[Evidence] = []
    components: dict[str, dict[str, str]] = {}
    names = []
    for name, text in files.find(*_PROPS, *_RELEASERS):
        names.append(name)
        for section, settings in read_ini(name, text).items():
            for setting, value in settings.items():
                place = f"{name} [{section}] {setting}"
                rows.append(_map_setting(place, setting, value))
                if setting in ("disttag", "srpm_disttag", "builder.mock"):
                    found += evidence.find_in_words(place, value, 5)
                if setting == "blacklist":
                    components.update(_skip(value, name))
    packages = list(_map_packages(files.superproject))
    return Imported(
        tool="tito",
        files=tuple(names),
        rows=tuple([*rows, *packages][:_MOST_ROWS]),
        evidence=tuple(found),
        components=components,
    )


def _map_setting(place: str, setting: str, value: str) -> MappingRow:
    if setting == "releaser" and _BUILDS_ELSEWHERE.search(value):
        return MappingRow(place, value, "", "altai-build builds and publishes itself")
    target, note = _SETTINGS.get(setting, ("", "not a setting of tito that is known here"))
    return MappingRow(place, value, target, note)


def _skip(value: str, place: str) -> dict[str, dict[str, str]]:
    reason = quote_text(f"in the blacklist of {place}")
    return {name: {"skip": reason} for name in value.split()[:100] if check_plain_name(name) is None}


def _map_packages(files: CommitFiles) -> Iterator[MappingRow]:
    """The packages that were tagged: a file each, with version and folder."""
    wanted = [path for path in files.paths if re.match(r"(?:\.tito|rel-eng)/packages/[^/]+$", path)]
    for path, text in files.read(wanted).items():
        words = text.split()
        folder = words[1].strip("./") if len(words) > 1 else ""
        if folder.count("/"):
            note = f"{folder}/ is a package of the repository for {folder.rpartition('/')[0]}/"
            yield MappingRow(path, " ".join(words[:2]), "repositories", note)
        elif folder:
            note = f"move {folder}/ into a folder of packages, or make it a submodule"
            yield MappingRow(path, " ".join(words[:2]), "", note)
        else:
            yield MappingRow(path, " ".join(words[:1]), "superproject.root", "the spec in the root")
