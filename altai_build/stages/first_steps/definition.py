"""What was found and what is guessed → the text of a commented repos.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from altai_build.config.names import check_plain_name, check_repository_name
from altai_build.config.yaml_writer import format_list, format_scalar, quote_text
from altai_build.errors import quote_path
from altai_build.model.distribution import Distribution, DistributionKey, PackageSource
from altai_build.model.first_steps import (
    GUESS,
    TODO,
    FoundComponent,
    FoundKey,
    Guess,
    Imported,
    SpecState,
    Survey,
    make_comment,
)
from altai_build.model.quantity import format_count
from altai_build.tools.git.spec_files import SPEC_FOLDERS

_MOST_LISTED = 40  # lines of a list in comments
_MOST_EVIDENCE = 4
_STATES = {
    SpecState.NOT_CLONED: "not cloned here, so its specs were not read",
    SpecState.NONE: "no spec: it is skipped",
}
_UNKNOWN_TARGET = "target"
_BASEURL_TEMPLATE = "{baseurl}/{version}"


@dataclass(frozen=True)
class Choice:
    """What the definition is written for. `chosen`: a person named the distribution. `distribution` may be unknown."""

    distribution: Distribution | None
    guess: Guess | None
    chosen: bool
    arch: str
    mock_config: str
    arch_is_guess: bool = True

    @property
    def target(self) -> str:
        """The name of the target."""
        return self.distribution.id if self.distribution else _UNKNOWN_TARGET

    @property
    def wanted(self) -> str:
        """For what it should be, where the distribution is not known."""
        return self.guess.distribution if self.guess else "your distribution"


@dataclass(frozen=True)
class KeyFiles:
    """The files of keys: that of the project's own signing key, and those of the distribution by the keys' names."""

    own: str
    own_found: FoundKey | None
    distribution: Mapping[str, str] = field(default_factory=dict)


def choose_key_files(survey: Survey, distribution: Distribution | None) -> KeyFiles:
    """Keys of the distribution by their fingerprints, or by name where those are not known; own ones by name."""
    wanted = distribution.keys if distribution else ()
    files: dict[str, str] = {}
    foreign: set[str] = set()
    for found in survey.keys:
        base = found.path.rpartition("/")[2]
        for key in wanted:
            same = set(key.fingerprints) & set(found.fingerprints) if key.fingerprints else base == key.file
            if same:
                files.setdefault(key.name, found.path)
        if _is_of_distribution(found):
            foreign.add(found.path)
    project = survey.project.lower()
    own = [found for found in survey.keys if found.path not in foreign | set(files.values())]
    named = [found for found in own if project in found.path.rpartition("/")[2].lower()]
    best = (named or (own if len(own) == 1 else []))[:1]
    return KeyFiles(
        own=best[0].path if best else f"keys/RPM-GPG-KEY-{survey.project}",
        own_found=best[0] if best else None,
        distribution={key.name: files.get(key.name, f"keys/{key.file}") for key in wanted},
    )


def _is_of_distribution(key: FoundKey) -> bool:
    text = f"{key.path} {' '.join(key.uids)}"
    return bool(re.search(r"centos|epel|fedora|almalinux|redhat|rocky|opensuse", text, re.IGNORECASE))


def format_definition(survey: Survey, choice: Choice, keys: KeyFiles, imported: Imported | None) -> str:
    """The text of repos.yaml."""
    lines = [
        *_format_head(survey, imported),
        "",
        *_format_superproject(survey),
        "",
        *_format_target(choice),
        "",
        *_format_keys(survey, choice, keys),
        "",
        *_format_repositories(survey, choice),
        *_format_components(survey, imported),
        "",
        *_format_release(survey, imported),
        *_format_mapping(imported),
    ]
    return "\n".join(lines) + "\n"


def _format_head(survey: Survey, imported: Imported | None) -> Iterator[str]:
    at = f" from the commit {survey.commit[:12]}" if survey.commit else ""
    yield f"# What a release of {survey.project} consists of. `altai-build init` wrote this file{at}."
    yield "# docs/repos-yaml.md explains each key. The file is yours: change what you need, and commit it."
    yield f'# Guesses are marked with "{GUESS[:-1]}", what only you know with "{TODO[:-1]}". Remove a mark when its'
    yield "# line is right; `altai-build doctor` lists those that are left."
    if imported and imported.project:
        yield f"project: {format_scalar(survey.project)} # from the files of {imported.tool}"
    else:
        yield f"project: {format_scalar(survey.project)} # {GUESS} the name of the repository"


def _format_superproject(survey: Survey) -> Iterator[str]:
    if survey.commit is None:
        yield f"# {TODO} commit something: this repository has no commit, so nothing could be found in it."
    elif single := _find_single_package(survey):
        yield f"# {TODO} this repository is one package, whose spec is in {single}/. In the root it is a component;"
        yield "# sources are found beside it and in SOURCES/. Move it, and commit:"
        yield from _format_list_of(
            f"#   git mv {make_comment(quote_path(path))} ." for path in survey.loose_specs
        )
    elif not survey.components and not survey.root_specs and not survey.spec_folders:
        yield f"# {TODO} pin repositories as submodules below repos/, or write a spec: this commit has neither."
    for spec in survey.root_specs:
        yield f"# In the root: {make_comment(spec)}"
    if survey.components:
        yield f"# Pinned repositories ({len(survey.components)}):"
        yield from _format_list_of(f"#   {_describe_component(one)}" for one in survey.components)
    if survey.not_components:
        yield f"# {GUESS} these submodules are parts of the superproject's own sources, and no components:"
        yield from _format_list_of(f"#   {make_comment(path)}" for path in survey.not_components)
    folders = survey.folders if survey.folders or survey.not_components else ("repos",)
    plain = [folder for folder in folders if re.fullmatch(r"[a-z/-]+", folder)]
    listed = ", ".join(folders) if len(plain) == len(folders) else ", ".join(map(format_scalar, folders))
    root = "true" if survey.root_specs or _find_single_package(survey) else "false"
    yield f"superproject: {{path: ., components: [{listed}], root: {root}}}"


def _find_single_package(survey: Survey) -> str:
    """The folder with the specs of a repository that is one package and no superproject; "" for another one."""
    if survey.components or survey.root_specs or survey.spec_folders:
        return ""
    folders = {path.rpartition("/")[0] for path in survey.loose_specs}
    return folders.pop() if len(folders) == 1 and folders <= set(SPEC_FOLDERS) else ""


def _describe_component(component: FoundComponent) -> str:
    path = make_comment(component.path)
    if component.state is SpecState.UNREADABLE:
        return f"{path}: {make_comment(component.detail)}"
    if component.state in _STATES:
        return f"{path}: {_STATES[component.state]}"
    return (
        f"{path}: {make_comment(', '.join(component.specs[:3]))}{', …' if len(component.specs) > 3 else ''}"
    )


def _format_list_of(lines: Iterator[str]) -> Iterator[str]:
    every = list(lines)
    yield from every[:_MOST_LISTED]
    if len(every) > _MOST_LISTED:
        yield f"#   … and {len(every) - _MOST_LISTED} more"


def _format_target(choice: Choice) -> Iterator[str]:
    distribution = choice.distribution
    if distribution is None and choice.guess is None:
        yield f"# {TODO} name the distribution: nothing in this repository says for which one its packages are."
    elif distribution is None:
        yield f"# {TODO} write the repositories of {make_comment(choice.wanted)} below: altai-build does not know them."
    elif not choice.chosen:
        yield f"# {GUESS} {distribution.title}. What speaks for it:"
    if choice.guess and not choice.chosen:
        yield from (f"#   {make_comment(str(one))}" for one in choice.guess.evidence[:_MOST_EVIDENCE])
        left = len(choice.guess.evidence) - _MOST_EVIDENCE
        if left > 0:
            yield f"#   … and {left} more"
        if choice.guess.others:
            others = ", ".join(f"{make_comment(name)} ({score})" for name, score in choice.guess.others[:5])
            yield f"#   Less speaks for: {others}. Choose another one with `altai-build init --distribution NAME`."
    if distribution and distribution.remark:
        yield f"# {distribution.remark}"
    yield "targets:"
    yield f"  {choice.target}:"
    yield f"    mock_config: {format_scalar(choice.mock_config)}"
    yield f"    arch: {choice.arch}{f' # {GUESS} the usual one' if choice.arch_is_guess else ''}"
    if distribution and distribution.macros:
        macros = ", ".join(f"{name}: {format_scalar(value)}" for name, value in distribution.macros)
        yield f"    macros: {{{macros}}}"
    yield "    # What machines have before they add a release. Packages of these repositories are never part of one."
    if distribution is None:
        yield f'    base: [] # {TODO} as in {{name: os, url: "https://…/os/", key: KEY}}, with the key below keys'
        return
    yield "    base:"
    for source in distribution.base:
        yield f"      - {{name: {source.name}, {source.listing}: {quote_text(source.url)}, key: {source.key}}}"


def _format_keys(survey: Survey, choice: Choice, keys: KeyFiles) -> Iterator[str]:
    yield "keys:"
    own = _name_own_key(survey)
    if keys.own_found:
        uid = make_comment(keys.own_found.uids[0]) if keys.own_found.uids else "a key without a name"
        yield f"  # {GUESS} this file is your signing key, {uid}."
        yield "  # Its secret key must be in the workspace's gnupg/. For a new key, name another file here, and run"
        yield f"  # `altai-build keys init {own}`."
    else:
        yield f"  # Your signing key: `altai-build keys init {own} --expires 5y` makes it."
    yield f"  {own}: {{file: {format_scalar(keys.own)}, signs: true}}"
    known = {found.path for found in survey.keys}
    for key in choice.distribution.keys if choice.distribution else ():
        path = keys.distribution[key.name]
        if path not in known:
            yield "  # `altai-build doctor` says where this file is published."
        yield f"  {key.name}: {{file: {format_scalar(path)}}}"
    others = [found for found in survey.keys if found.path not in {keys.own, *keys.distribution.values()}]
    if others:
        yield "  # Other public keys in this repository:"
        yield from _format_list_of(
            f"  #   {make_comment(one.path)}: {make_comment(', '.join(one.uids))}" for one in others
        )


def _name_own_key(survey: Survey) -> str:
    """A name that no key of a distribution has."""
    return (
        f"{survey.project}-key"
        if re.fullmatch(r"(centos|epel|alma|fedora)\d*|opensuse", survey.project)
        else survey.project
    )


def _format_repositories(survey: Survey, choice: Choice) -> Iterator[str]:
    target, own = choice.target, _name_own_key(survey)
    yield "# The folders of a release."
    yield "repositories:"
    if survey.components or survey.root_specs or not survey.spec_folders:
        folder = "packages" if check_repository_name(target) else target
        yield f"  {folder}: {{source: superproject, target: {target}, key: {own}, source_rpms: {folder}-srpms}}"
    for name, path in _name_spec_repositories(survey).items():
        yield f"  # {GUESS} each folder in {make_comment(path)}/ is a package of its own."
        yield (
            f"  {name}: {{source: specs, path: {format_scalar(path)}, target: {target}, key: {own}, "
            f"source_rpms: {name}-srpms}}"
        )
    mirrors = [
        source for source in (choice.distribution.more if choice.distribution else ()) if source.mirror
    ]
    if mirrors:
        yield "  # Third-party packages: exactly those that yours require, copied unchanged. `altai-build deps lock`"
        yield "  # chooses them. Remove those repositories that your machines have anyway, and add them to `base`."
    for source in mirrors:
        yield from _format_mirror(source, target)
    if survey.loose_specs and not _find_single_package(survey):
        count = format_count(len(survey.loose_specs), "spec")
        yield f"# {TODO} no repository builds {count}. A package of a `source: specs` repository has a folder of its"
        yield "# own below the `path` of the repository: move them there. A repository that is one package, with"
        yield "# its spec in SPECS/, rpm/, packaging/ or redhat/, is a component of a superproject that pins it."
        yield from _format_list_of(f"#   {make_comment(path)}" for path in survey.loose_specs)


def _name_spec_repositories(survey: Survey) -> dict[str, str]:
    names: dict[str, str] = {}
    for path in survey.spec_folders:
        last = re.sub(r"[^A-Za-z0-9_.+-]+|\.\.+", "-", path.rpartition("/")[2]).lstrip("-.+")
        name = f"deps/{last or 'specs'}"
        if check_repository_name(name) or name in names or name.endswith("-srpms"):
            name = f"deps/specs-{len(names) + 1}"
        names[name] = path
    return names


def _format_mirror(source: PackageSource, target: str) -> Iterator[str]:
    yield f"  {source.mirror}:"
    yield "    source: mirror"
    yield f"    target: {target}"
    yield f"    {source.listing}: {quote_text(source.url)}"
    yield f"    key: {source.key}"
    yield "    packages: needed"


def _format_components(survey: Survey, imported: Imported | None) -> Iterator[str]:
    settings: dict[str, dict[str, str]] = {}
    comments: dict[str, str] = {}
    for component in survey.components:
        if check_plain_name(component.name):
            continue
        if component.state is SpecState.ELSEWHERE:
            settings.setdefault(component.name, {})["specs"] = format_list(component.specs)
            comments[component.name] = (
                f"{GUESS} its specs are not in a folder where altai-build looks for them"
            )
        if component.baseurl:
            settings.setdefault(component.name, {})["sources"] = (
                f"{{baseurl: {quote_text(_BASEURL_TEMPLATE)}}}"
            )
    for spec in survey.root_specs if survey.root_needs_baseurl else ():
        name = spec.removesuffix(".spec")
        if check_plain_name(name) is None:
            settings.setdefault(name, {})["sources"] = f"{{baseurl: {quote_text(_BASEURL_TEMPLATE)}}}"
            comments[name] = f"{GUESS} its source `baseurl` is the URL of the release"
    for name, more in imported.components.items() if imported else ():
        if check_plain_name(name) is None:
            settings.setdefault(name, {}).update(more)
    if not settings:
        return
    yield ""
    yield "components:"
    for name, values in sorted(settings.items()):
        if name in comments:
            yield f"  # {comments[name]}"
        listed = ", ".join(f"{key}: {value}" for key, value in values.items())
        yield f"  {format_scalar(name)}: {{{listed}}}"


def _format_release(survey: Survey, imported: Imported | None) -> Iterator[str]:
    yield "release:"
    yield "  directory: releases"
    if imported and imported.baseurl:
        yield f"  # {GUESS} from the files of {imported.tool}"
        yield f"  baseurl: {quote_text(imported.baseurl)}"
        return
    yield f"  # {TODO} the URL at which a web server serves that directory; it is written into every release."
    yield f"  baseurl: {quote_text(f'https://example.org/{survey.project}')}"


def _format_mapping(imported: Imported | None) -> Iterator[str]:
    if imported is None:
        return
    yield ""
    read = ", ".join(map(make_comment, imported.files))
    yield f"# What {imported.tool} had, and what it is here ({read or 'none of its files was found'}):"
    for row in imported.rows:
        value = f" = {make_comment(row.value)}" if row.value else ""
        target = make_comment(row.target) or "no equivalent"
        note = f"; {make_comment(row.note)}" if row.note else ""
        yield f"#   {make_comment(row.setting)}{value} → {target}{note}"


def list_missing_keys(survey: Survey, choice: Choice, keys: KeyFiles) -> list[tuple[DistributionKey, str]]:
    """The keys of the distribution that are not in the repository, with the files where they belong."""
    known = {found.path for found in survey.keys}
    wanted = choice.distribution.keys if choice.distribution else ()
    return [(key, keys.distribution[key.name]) for key in wanted if keys.distribution[key.name] not in known]
