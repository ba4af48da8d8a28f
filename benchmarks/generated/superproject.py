"""A generated superproject of thousands of tiny components in ten layers, made without a git process for each."""

from __future__ import annotations

import hashlib
import os
import shutil
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.measure import AUTHOR, run

LAYERS = 10
# Components that need one another only, besides COMMON: so the needs of each are as many at every size.
FAMILY = 5 * LAYERS
# Components of the first layer that those of the second need.
COMMON = 5
_TIME = 1_700_000_000
_SPEC = """\
Name: {name}
Version: 1.{version}
Release: 1%{{?dist}}
Summary: A tiny package
License: MIT
BuildArch: noarch
Source0: %{{name}}-%{{version}}.tar.gz
{needs}
%description
x
%prep
%setup -q
%build
{build}
%install
install -D -m 644 README %{{buildroot}}/usr/share/{name}/README
%files
/usr/share/{name}
"""
_DEFINITION = """\
project: bench
superproject: {components: [repos]}
targets: {t: {mock_config: testbed-x86_64, arch: x86_64, macros: {dist: .t1}}}
keys: {k: {file: keys/k, signs: true}}
repositories: {r: {source: superproject, target: t, key: k, source_rpms: r-srpms}}
release: {baseurl: "http://127.0.0.1"}
"""


class ScaleWorld:
    """A superproject of `size` components, whose repositories are where `git submodule` puts them: in .git/modules.

    `build_seconds` says how long the build of a component sleeps.
    """

    def __init__(
        self,
        folder: Path,
        size: int,
        mock_configs: Path,
        build_seconds: Callable[[int], float] = lambda number: 0.0,
    ) -> None:
        self.path, self.size = folder, size
        self._build_seconds = build_seconds
        self._versions: dict[int, int] = {}
        self._commits: dict[int, str] = {}
        run(["git", "init", "--quiet", "--initial-branch=main", str(folder)])
        shutil.copytree(mock_configs, folder / "mock-configs")
        (folder / "repos.yaml").write_text(_DEFINITION, encoding="utf-8")
        names = [name_component(number) for number in range(size)]
        modules = (
            f'[submodule "repos/{name}"]\n\tpath = repos/{name}\n\turl = ../{name}.git\n' for name in names
        )
        (folder / ".gitmodules").write_text("".join(modules), encoding="utf-8")
        self.add("mock-configs", "repos.yaml", ".gitmodules")
        self.change(*range(size))

    def add(self, *paths: str) -> None:
        """Add files of the superproject to its next commit."""
        run(["git", "-C", str(self.path), "add", *paths])

    def change(self, *numbers: int) -> None:
        """Commit the next version of these components, each in its own repository, and pin them."""
        pins = "".join(
            f"160000 {self._commit_component(number)}\trepos/{name_component(number)}\n" for number in numbers
        )
        update = ["git", "-C", str(self.path), "update-index", "--add", "--index-info"]
        run(update, input=pins.encode())
        commit = ["git", "-C", str(self.path), "commit", "--quiet", "--allow-empty", "--message=change"]
        run(commit, environment=AUTHOR)

    def _commit_component(self, number: int) -> str:
        """The commit of the next version of a component, in its repository."""
        version = self._versions[number] = self._versions.get(number, -1) + 1
        name = name_component(number)
        git_dir = self.path / ".git" / "modules" / "repos" / name
        if version == 0:
            for folder in ("objects/pack", "refs"):
                (git_dir / folder).mkdir(parents=True)
            (git_dir / "HEAD").write_text("ref: refs/heads/main\n", encoding="ascii")
            settings = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
            (git_dir / "config").write_text(settings, encoding="ascii")
        needs = "\n".join(f"BuildRequires: {name_component(needed)}" for needed in list_needs(number))
        seconds = self._build_seconds(number)
        build = f"sleep {seconds:.2f}" if seconds else ""
        spec = _SPEC.format(name=name, version=version, needs=needs, build=build)
        files = {"README": f"{name} {version}\n", f"{name}.spec": spec}
        tree = b"".join(
            b"100644 %s\0%s" % (path.encode(), bytes.fromhex(_write_object(git_dir, "blob", text.encode())))
            for path, text in files.items()
        )
        who = f"Bench <bench@example.org> {_TIME + version} +0000"
        parent = f"parent {self._commits[number]}\n" if version else ""
        head = f"tree {_write_object(git_dir, 'tree', tree)}\n{parent}author {who}\ncommitter {who}\n"
        self._commits[number] = _write_object(git_dir, "commit", f"{head}\n{version}\n".encode())
        return self._commits[number]


def name_component(number: int) -> str:
    """The name of a component, its folder and its package."""
    return f"c{number:05d}"


def list_needs(number: int) -> Iterable[int]:
    """The components that one needs to be built: two of the layer below in its family, or the common ones."""
    layer, place = divmod(number % FAMILY, FAMILY // LAYERS)
    first = number - number % FAMILY
    if layer == 1:
        yield from range(min(COMMON, first))
    if layer > 0:
        for step in (0, 1):
            yield first + (layer - 1) * (FAMILY // LAYERS) + (place + step) % (FAMILY // LAYERS)


def _write_object(git_dir: Path, kind: str, content: bytes) -> str:
    """Write a loose object (gitformat-loose(5)) and return its id."""
    data = f"{kind} {len(content)}\0".encode() + content
    oid = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    path = git_dir / "objects" / oid[:2] / oid[2:]
    os.makedirs(path.parent, exist_ok=True)
    path.write_bytes(zlib.compress(data, 1))
    return oid
