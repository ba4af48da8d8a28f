"""Rules on what a client reads before any package: manifest, keys, checksums, repodata, .repo file."""

from __future__ import annotations

import configparser

from altai_build.errors import InputError
from altai_build.model.release import (
    CHECKSUMS,
    KEY_PREFIX,
    MANIFEST,
    ReleasedRepository,
    section_name,
)
from altai_build.rules.view import Fault, Outcome, ReleaseView, judge
from altai_build.tools.repodata import REPOMD
from altai_build.tools.rpmkeys import read_public_keys


def check_manifest(view: ReleaseView) -> Outcome:
    """release.json can be read and is this release's."""
    found = view.manifest_or_fault
    if isinstance(found, str):
        return Outcome(1, [Fault(MANIFEST, found)])
    name = view.directory.name
    if not name.startswith(".") and found.version != name:  # a staged release has a hidden name
        return Outcome(1, [Fault(MANIFEST, f"it is of release {found.version}, the folder is {name}")])
    return Outcome(1, [])


def check_keys(view: ReleaseView) -> Outcome:
    """The public keys are there, are those the manifest names, and those the configuration trusts."""
    faults = []
    declared = {repository.key: set(repository.fingerprints) for repository in view.repositories}
    for name in (name for repository in view.repositories for name in repository.further_keys):
        declared.setdefault(name, set())
    if view.manifest:
        declared.setdefault(view.manifest.signed_by, set())
    trusted = dict(view.trusted)
    for name, fingerprints in declared.items():
        file = view.key_file(name)
        try:
            here = {key.fingerprint for key in read_public_keys(file)}
            wanted = {key.fingerprint for key in read_public_keys(trusted[name])} if name in trusted else None
        except InputError as error:
            faults.append(Fault(file.name, error.why))
            continue
        if fingerprints and here != fingerprints:
            faults.append(
                Fault(file.name, f"it holds {_list(here)}, the manifest says {_list(fingerprints)}")
            )
        if trusted and wanted is None:
            faults.append(Fault(file.name, "no key of this name is in the configuration"))
        elif wanted is not None and here != wanted:
            faults.append(Fault(file.name, f"it holds {_list(here)}, the configuration says {_list(wanted)}"))
    return Outcome(len(declared), faults)


def check_metadata_signatures(view: ReleaseView) -> Outcome:
    """The manifest, the checksums and each repomd.xml are signed by the release's key."""
    if view.manifest is None:
        return Outcome(0, [])
    names = [MANIFEST, *(f"{repository.name}/{REPOMD}" for repository in view.repositories)]
    if view.sealed:
        names.append(CHECKSUMS)
    faults = [
        Fault(name, message, severity)
        for name, check in view.detached(names).items()
        for message, severity in judge(check)
    ]
    return Outcome(len(names), faults)


def check_checksums(view: ReleaseView) -> Outcome:
    """SHA256SUMS names every file and each has the bytes it says."""
    try:
        lines = (view.directory / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        return Outcome(1, [Fault(CHECKSUMS, str(error))])
    faults, listed = [], {}
    for line in lines:
        digest, separator, name = line.partition("  ")
        if not separator or len(digest) != 64 or name in listed:
            faults.append(Fault(CHECKSUMS, f"not a line of checksums: {line!r}"))
        listed[name] = digest
    present = {name: digest for name, digest in view.digests.items() if not name.startswith(CHECKSUMS)}
    for name in sorted(listed.keys() | present.keys()):
        if name not in present:
            faults.append(Fault(name, f"it is listed in {CHECKSUMS} and missing"))
        elif name not in listed:
            faults.append(Fault(name, f"it is not listed in {CHECKSUMS}"))
        elif listed[name] != present[name]:
            faults.append(Fault(name, f"its SHA-256 is not the one in {CHECKSUMS}"))
    return Outcome(len(listed), faults)


def check_plain_files(view: ReleaseView) -> Outcome:
    """Nothing but regular files: a link would lead a web server or a mirror out of the release."""
    faults = [
        Fault(name, "it is not a regular file")
        for name in view.files
        if (view.directory / name).is_symlink() or not (view.directory / name).is_file()
    ]
    return Outcome(len(view.files), faults)


def check_repodata(view: ReleaseView) -> Outcome:
    """Every repository has metadata whose checksums are right."""
    faults = []
    for name, found in view.repodata.items():
        messages = [found] if isinstance(found, str) else found.faults
        faults += [Fault(f"{name}/{REPOMD}", message) for message in messages]
    return Outcome(len(view.repodata), faults)


def check_repo_file(view: ReleaseView) -> Outcome:
    """The .repo file offers every repository of binary packages, checks on, with keys that are there."""
    files = [name for name in view.files if name.endswith(".repo") and "/" not in name]
    if len(files) != 1 or view.manifest is None:
        return Outcome(1, [Fault(view.title, f"one .repo file is needed, found {len(files)}")])
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string((view.directory / files[0]).read_text(encoding="utf-8"))
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        return Outcome(1, [Fault(files[0], str(error))])
    project = files[0][: -len(".repo")]
    wanted = {section_name(project, one.name): one for one in view.repositories if not one.source}
    faults = [Fault(files[0], f"it has no section [{name}]") for name in wanted if name not in parser]
    faults += [
        Fault(files[0], f"[{name}] is no repository of this release")
        for name in parser.sections()
        if name not in wanted
    ]
    for name, repository in wanted.items():
        if name in parser:
            messages = _section_faults(parser[name], repository, view)
            faults += [Fault(files[0], f"[{name}] {message}") for message in messages]
    return Outcome(len(wanted), faults)


def _section_faults(
    section: configparser.SectionProxy, repository: ReleasedRepository, view: ReleaseView
) -> list[str]:
    """What is wrong with one section of the .repo file."""
    version = view.manifest.version if view.manifest else ""
    faults = [f"has {switch} off" for switch in ("gpgcheck", "repo_gpgcheck") if section.get(switch) != "1"]
    place = f"/{version}/{repository.name}"
    if not section.get("baseurl", "").rstrip("/").endswith(place):
        faults.append(f"has a baseurl that does not end in {place}")
    keys = {url.rpartition("/")[2] for url in section.get("gpgkey", "").replace(",", " ").split()}
    needed = {f"{KEY_PREFIX}{name}" for name in repository.keys}
    if view.manifest:
        needed.add(f"{KEY_PREFIX}{view.manifest.signed_by}")
    faults += [f"does not name the key {name}" for name in sorted(needed - keys)]
    faults += [f"names the key {name}, which is not there" for name in sorted(keys) if name not in view.files]
    return faults


def _list(fingerprints: set[str]) -> str:
    return ", ".join(sorted(fingerprints)) or "nothing"
