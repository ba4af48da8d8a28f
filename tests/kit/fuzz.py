"""Hostile inputs for every reader of what others wrote: valid ones, changed in places. `scripts/fuzz` runs them longer.

Each reader either answers or raises an error of ours with an exit code of its own, within bounded time and memory.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import random
import re
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import seed as hypothesis_seed
from hypothesis import strategies as st

from altai_build.config import load_config
from altai_build.config.lockfile import encode_lock, load_lock, parse_lock
from altai_build.config.sources import read_sources
from altai_build.config.test_lock import load_test_lock, write_test_lock
from altai_build.errors import AltaiError
from altai_build.ledger import Artefact, Ledger, Record, read_outcomes
from altai_build.model.build import FailureKind
from altai_build.model.checksum import Sha256
from altai_build.model.coverage_json import coverage_from_json, coverage_to_json
from altai_build.model.first_steps import Survey
from altai_build.model.gitlink import CommitId
from altai_build.model.lock import Choice, ChoiceRule, Lock, LockedPackage, LockedRepository, Requirement
from altai_build.model.manifest import manifest_from_json, manifest_to_json
from altai_build.model.nevra import Nevra
from altai_build.model.release import Manifest, Signer
from altai_build.model.release_files import CYCLONEDX_PATH, SPDX_PATH, STATEMENTS_FOLDER
from altai_build.model.sources import read_checksum_list
from altai_build.model.spec_changelog import read_changelog, read_expanded_changelog
from altai_build.model.unit_tests import SuiteKind
from altai_build.model.untrusted_json import parse_json
from altai_build.pipeline.first_steps import OLDER_TOOLS, Wanted, choose
from altai_build.pipeline.published import manifest_trust
from altai_build.rules import provenance as rules
from altai_build.rules.view import ReleaseView
from altai_build.stages.first_steps import evidence
from altai_build.stages.first_steps.definition import choose_key_files, format_definition
from altai_build.stages.unit_tests.detection import detect_suite
from altai_build.stages.unit_tests.files import ProjectFiles
from altai_build.stages.unit_tests.results import parse_results
from altai_build.tools.buildlog.causes import find_causes
from altai_build.tools.buildlog.reading import read_for_keeping
from altai_build.tools.chroot import file_list
from altai_build.tools.coverage.paths import ComponentFiles
from altai_build.tools.coverage.reader import read_coverage
from altai_build.tools.git.gitmodules import read_gitmodules
from altai_build.tools.git.lfs import parse_pointer
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.mock.config import read_config
from altai_build.tools.mock.result import installed_packages
from altai_build.tools.openpgp.keyfile import read_public_keys, read_rewritten_keys, read_user_ids
from altai_build.tools.openpgp.verify import verify_detached
from altai_build.tools.pypi.metadata import read_sdist, read_wheel
from altai_build.tools.repo.groups import read_group
from altai_build.tools.repo.metadata import read_local_metadata
from altai_build.tools.repo.mirrors import read_mirrors
from altai_build.tools.repo.modules import read_modules
from altai_build.tools.repo.repodata import parse_packages
from altai_build.tools.repo.repomd import MetadataFile, read_repomd
from altai_build.tools.repo.stored_files import StoredFile
from altai_build.tools.rpm.header import read_header
from altai_build.tools.rpm.signatures import read_signatures
from altai_build.tools.sealed_json import dump_sealed, read_sealed
from altai_build.tools.solver.pool import PackagePool
from altai_build.tools.spec.reader_child import read_spec
from tests.kit.git import Repo, gitmodules
from tests.kit.keys import make_key
from tests.kit.manifests import component, manifest, package
from tests.kit.repodata import describe_packages, index_metadata
from tests.kit.repositories import Package
from tests.kit.rpms import build_rpm
from tests.kit.superprojects import DEFINITION, make_spec
from tests.kit.written_files import older_files

# Of one input; real inputs of this size take milliseconds. CPU time does not depend on what else the machine does.
SECONDS = 10.0
BYTES = 1 << 30


Read = Callable[[bytes, Path], object]


@dataclass(frozen=True)
class Reader:
    """A reader, with valid inputs. It gets an input and an empty folder for files."""

    read: Read
    seeds: tuple[bytes, ...]
    # What the format gives a meaning to, besides what all formats do.
    words: tuple[bytes, ...] = ()
    # How many inputs take about a second.
    rate: int = 50


def check_reader(reader: Reader, data: bytes, folder: Path) -> None:
    """Read one input. Raises AssertionError, or the foreign exception, where that is not as it should be."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    try:
        reader.read(data, folder)
    except AltaiError as error:
        assert error.exit_code != AltaiError.exit_code, error
        assert "did not foresee" not in error.todo, error
        assert len(str(error)) < 20_000, f"the text of the error has {len(str(error))} characters"
    used = time.process_time() - started
    assert used < SECONDS, f"it took {used:.1f} seconds of CPU time"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) << 10
    assert grown < BYTES, f"it took {grown >> 20} MiB"


# ---- inputs ----------------------------------------------------------------------------------------------------------

_WORDS = (
    b"", b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\\ud800", b"-1", b"0", b"9" * 30, b"9" * 5000, b"1e999", b"nan",
    b"[" * 3000, b"{" * 3000, b"<a>" * 3000, b"(" * 3000, b"%{" * 500, b"\n" * 300, b"x" * 300, b"x" * 70_000,
    b"../../x", b"/etc/passwd", b"\x1b[31m", b"\xe2\x80\xae", b"%(", b"%", b"$", b"{", b"}", b"[]", b"{}", b"null",
    b"true", b"~", b"&", b"<", b"]]>", b'"', b"'", b"\\", b"#", b":", b"http://[", b"http://x:99999999/", b"file:///",
    b"\r", b"\t", b"- ", b"&a [*a]", b"!!python/object:x", b"\x80" * 40, b"\x00\x00\x00\x01", b"\x7f\xff\xff\xff",
)  # fmt: skip
_TOKEN = re.compile(rb"[\w.+-]+|[^\w\s]")


@st.composite
def hostile_inputs(draw: st.DrawFn, reader: Reader) -> bytes:
    """A valid input after some changes."""
    data = draw(st.sampled_from(reader.seeds))
    words = (*_WORDS, *reader.words)
    for _ in range(draw(st.integers(1, 4))):
        word = draw(st.sampled_from(words))
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.sampled_from((0, 1, 2, 4, 16, 100, 1000))))
        change = draw(st.sampled_from(("token", "token", "token", "write", "repeat", "byte", "cut")))
        if change == "token" and (match := _TOKEN.search(data, at)):
            data = data[: match.start()] + word + data[match.end() :]
        elif change == "write":
            data = data[:at] + word + data[end:]
        elif change == "repeat":
            data = data[:end] + data[at:end] * draw(st.sampled_from((1, 2, 50))) + data[end:]
        elif change == "byte":
            data = data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]
        elif change == "cut":
            data = data[:at]
    return data


# ---- readers ---------------------------------------------------------------------------------------------------------


def write(data: bytes, folder: Path, name: str = "input") -> Path:
    """A file with an input."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


_SPEC = make_spec(
    "focus",
    release="2%{?dist}",
    tags="%global srcname bar\n%if 0%{?rhel} > 6 && !0%{?fedora}\nBuildRequires: gcc >= 4, make\n%else\n"
    "BuildRequires: (a if b)\n%endif\n%{?systemd_requires}\nProvides: python3dist(%{srcname}) = %{version}",
    prep="%setup -q -n %{name}-%{version}\n%patch -P 1 -p1",
    changelog="* Mon Jan 02 2012 A <a@example.org> - 1.0-1\n- First.",
).encode()
_SPEC_WORDS = (
    b"%{?x}", b"%{!?x:y}", b"%define a(b) %1", b"%global x %{x}", b"%if", b"%elif 1", b"%else", b"%endif",
    b"%include x",
    b"%{expand:%{x}}", b"%{lua:print(1)}", b"%package -n x", b"%description -n x", b"%files -n x", b"%[1 + 2]",
    b"%{shrink: a }", b"1 /", b'"a" == ', b"%ifarch", b"%undefine x", b"%%%%%%", b"%{load:x}", b"%*", b"%{-f*}",
)  # fmt: skip


def _read_spec(data: bytes, _: Path) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for is_expanded in (False, True):
        read_spec(text, {"dist": ".el6"}, "x86_64", is_expanded=is_expanded)


@dataclass(frozen=True)
class _Objects:
    """A repository for objects that git does not make by itself."""

    repo: Repo
    folder: Path

    def _write(self, kind: str, data: bytes) -> str:
        return self.repo.git("hash-object", "--literally", "-t", kind, "-w", "--stdin", input=data)

    def _open(self, commit: str) -> ObjectStore:
        return ObjectStore.open_borrowed(
            self.repo.path / ".git", shadows=self.folder / "shadows", origin="a test", commit=CommitId(commit)
        )

    def commit_bytes(self) -> bytes:
        return self.repo.git_bytes("cat-file", "commit", "HEAD")

    def tree_bytes(self) -> bytes:
        return self.repo.git_bytes("cat-file", "tree", "HEAD^{tree}")

    def read_commit(self, data: bytes, _: Path) -> None:
        commit = CommitId(self._write("commit", data))
        store = self._open(commit)
        first = CommitId(self.repo.git("rev-list", "--max-parents=0", "HEAD"))
        errors: list[AltaiError] = []
        for read in (
            lambda: store.read_tree(commit),
            lambda: store.read_commit_time(commit),
            lambda: store.list_commits(first, commit),
            lambda: store.count_commits(commit),
        ):
            try:
                read()
            except AltaiError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def read_tree(self, data: bytes, _: Path) -> None:
        tree = self._write("tree", data)
        raw = re.sub(rb"^tree \w+", f"tree {tree}".encode(), self.commit_bytes())
        commit = CommitId(self._write("commit", raw))
        store = self._open(commit)
        entries = [entry for entry in store.read_tree(commit) if entry.is_file]
        store.read_blobs([entry.oid for entry in entries], commit=commit)

    def read_gitmodules(self, data: bytes, _: Path) -> None:
        blob = self._write("blob", data)
        tree = self.repo.git("mktree", input=f"100644 blob {blob}\t.gitmodules\n".encode())
        raw = re.sub(rb"^tree \w+", f"tree {tree}".encode(), self.commit_bytes())
        commit = CommitId(self._write("commit", raw))
        read_gitmodules(self._open(commit), commit)


def _read_primary(data: bytes, folder: Path) -> None:
    """By both of its readers: libsolv for mirrors, createrepo_c for releases."""
    index_metadata(folder, {"primary": (data, gzip.compress(data, 1))})
    metadata = read_local_metadata("m", folder)
    try:
        parse_packages(metadata.primary, lambda package: None)
    except ValueError:  # its documented error
        pass
    pool = PackagePool("x86_64", cache=folder / "cache")
    pool.add_repository(metadata)
    pool.prepare()
    for number in pool.find_by_name("focus"):
        pool.get_candidate(number)


def _read_filelists(data: bytes, folder: Path, primary: bytes) -> None:
    parts = {"primary": primary, "filelists": data}
    index_metadata(folder, {kind: (text, gzip.compress(text, 1)) for kind, text in parts.items()})
    metadata = read_local_metadata("m", folder)
    assert metadata.filelists is not None
    try:
        parse_packages(metadata.filelists, lambda package: None)
    except ValueError:  # its documented error
        pass
    pool = PackagePool("x86_64", cache=folder / "cache")
    pool.add_repository(metadata)
    pool.load_filelists()


def _store(data: bytes, folder: Path, kind: str) -> StoredFile:
    entry = MetadataFile(kind=kind, location="input", checksum=None, size=None)
    return StoredFile(write(data, folder), entry)


def _read_packed(data: bytes, folder: Path) -> None:
    with _store(data, folder, "primary").open_plain() as plain:
        plain.stat()


def _read_keys(data: bytes, folder: Path) -> None:
    path = write(data, folder)
    try:
        read_public_keys(path)
    finally:
        read_rewritten_keys(path)
        read_user_ids([path])


def _read_signature(data: bytes, folder: Path, key: Path) -> None:
    verify_detached(write(b"signed\n", folder, "signed"), write(data, folder), [key])


def _read_mock_config(data: bytes, folder: Path) -> None:
    write(data, folder, "case.cfg")
    read_config("case", search=[folder])


def _read_log(data: bytes, folder: Path) -> None:
    path = write(data, folder)
    for failure in (None, *FailureKind):
        find_causes(path, failure)
    read_for_keeping(path)


def _read_test_results(data: bytes, _: Path) -> None:
    """What test programs print, and what they write, in the place of each other too."""
    for kind in SuiteKind:
        parse_results({"1/status": b"1 1\n", "1/log": data, "1/junit-1.xml": data}, kind)


def _read_suite_files(data: bytes, _: Path) -> None:
    """The files by which the suite of a component is found; each with the same text."""
    text = data.decode("utf-8", "replace")
    paths = ("setup.py", "setup.cfg", "pyproject.toml", "pytest.ini", "run_tests.sh", "test-requirements.txt")
    for more in ((), ("tox.ini",), (".testr.conf",), (".stestr.conf",), ("configure.ac", "Makefile.am")):
        files = ProjectFiles((*more, *paths, "tests/test_a.py"), lambda asked: dict.fromkeys(asked, text))
        detect_suite(files, ["python3-devel"])


def _read_first_steps(data: bytes, folder: Path) -> None:
    """The files that `init` looks at; whatever they say, the definition made of it loads."""
    text = data.decode("utf-8", "replace")
    found = [*evidence.find_in_spec("a.spec", text)]
    for name in ("README", "m.cfg", "builder.yml", "a.repo", "Dockerfile"):
        found += evidence.find_in_text(name, text)
    names = (".ayer", ".gear/rules", ".tito/tito.props", "projects.ini", "rdo.yml")
    files = older_files(dict.fromkeys(names, text), components={f"repos/{text[:20]}": {".gear/rules": text}})
    for read in OLDER_TOOLS.values():
        try:
            imported = read(files)
        except AltaiError:
            continue
        survey = Survey(project="p", commit=None, evidence=(*found, *imported.evidence))
        choice = choose(survey, Wanted())
        made = format_definition(survey, choice, choose_key_files(survey, choice.distribution), imported)
        try:
            load_config(write(made.encode("utf-8", "surrogateescape"), folder, "repos.yaml"))
        except AltaiError as error:
            raise AssertionError(f"a definition that does not load: {error}") from error


def _read_coverage(data: bytes, _: Path) -> None:
    """A report of a test suite, and what is kept of it; or what an earlier job left."""
    if data.startswith(b"{"):
        try:
            coverage_from_json(parse_json(data.decode("utf-8", "surrogateescape")))
        except ValueError:  # its documented error
            pass
        return
    found = read_coverage("report", data, ComponentFiles(frozenset({"a.py", "b.c", "m.go"}), ("/b",)))
    assert coverage_from_json(coverage_to_json(found.coverage)) == found.coverage


def _read_python_archive(data: bytes, folder: Path) -> None:
    for name, read in (("x.whl", read_wheel), ("x.tar.gz", read_sdist), ("x.tar", read_sdist)):
        try:
            read(write(data, folder, name))
        except ValueError:  # its documented error
            pass


def _make_python_archives(folder: Path) -> tuple[bytes, ...]:
    """A wheel, and a source archive with and without compression."""
    made = []
    with zipfile.ZipFile(folder / "x.whl", "w") as wheel:
        wheel.writestr(
            "x-1.dist-info/METADATA", b"Metadata-Version: 2.1\nName: x\nRequires-Dist: y; extra == 'z'\n"
        )
    made.append((folder / "x.whl").read_bytes())
    for mode in ("w", "w:gz"):
        with tarfile.open(folder / "x.tar", mode) as archive:
            for name, text in (
                ("x-1/PKG-INFO", b"Name: x\n"),
                ("x-1/x.egg-info/requires.txt", b"y\n[z]\na\n"),
            ):
                entry = tarfile.TarInfo(name)
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text))
        made.append((folder / "x.tar").read_bytes())
    return tuple(made)


def _read_test_lock(data: bytes, folder: Path) -> None:
    lock = load_test_lock(write(data, folder))
    assert load_test_lock(write(write_test_lock(lock), folder)) == lock


def _read_lock(data: bytes, folder: Path) -> None:
    lock = load_lock(write(data, folder))
    assert parse_lock(encode_lock(lock), "again") == lock


def _read_manifest(data: bytes, _: Path) -> None:
    made = manifest_from_json(data.decode("utf-8", "surrogateescape"))
    assert manifest_from_json(manifest_to_json(made)) == made


def _read_untrusted_json(data: bytes, _: Path) -> None:
    try:
        parse_json(data.decode("utf-8", "replace"))
    except ValueError:  # its documented error
        pass


def _read_package_signatures(data: bytes, folder: Path) -> None:
    read_signatures(write(data, folder))


def _read_texts(data: bytes, folder: Path) -> None:
    """Small files of components, whatever they are: a list of checksums, a changelog, a Git LFS pointer."""
    text = data.decode("utf-8", "surrogateescape")
    read_checksum_list(text)
    read_changelog(text)
    read_expanded_changelog(text)
    parse_pointer(data)


def _read_own_lists(data: bytes, folder: Path) -> None:
    """Lists in the workspace and in releases, which others may have changed."""
    path = write(data, folder)
    read_sealed(path)
    installed_packages(path)
    manifest_trust.read_digests(path)
    file_list._parse(data)


def _read_provenance(data: bytes, folder: Path, made: Manifest) -> None:
    """As one of the bills of materials, and as the statement about the only package."""
    view = ReleaseView(folder, ())
    (package,) = made.packages
    assert package.build_origin is not None
    for name, read in (
        (SPDX_PATH, rules._read_spdx_digests),
        (CYCLONEDX_PATH, rules._read_cyclonedx_digests),
    ):
        list(rules._check_bill_of_materials(view, made, _write_document(data, folder, name), read))
    name = _write_document(data, folder, f"{STATEMENTS_FOLDER}/x.json")
    list(rules._check_statement(view, made, name, package, package.build_origin))


def _write_document(data: bytes, folder: Path, name: str) -> str:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return name


def _read_definition(data: bytes, folder: Path) -> None:
    load_config(write(data, folder, "repos.yaml"))


_DEFINITION = b"""\
project: altai
superproject: {path: ., components: [repos], root: true}
targets:
  el6:
    mock_config: m
    arch: x86_64
    macros: {dist: .el6, rhel: "6"}
    base: [{name: os, url: "https://example.org/os/", key: os}]
keys:
  altai: {file: keys/altai, signs: true}
  os: {file: keys/os}
repositories:
  el6: {source: superproject, target: el6, key: altai}
  deps/misc: {source: specs, path: specs, target: el6, key: altai, source_rpms: deps/misc-srpms}
  deps/one: {source: mirror, target: el6, url: "https://example.org/one", key: os, packages: [erlang], prefer: [a]}
components:
  a: {sources: {baseurl: "{baseurl}/{version}"}, specs: [x.spec]}
  b: {skip: why, repository: deps/misc}
release: {directory: releases, baseurl: "https://example.org/", stamp: "{release}.{count}.g{commit}"}
build: {dependants: headers, limits: {time: 1h, processes: 100, memory: 1G, file: 1G, log: 1M, free: 1G}}
verify: {expiry_horizon_days: 90}
waivers: [{rule: modes, subject: x, reason: y, expires: 2030-01-01}]
allow_downgrades: [{package: a, reason: b}]
"""
_MOCK_CONFIG = b"""\
config_opts['root'] = 'r'
config_opts['target_arch'] = 'x86_64'
config_opts['chroot_setup_cmd'] = 'install base'
config_opts['releasever'] = '1'
config_opts['macros']['%dist'] = '.{{ releasever }}'
config_opts['environment']['LANG'] = 'C'
config_opts['rpmbuild_timeout'] = 5
config_opts['more_buildreqs']['x'] = ['y']
config_opts['extra_chroot_dirs'] = ['/x']
config_opts['dnf.conf'] = '''
[main]
gpgcheck=1
[os]
name=os
baseurl=http://localhost/$basearch/
gpgkey=file:///k
priority=5
'''
"""
_METALINK = b"""<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/"><files><file name="repomd.xml">
<verification><hash type="md5">%s</hash><hash type="sha256">%s</hash></verification>
<resources><url protocol="https" preference="9">https://example.org/os/repodata/repomd.xml</url></resources>
</file></files></metalink>
""" % (b"a" * 32, b"b" * 64)
_COMPS = b"""<?xml version="1.0" encoding="UTF-8"?><comps><group><id>core</id><name>Core</name><packagelist>
<packagereq type="mandatory">a</packagereq><packagereq type="conditional" requires="x">b</packagereq>
</packagelist></group></comps>
"""
_MODULES = b"""---
document: modulemd
version: 2
data:
  name: nodejs
  stream: "18"
  dependencies: [{requires: {platform: [el8]}}]
  artifacts: {rpms: ["nodejs-1:18.0-1.el8.x86_64"]}
---
document: modulemd-defaults
version: 1
data: {module: nodejs, stream: "18", modified: "202001010000"}
"""
_SOURCES = b"""\
sources:
  - {file: x-1.tar.gz, sha256: %s, from: {pypi: x, version: 1.0.1}}
  - {file: y.tar, sha256: "%s", from: "https://example.org/y.tar"}
""" % (b"a" * 64, b"1" * 64)
_CHECKSUMS = b"""\
SHA512 (x-1.tar.gz) = %s
%s  y.tar
""" % (b"a" * 128, b"b" * 64)
_CHANGELOG = b"""\
%changelog
* Thu Feb 28 2013 A B <a@example.org> - 1:2.0-3
- first
* Mon Jan 07 2013 12:00:00 UTC 2013 C <c@example.org> 1-1
- second
"""
_POINTER = b"""\
version https://git-lfs.github.com/spec/v1
oid sha256:%s
size 12345
""" % (b"c" * 64)
_INSTALLED = b"bash-0:5.1-2.x86_64 1600000000 7000000 installed\ngpg-pubkey-0-0.noarch 0 0 installed\n"
_SPDX = json.dumps(
    {"packages": [{"name": "a", "checksums": [{"algorithm": "SHA256", "checksumValue": "d" * 64}]}]}
).encode()
_CYCLONEDX = json.dumps(
    {"components": [{"name": "a", "hashes": [{"alg": "SHA-256", "content": "d" * 64}]}]}
).encode()
_STATEMENT = json.dumps(
    {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "r/a.rpm", "digest": {"sha256": "d" * 64}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://example.org/x",
                "externalParameters": {"component": "a"},
                "internalParameters": {"buildKey": "k"},
                "resolvedDependencies": [{"name": "repos/a", "uri": "x", "digest": {"gitCommit": "e" * 40}}],
            },
            "runDetails": {"builder": {"id": "https://example.org/x"}, "metadata": {"invocationId": "1"}},
        },
    }
).encode()
_LOG = b"""+ umask 022
Executing(%build): /bin/sh -e /var/tmp/rpm-tmp.x
gcc -c x.c
x.c:1:1: error: unknown type name
make: *** [x.o] Error 1
error: Bad exit status from /var/tmp/rpm-tmp.x (%build)
RPM build errors:
    Bad exit status from /var/tmp/rpm-tmp.x (%build)
"""


_SUITE_FILES = (
    b"[testenv]\ndeps =\n  mock\ncommands =\n  py27: nosetests {posargs}\n  pytest\n[tool:pytest]\naddopts = -n2\n",
    b"[DEFAULT]\ntest_command=${PYTHON:-python} -m subunit.run discover -t ./ ${P:-./tests} $LISTOPT\ntest_path=./a\n",
    b"setup(install_requires=['six', \"mock>=1\"], test_suite='tests')\nimport unittest\nTESTS = a\n",
)
_TEST_OUTPUTS = (
    b"test_a (m.C) ... ok\ntest_b (m.C) ... FAIL\n\n======\nFAIL: test_b (m.C)\n------\nOSError: x\n------\nRan\n",
    b"PASS: a\nFAIL: b\nFAIL: b\n=======\n\nb.c:1: no\n\n 1/2 Test  #1: a ....   Passed    0.01 sec\n",
    b"--- FAIL: TestA (0.00s)\nFAIL\texample.org/a\t0.1s\ntest x ... FAILED\n---- x stdout ----\npanicked at y\n",
)
_JUNIT = (
    b'<testsuites><testsuite><testcase classname="m" name="a" time="1"><failure message="x">y</failure></testcase>'
    b"</testsuite></testsuites>"
)


def _make_record() -> bytes:
    record = Record(
        kind="srpm",
        key="k",
        component="c",
        commit="a" * 40,
        inputs=(("x", "y"),),
        artefacts=(Artefact(file="f", sha256="b" * 64, size=3),),
        seconds=1.5,
        nevra="x-1-1.src",
    )
    return json.dumps(asdict(record)).encode() + b"\n"


def _make_lock() -> bytes:
    repository = LockedRepository(
        name="os", url="https://x/", key="k", revision="1", metadata="c" * 64, signed=True, packages=("a",)
    )
    locked = LockedPackage(
        nevra=Nevra(name="a", epoch=1, version="1", release="1", arch="noarch"),
        repository="os",
        location="Packages/a-1-1.noarch.rpm",
        sha256=Sha256("a" * 64),
        size=5,
        license="MIT",
        signer=Signer(key_id="0608B895" * 2, fingerprint="8C3B" * 10),
        needed_by=(Requirement("b", "a >= 1"), Requirement("c", "a", weak=True)),
        choice=Choice(rule=ChoiceRule.BASE, over=("a-0-1.noarch (os)",)),
    )
    return encode_lock(
        Lock(target="t", repositories=(repository,), from_base=("/bin/sh",), packages=(locked,))
    )


_COVERAGE = (
    b'<?xml version="1.0"?><!DOCTYPE coverage SYSTEM "x"><coverage><sources><source>/b</source></sources>'
    b'<class filename="a.py"><lines><line number="3" hits="0"/><line number="4" hits="1" branch="true" '
    b'condition-coverage="50% (1/2)" missing-branches="5"/></lines></class></coverage>',
    b"TN:\nSF:/b/b.c\nDA:1,1\nDA:2,0\nBRDA:1,0,0,1\nBRDA:1,0,1,-\nend_of_record\n",
    b"mode: set\nx.org/m/m.go:1.1,3.9 2 1\nx.org/m/m.go:4.1,5.2 1 0\n",
    b'{"a.py": {"covered": "1-3,7", "missed": "5", "branches": {"2": {"valid": 2, "missed": 1, "names": ["5"]}}}}',
)
_TEST_LOCK = (
    'format: 1\nfiles:\n- {file: a-1.zip, project: a, version: "1", sha256: "%s"}\ncomponents:\n- component: x\n'
    '  python: "2.7"\n  requires: [a]\n  files: {a-1.zip: [a]}\n' % ("b" * 64)
).encode()


_FIRST_STEPS = (
    b"%define dist .el6\nName: a\n%if 0%{?rhel} >= 7\n%endif\n%changelog\n* Fri Dec 07 2012 A - 1-1.fc17\n",
    b"BASE_PROJECT=p\nYUM_REPO_BASEURL_RELEASE='http://x.example.org/p'\nA=$(x)\nbuild_os=centos6\n",
    b"spec: .gear/a.spec\ntar: v@version@:. name=a\ncopy?: *.patch\n",
    b"[DEFAULT]\ntarget=centos9\nproject_name=p\n[a]\ndisttag = .el7\nblacklist = b c\n",
    b"packages:\n- {project: a, conf: c}\npackage-configs: {c: {distgit: 'https://x/%(project)s'}}\n"
    b"releases: [{repos: [{name: el9s}]}]\n",
    b"FROM fedora:40\nimage: centos:7\nconfig_opts['root'] = 'epel-7-x86_64'\n",
)
_FIRST_STEPS_WORDS = (
    b"\n# TODO: ",
    b".el9",
    b"fedora-40",
    b"disttag = ",
    b"blacklist = ",
    b"=",
    b": ",
    b"\r",
    b"\x85",
)


def make_readers(folder: Path) -> Mapping[str, Reader]:
    """All readers by name. Makes a key, a package and a repository in `folder`."""
    key = make_key(folder / "keys")
    (folder / "signed").write_bytes(b"signed\n")
    with_key = folder / "signature"
    _sign(folder, key.secret, folder / "signed", with_key)
    rpm = build_rpm(folder / "rpm", "hello", provides=["x = 1"]).binary.read_bytes()
    objects = _Objects(Repo(folder / "objects"), folder)
    objects.repo.commit({"a": "1", "d/b": "2"})
    objects.repo.commit({".gitmodules": gitmodules({"a": "../a"}), "c": "3"})
    packages = [
        Package("focus", "1", provides=("x",), files={"/etc/x": ""}),
        Package("bar", "2", requires=("x",)),
    ]
    primary = describe_packages(packages).encode()
    filelists = _make_filelists(primary)
    made = manifest("1.0", [package("focus-1-1.noarch", component("repos/focus", "b" * 40))])
    return {
        "build log": Reader(_read_log, (_LOG,)),
        "commit": Reader(objects.read_commit, (objects.commit_bytes(),), rate=10),
        "comps": Reader(lambda data, place: read_group(_store(data, place, "group"), "core"), (_COMPS,)),
        "compressed metadata": Reader(_read_packed, (gzip.compress(primary), _pack_zstd(primary))),
        "coverage": Reader(_read_coverage, _COVERAGE),
        "definition": Reader(_read_definition, (DEFINITION.encode(), _DEFINITION)),
        "filelists": Reader(lambda data, place: _read_filelists(data, place, primary), (filelists,)),
        "first steps": Reader(_read_first_steps, _FIRST_STEPS, _FIRST_STEPS_WORDS, rate=20),
        "gitmodules": Reader(
            objects.read_gitmodules, (gitmodules({"a": "../a", "b/c": "https://x/y"}).encode(),), rate=10
        ),
        "json": Reader(_read_untrusted_json, (manifest_to_json(made).encode(),)),
        "key": Reader(_read_keys, (key.public.read_bytes(), _dearmor(key.public))),
        "ledger": Reader(lambda data, place: Ledger(write(data, place)), (_make_record() * 2,)),
        "lock": Reader(_read_lock, (_make_lock(),), rate=20),
        "manifest": Reader(_read_manifest, (manifest_to_json(made).encode(),)),
        "metalink": Reader(_read_mirror_list, (_METALINK, b"https://x/1\n# c\nhttps://x/2\n")),
        "mock configuration": Reader(
            _read_mock_config, (_MOCK_CONFIG,), (b"None", b"{}", b"[]", b"1.5"), rate=4
        ),
        "modules": Reader(lambda data, place: read_modules(_store(data, place, "modules")), (_MODULES,)),
        "outcomes": Reader(
            lambda data, place: read_outcomes(write(data, place)), (b'[{"component": "x", "time": 1}]',)
        ),
        "package": Reader(lambda data, place: read_header(write(data, place)), (rpm,)),
        "package signatures": Reader(_read_package_signatures, (rpm,)),
        "primary": Reader(_read_primary, (primary,)),
        "provenance": Reader(
            lambda data, place: _read_provenance(data, place, made), (_SPDX, _CYCLONEDX, _STATEMENT)
        ),
        "repomd": Reader(_read_repomd, (_make_repomd(folder / "repomd", primary),)),
        "signature": Reader(
            lambda data, place: _read_signature(data, place, key.public), (with_key.read_bytes(),), rate=20
        ),
        "sources": Reader(lambda data, place: read_sources(data, "sources.yaml"), (_SOURCES,)),
        "spec": Reader(_read_spec, (_SPEC,), _SPEC_WORDS, rate=20),
        "test lock": Reader(_read_test_lock, (_TEST_LOCK,), rate=20),
        "python archives": Reader(_read_python_archive, _make_python_archives(folder)),
        "texts": Reader(_read_texts, (_CHECKSUMS, _CHANGELOG, _POINTER)),
        "own lists": Reader(_read_own_lists, (dump_sealed({"a": [1, "b"]}), _INSTALLED, _CHECKSUMS)),
        "suite files": Reader(_read_suite_files, _SUITE_FILES),
        "test results": Reader(_read_test_results, (*_TEST_OUTPUTS, _JUNIT)),
        "tree": Reader(objects.read_tree, (objects.tree_bytes(),), rate=10),
    }


def _read_mirror_list(data: bytes, folder: Path) -> None:
    read_mirrors(write(data, folder).as_uri(), {})


def _read_repomd(data: bytes, folder: Path) -> None:
    write(data, folder, "repodata/repomd.xml")
    read_repomd(folder)
    read_local_metadata("m", folder)


def _make_repomd(folder: Path, primary: bytes) -> bytes:
    index_metadata(folder, {"primary": (primary, gzip.compress(primary, 1))})
    return (folder / "repodata/repomd.xml").read_bytes()


def _make_filelists(primary: bytes) -> bytes:
    digests = re.findall(rb'pkgid="YES">(\w+)<', primary, re.IGNORECASE)
    rows = b"".join(
        b'<package pkgid="%s" name="%s" arch="noarch"><version epoch="0" ver="1" rel="1"/>' % (digest, name)
        + b"<file>/usr/x</file></package>\n"
        for digest, name in zip(digests, (b"focus", b"bar"))
    )
    return (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<filelists xmlns="http://linux.duke.edu/metadata/filelists" packages="2">%s</filelists>\n' % rows
    )


def _pack_zstd(data: bytes) -> bytes:
    return subprocess.run(["zstd", "--quiet", "-1"], input=data, capture_output=True, check=True).stdout


def _dearmor(file: Path) -> bytes:
    return subprocess.run(
        ["gpg", "--dearmor"], input=file.read_bytes(), capture_output=True, check=True
    ).stdout


def _sign(folder: Path, secret: Path, file: Path, signature: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--yes", "--no-tty"]
    for words in (
        ["--import", str(secret)],
        ["--armor", "--output", str(signature), "--detach-sign", str(file)],
    ):
        subprocess.run([*gpg, *words], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], stdin=subprocess.DEVNULL, check=True)


# ---- the long run ----------------------------------------------------------------------------------------------------


def try_reader(reader: Reader, examples: int, seed: int | None = None) -> None:
    """Give a reader so many hostile inputs; the same ones each time without a `seed`. Raises what the reader does."""

    @settings(
        max_examples=examples,
        derandomize=seed is None,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=hostile_inputs(reader))
    def run(data: bytes) -> None:
        with tempfile.TemporaryDirectory(prefix="fuzz.") as folder:
            check_reader(reader, data, Path(folder))

    (run if seed is None else hypothesis_seed(seed)(run))()


def _run_until(reader: Reader, seconds: float) -> int:
    """New inputs for so long, in a process of its own, which may crash; how many there were."""
    deadline, count = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        try_reader(reader, reader.rate * 5, seed=random.SystemRandom().randrange(1 << 32))
        count += reader.rate * 5
    return count


def main() -> int:
    """The program of scripts/fuzz."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description="Hostile inputs for every reader.")
    parser.add_argument("readers", nargs="*", metavar="READER", help="their names; all without any")
    parser.add_argument("--seconds", type=float, default=60, help="for each reader (default: 60)")
    options = parser.parse_args()
    failed = []
    with tempfile.TemporaryDirectory(prefix="fuzz.") as folder:
        readers = make_readers(Path(folder))
        unknown = set(options.readers) - readers.keys()
        if unknown:
            parser.error(f"no such reader: {', '.join(sorted(unknown))}; there are {', '.join(readers)}")
        for name in options.readers or readers:
            child = os.fork()
            if not child:
                os._exit(_report(name, readers[name], options.seconds))
            _, status = os.waitpid(child, 0)
            if status:
                failed.append(name)
                print(f"{name}: failed, {os.waitstatus_to_exitcode(status)}", flush=True)
    print(f"failed: {', '.join(failed)}" if failed else "every input was answered, or refused with an error")
    return 1 if failed else 0


def _report(name: str, reader: Reader, seconds: float) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    try:
        print(f"{name}: {_run_until(reader, seconds)} inputs", flush=True)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
