"""The .repo files in packages that are built here: what machines follow once they are installed."""

from __future__ import annotations

import configparser
import posixpath
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from altai_build.errors import AltaiError, describe_cause
from altai_build.model.channel import CHANNELS_FOLDER, METALINK_NAME
from altai_build.model.findings import Finding, Severity
from altai_build.model.openpgp import KeyFingerprint
from altai_build.rules.rule import Rule
from altai_build.rules.view import ReleaseView
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.rpm.payload import read_payload

_FOLDERS = ("/etc/yum.repos.d", "/etc/zypp/repos.d")
_MAX_PAYLOAD = 16 << 20  # bytes of a package with a .repo file
_SWITCHES = ("gpgcheck", "repo_gpgcheck")
_ON = ("1", "yes", "true", "on")
_CHANNEL = re.compile(rf"/{CHANNELS_FOLDER}/[^/]+/{re.escape(METALINK_NAME)}$")
_FIX = "correct the .repo file in the sources of the package and release again"


def check_installed_repo_files(rule: Rule, view: ReleaseView, project: str) -> Iterator[Finding]:
    """Signature checks are on, refused ones are no success, and keys that a section names as files are installed.

    What is wrong with a section of this project is an error. Where a section leaves a setting to dnf.conf, or a key to
    the operating system, or is of another project, it is a warning.
    """
    built = {
        package.path for package in (view.manifest.packages if view.manifest else ()) if package.build_origin
    }
    installed = {file.path for header in view.binary_headers.values() for file in header.files}
    for subject, header in view.binary_headers.items():
        paths = [file.path for file in header.files if _is_repo_file(file.path)]
        if subject not in built or not paths:
            continue
        try:
            with tempfile.TemporaryDirectory(prefix="altai-build.") as scratch:
                content = read_payload(view.directory / subject, limit=_MAX_PAYLOAD, scratch=Path(scratch))
                for path in paths:
                    for message, severity in _check_file(view, path, content, installed, project):
                        yield rule.finding(subject, f"{path}: {message}", severity, fix=_FIX)
        except (AltaiError, OSError) as error:
            reason = error.what if isinstance(error, AltaiError) else describe_cause(error)
            message = f"{', '.join(paths)} could not be examined: {reason}"
            yield rule.finding(subject, message, Severity.WARNING, fix=_FIX)


def _is_repo_file(path: str) -> bool:
    folder, name = posixpath.split(path)
    return folder in _FOLDERS and name.endswith(".repo")


def _check_file(
    view: ReleaseView, path: str, content: Mapping[str, bytes], installed: Collection[str], project: str
) -> Iterator[tuple[str, Severity]]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(content[path].decode("utf-8"))
    except KeyError:
        yield "it is a link, or not in the package", Severity.WARNING
        return
    except (configparser.Error, UnicodeDecodeError) as error:
        yield f"it cannot be read: {describe_cause(error)}", Severity.ERROR
        return
    for name in parser.sections():
        is_ours = name == project or name.startswith(f"{project}-")
        for message, severity in _check_section(view, parser[name], content, installed, is_ours=is_ours):
            yield f"[{name}] {message}", severity if is_ours else Severity.WARNING


def _check_section(
    view: ReleaseView,
    section: configparser.SectionProxy,
    content: Mapping[str, bytes],
    installed: Collection[str],
    *,
    is_ours: bool,
) -> Iterator[tuple[str, Severity]]:
    for switch in _SWITCHES:
        # Without the setting dnf.conf decides.
        value = section.get(switch, "").lower()
        if value not in _ON:
            yield f"does not set {switch}=1", Severity.ERROR if value else Severity.WARNING
    skips = section.get("skip_if_unavailable")
    if skips is None or skips.lower() in _ON:
        severity = Severity.WARNING if skips is None else Severity.ERROR
        yield "does not set skip_if_unavailable=0", severity
    files = [
        url.removeprefix("file://")
        for url in section.get("gpgkey", "").replace(",", " ").split()
        if url.startswith("file:///")
    ]
    # Of other sections it is not known which packages they have; the operating system may have their keys.
    is_channel = is_ours and _CHANNEL.search(section.get("metalink", "")) is not None
    for file in files:
        if file not in installed:
            severity = Severity.ERROR if is_channel else Severity.WARNING
            yield f"names the key file {file}, which no package of this release installs", severity
    if is_channel and files and all(file in content for file in files):
        missing = _list_missing_keys(view, [content[file] for file in files])
        if missing:
            yield f"names key files that lack {', '.join(missing)}", Severity.ERROR


def _list_missing_keys(view: ReleaseView, files: list[bytes]) -> list[str]:
    """The names of the keys of the release that none of the files has. Raises InputError for files without keys."""
    held: set[KeyFingerprint] = set()
    with tempfile.TemporaryDirectory(prefix="altai-build.") as folder:
        for number, data in enumerate(files):
            path = Path(folder, str(number))
            path.write_bytes(data)
            held |= {key.fingerprint for key in read_public_keys(path)}
    names = {name for repository in view.repositories if not repository.source for name in repository.keys}
    names |= {view.manifest.signed_by} if view.manifest else set()
    return [
        name
        for name in sorted(names)
        if not {key.fingerprint for key in read_public_keys(view.find_trusted_key(name))} <= held
    ]
