"""Rules on what a client reads before any package: manifest, signatures, checksums, repodata, .repo file."""

from __future__ import annotations

import configparser
from collections.abc import Iterator, Mapping

from altai_build.errors import describe_cause
from altai_build.model.findings import Finding, Severity
from altai_build.model.release import ReleasedRepository
from altai_build.model.release_files import (
    CHECKSUMS_NAME,
    KEY_FILE_PREFIX,
    LATEST_LINK,
    MANIFEST_NAME,
    make_repo_section_name,
)
from altai_build.model.release_version import is_version
from altai_build.rules.installed_repo_files import check_installed_repo_files
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView, assess_signature
from altai_build.tools.repo.repomd import REPOMD

_SWITCHES = ("gpgcheck", "repo_gpgcheck")
_FALSE = ("0", "no", "false", "off")
_WITHOUT_SKIPPING_OFF = (
    "does not set skip_if_unavailable=0: where dnf.conf sets it to True, dnf passes over a refused signature"
)


def check_manifest(rule: Rule, view: ReleaseView) -> RuleResult:
    """release.json can be read and belongs to this release."""
    manifest = view.manifest_or_error
    if isinstance(manifest, str):
        return RuleResult(1, [rule.finding(MANIFEST_NAME, manifest)])
    name = view.context.version or view.directory.name
    # A staged release has a hidden name.
    if name in (manifest.version, LATEST_LINK) or name.startswith("."):
        return RuleResult(1, [])
    # A folder that is named like another release would pass for that one.
    severity = Severity.ERROR if view.context.version or is_version(name) else Severity.WARNING
    message = f"the manifest is for release {manifest.version}, the folder is {name}"
    return RuleResult(1, [rule.finding(MANIFEST_NAME, message, severity)])


def check_metadata_signatures(rule: Rule, view: ReleaseView) -> RuleResult:
    """The release's key signed the manifest, the checksums and each repomd.xml."""
    if view.manifest is None:
        return RuleResult(0, [])
    names = [MANIFEST_NAME, *(f"{repository.name}/{REPOMD}" for repository in view.repositories)]
    if view.has_index:
        names.append(REPOMD)
    if view.is_signed:
        names.append(CHECKSUMS_NAME)
    findings = [
        rule.finding(name, message, severity)
        for name, check in view.check_detached_signatures(names).items()
        for message, severity in assess_signature(check)
    ]
    if not view.may_sign_releases:
        signer = view.manifest.signed_by
        message = (
            f"it names {signer} as its key, which signs no releases: it has no `signs: true` in repos.yaml"
        )
        findings.append(rule.finding(MANIFEST_NAME, message))
    return RuleResult(len(names), findings)


def check_checksums(rule: Rule, view: ReleaseView) -> RuleResult:
    """SHA256SUMS lists every file with its SHA-256."""
    try:
        lines = view.read_text(CHECKSUMS_NAME).split("\n")
    except (OSError, UnicodeDecodeError) as error:
        return RuleResult(1, [rule.finding(CHECKSUMS_NAME, describe_cause(error))])
    findings, listed = [], {}
    for line in lines[: -1 if not lines[-1] else None]:
        digest, separator, name = line.partition("  ")
        if not separator or len(digest) != 64 or name in listed:
            findings.append(rule.finding(CHECKSUMS_NAME, f"invalid line: {line!r}"))
        listed[name] = digest
    present = {name: digest for name, digest in view.digests.items() if not name.startswith(CHECKSUMS_NAME)}
    for name in sorted(listed.keys() | present.keys()):
        if name not in present:
            findings.append(rule.finding(name, f"the file is missing; {CHECKSUMS_NAME} lists it"))
        elif name not in listed:
            findings.append(rule.finding(name, f"{CHECKSUMS_NAME} does not list the file"))
        elif listed[name] != present[name]:
            findings.append(rule.finding(name, f"the SHA-256 differs from the one in {CHECKSUMS_NAME}"))
    return RuleResult(len(listed), findings)


def check_regular_files(rule: Rule, view: ReleaseView) -> RuleResult:
    """All files are regular files: a link could lead a web server or a mirror out of the release."""
    findings = [
        rule.finding(name, "not a regular file") for name in view.files if name not in view.file_stats
    ]
    return RuleResult(len(view.files), findings)


def check_repodata(rule: Rule, view: ReleaseView) -> RuleResult:
    """Every repository, and the whole release, have metadata whose checksums are right."""
    findings: list[Finding] = []
    read = {f"{name}/{REPOMD}": repodata for name, repodata in view.repodata.items()}
    if view.index is not None:
        read[REPOMD] = view.index
    for subject, repodata in read.items():
        messages = [repodata] if isinstance(repodata, str) else repodata.problems
        findings += [rule.finding(subject, message) for message in messages]
    return RuleResult(len(read), findings)


def check_repo_file(rule: Rule, view: ReleaseView) -> RuleResult:
    """The .repo file has every repository of binary packages, with signature checks on and keys that exist."""
    files = [name for name in view.files if name.endswith(".repo") and "/" not in name]
    if len(files) != 1 or view.manifest is None:
        message = f"expected one .repo file, found {len(files)}"
        return RuleResult(1, [rule.finding(view.version, message)])
    (name,) = files
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(view.read_text(name))
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        return RuleResult(1, [rule.finding(name, describe_cause(error))])
    project = name.removesuffix(".repo")
    wanted = {
        make_repo_section_name(project, repository.name): repository
        for repository in view.repositories
        if not repository.source
    }
    findings = [rule.finding(name, message) for message in _check_sections(parser, wanted, view)]
    # An earlier altai-build, which did not record what a release follows, did not write the setting.
    is_earlier = view.manifest.follows is None
    findings += [
        rule.finding(
            name, f"[{section}] {_WITHOUT_SKIPPING_OFF}", Severity.WARNING if is_earlier else Severity.ERROR
        )
        for section in parser.sections()
        if "skip_if_unavailable" not in parser[section]
    ]
    findings += check_installed_repo_files(rule, view, project)
    return RuleResult(len(wanted), findings)


def _check_sections(
    parser: configparser.ConfigParser, wanted: Mapping[str, ReleasedRepository], view: ReleaseView
) -> Iterator[str]:
    """What is wrong with the sections of the .repo file; `wanted` are the repositories by the name of their section."""
    for name in parser.sections():
        if name not in wanted:
            yield f"[{name}] is not a repository of this release"
    for name, repository in wanted.items():
        if name not in parser:
            yield f"the section [{name}] is missing"
            continue
        for message in _check_section(parser[name], repository, view):
            yield f"[{name}] {message}"


def _check_section(
    section: configparser.SectionProxy, repository: ReleasedRepository, view: ReleaseView
) -> list[str]:
    """What is wrong with one section of the .repo file."""
    version = view.manifest.version if view.manifest else ""
    messages = [f"does not set {switch}=1" for switch in _SWITCHES if section.get(switch) != "1"]
    if section.get("skip_if_unavailable", "0").lower() not in _FALSE:
        messages.append("does not set skip_if_unavailable=0")
    if section.get("pkg_gpgcheck", "1") != "1":
        messages.append("does not set pkg_gpgcheck=1")
    path = f"/{version}/{repository.name}"
    if not section.get("baseurl", "").rstrip("/").endswith(path):
        messages.append(f"has a baseurl that does not end in {path}")
    listed = {url.rpartition("/")[2] for url in section.get("gpgkey", "").replace(",", " ").split()}
    needed = {f"{KEY_FILE_PREFIX}{name}" for name in repository.keys}
    if view.manifest:
        needed.add(f"{KEY_FILE_PREFIX}{view.manifest.signed_by}")
    messages += [f"does not list the key {name}" for name in sorted(needed - listed)]
    messages += [
        f"lists the key {name}, which the release does not have"
        for name in sorted(listed)
        if name not in view.files
    ]
    return messages
