"""Rules on what a client reads before any package: manifest, keys, checksums, repodata, .repo file."""

from __future__ import annotations

import configparser

from altai_build.model.release import (
    CHECKSUMS_NAME,
    KEY_FILE_PREFIX,
    MANIFEST_NAME,
    ReleasedRepository,
    make_repo_section_name,
)
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView, assess_signature
from altai_build.tools.repo.repodata import REPOMD


def check_manifest(rule: Rule, view: ReleaseView) -> RuleResult:
    """release.json can be read and is this release's."""
    found = view.manifest_or_error
    if isinstance(found, str):
        return RuleResult(1, [rule.finding(MANIFEST_NAME, found)])
    name = view.directory.name
    if not name.startswith(".") and found.version != name:  # a staged release has a hidden name
        return RuleResult(
            1, [rule.finding(MANIFEST_NAME, f"it is of release {found.version}, the folder is {name}")]
        )
    return RuleResult(1, [])


def check_metadata_signatures(rule: Rule, view: ReleaseView) -> RuleResult:
    """The manifest, the checksums and each repomd.xml are signed by the release's key."""
    if view.manifest is None:
        return RuleResult(0, [])
    names = [MANIFEST_NAME, *(f"{repository.name}/{REPOMD}" for repository in view.repositories)]
    if view.is_signed:
        names.append(CHECKSUMS_NAME)
    faults = [
        rule.finding(name, message, severity)
        for name, check in view.check_detached_signatures(names).items()
        for message, severity in assess_signature(check)
    ]
    return RuleResult(len(names), faults)


def check_checksums(rule: Rule, view: ReleaseView) -> RuleResult:
    """SHA256SUMS names every file and each has the bytes it says."""
    try:
        lines = (view.directory / CHECKSUMS_NAME).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        return RuleResult(1, [rule.finding(CHECKSUMS_NAME, str(error))])
    faults, listed = [], {}
    for line in lines:
        digest, separator, name = line.partition("  ")
        if not separator or len(digest) != 64 or name in listed:
            faults.append(rule.finding(CHECKSUMS_NAME, f"not a line of checksums: {line!r}"))
        listed[name] = digest
    present = {name: digest for name, digest in view.digests.items() if not name.startswith(CHECKSUMS_NAME)}
    for name in sorted(listed.keys() | present.keys()):
        if name not in present:
            faults.append(rule.finding(name, f"it is listed in {CHECKSUMS_NAME} and missing"))
        elif name not in listed:
            faults.append(rule.finding(name, f"it is not listed in {CHECKSUMS_NAME}"))
        elif listed[name] != present[name]:
            faults.append(rule.finding(name, f"its SHA-256 is not the one in {CHECKSUMS_NAME}"))
    return RuleResult(len(listed), faults)


def check_regular_files(rule: Rule, view: ReleaseView) -> RuleResult:
    """Nothing but regular files: a link would lead a web server or a mirror out of the release."""
    faults = [
        rule.finding(name, "it is not a regular file")
        for name in view.files
        if (view.directory / name).is_symlink() or not (view.directory / name).is_file()
    ]
    return RuleResult(len(view.files), faults)


def check_repodata(rule: Rule, view: ReleaseView) -> RuleResult:
    """Every repository has metadata whose checksums are right."""
    faults = []
    for name, found in view.repodata.items():
        messages = [found] if isinstance(found, str) else found.problems
        faults += [rule.finding(f"{name}/{REPOMD}", message) for message in messages]
    return RuleResult(len(view.repodata), faults)


def check_repo_file(rule: Rule, view: ReleaseView) -> RuleResult:
    """The .repo file offers every repository of binary packages, checks on, with keys that are there."""
    files = [name for name in view.files if name.endswith(".repo") and "/" not in name]
    if len(files) != 1 or view.manifest is None:
        return RuleResult(1, [rule.finding(view.version, f"one .repo file is needed, found {len(files)}")])
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string((view.directory / files[0]).read_text(encoding="utf-8"))
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        return RuleResult(1, [rule.finding(files[0], str(error))])
    project = files[0][: -len(".repo")]
    wanted = {make_repo_section_name(project, one.name): one for one in view.repositories if not one.source}
    faults = [rule.finding(files[0], f"it has no section [{name}]") for name in wanted if name not in parser]
    faults += [
        rule.finding(files[0], f"[{name}] is no repository of this release")
        for name in parser.sections()
        if name not in wanted
    ]
    for name, repository in wanted.items():
        if name in parser:
            messages = _check_section(parser[name], repository, view)
            faults += [rule.finding(files[0], f"[{name}] {message}") for message in messages]
    return RuleResult(len(wanted), faults)


def _check_section(
    section: configparser.SectionProxy, repository: ReleasedRepository, view: ReleaseView
) -> list[str]:
    """What is wrong with one section of the .repo file."""
    version = view.manifest.version if view.manifest else ""
    faults = [f"has {switch} off" for switch in ("gpgcheck", "repo_gpgcheck") if section.get(switch) != "1"]
    place = f"/{version}/{repository.name}"
    if not section.get("baseurl", "").rstrip("/").endswith(place):
        faults.append(f"has a baseurl that does not end in {place}")
    keys = {url.rpartition("/")[2] for url in section.get("gpgkey", "").replace(",", " ").split()}
    needed = {f"{KEY_FILE_PREFIX}{name}" for name in repository.keys}
    if view.manifest:
        needed.add(f"{KEY_FILE_PREFIX}{view.manifest.signed_by}")
    faults += [f"does not name the key {name}" for name in sorted(needed - keys)]
    faults += [f"names the key {name}, which is not there" for name in sorted(keys) if name not in view.files]
    return faults
