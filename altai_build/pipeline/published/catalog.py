"""The releases that a command reads: those of repos.yaml, of any folder, or of a web server.

Of a release on a server only the files that are asked for are downloaded; what they are worth says the check of their
signatures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from enum import Enum
from itertools import count
from pathlib import Path
from urllib.parse import unquote

from altai_build.errors import InputError, UnreachableError
from altai_build.model.nevra import is_safe_name
from altai_build.model.release import CHECKSUMS_NAME, KEY_FILE_PREFIX, LATEST_LINK, MANIFEST_NAME
from altai_build.pipeline.published.releases import find_release, load_manifest, open_releases
from altai_build.pipeline.run import Run
from altai_build.stages.download_release import DownloadBudget, NoReleaseAtUrl, download_release
from altai_build.stages.publish import compare_releases, is_release, list_releases, release_order
from altai_build.tools.files import make_directory, scratch_directory
from altai_build.tools.http.download import read_url
from altai_build.tools.url import is_web_url, join_url

_LINK = re.compile(r"""href\s*=\s*["']?(?:\./)?([^"'?#>\s/]+)/""", re.IGNORECASE)
# Of a server's page; more of them are no list of releases.
_MAX_LINKS = 1000
_MAX_PAGE = 4 << 20


class ReleasePart(Enum):
    """Which files of a release are needed."""

    MANIFEST = "manifest"  # release.json, its signature, the checksums and keys
    METADATA = "metadata"  # also the repodata
    REPORT = "report"  # also the page of the report
    WHOLE = "whole"

    def has(self, name: str) -> bool:
        """True for a file that belongs to it."""
        folder = {ReleasePart.METADATA: "/repodata/", ReleasePart.REPORT: "report/index.html"}.get(self)
        is_basic = "/" not in name and name.startswith((MANIFEST_NAME, CHECKSUMS_NAME, KEY_FILE_PREFIX))
        return self is ReleasePart.WHOLE or is_basic or (folder is not None and folder in name)


def is_location(named: str) -> bool:
    """True for the path or URL of a release; False for a version."""
    return "/" in named or named in (".", "..")


@contextmanager
def open_catalog(run: Run, where: str | None) -> Iterator[Catalog]:
    """The releases at `where`, a folder or URL of one release or of all; by default those that repos.yaml names.

    What is downloaded is removed at the end.
    """
    with ExitStack() as stack:
        yield Catalog(run, where, stack)


class Catalog:
    """Releases in a folder or on a server, by version; single ones by path or URL, wherever they are."""

    def __init__(self, run: Run, where: str | None, stack: ExitStack) -> None:
        self._run = run
        self._stack = stack
        self._scratch: Path | None = None
        self._numbers = count()
        self._budget = DownloadBudget(run.max_download)
        # URL of a release → its copy, and the parts that this has.
        self._copies: dict[str, tuple[Path, set[ReleasePart]]] = {}
        # Known after the first question: the URL is of one release, not of all.
        self._is_single: bool | None = None
        self.url = where.rstrip("/") if where is not None and is_web_url(where) else None
        if self.url is not None:
            self._folder = None
        elif where is not None:
            self._folder = Path(where)
        else:
            # Without repos.yaml there are only those that are named by path or URL.
            self._folder = open_releases(run.config, run.reporter.warn) if run.config.release else None
        if where is not None and self._folder is not None and not self._folder.is_dir():
            raise InputError(
                f"there are no releases in {where}",
                why="it is not a folder",
                todo="name the folder of a release, or the one that holds all",
            )

    @property
    def location(self) -> str:
        """Where the releases are."""
        return self.url or str(self._directory)

    def find(self, named: str, part: ReleasePart = ReleasePart.MANIFEST) -> Path:
        """The folder of a release by its version, `latest`, path or URL. Raises InputError when there is none."""
        if is_web_url(named):
            return self._download(named.rstrip("/"), part)
        if is_location(named):
            return find_release(Path(), f"{named}/")
        single = self._find_single(part)
        if single is not None:
            version = load_manifest(single).version
            if named not in (version, LATEST_LINK):
                raise InputError(
                    f"there is no release {named}", why=f"{self.location} is release {version} and no other"
                )
            return single
        if self.url is None:
            return find_release(self._directory, named)
        try:
            return self._download(join_url(self.url, named), part)
        except NoReleaseAtUrl as error:
            versions = ", ".join(directory.name for directory in self.list_all())
            raise InputError(
                f"there is no release {named}",
                why=error.why,
                todo=f"releases at {self.url}: {versions or 'none'}",
            ) from error

    def list_all(self, part: ReleasePart = ReleasePart.MANIFEST) -> tuple[Path, ...]:
        """The folders of all releases, lowest version first."""
        single = self._find_single(part)
        if single is not None:
            return (single,)
        if self.url is None:
            return tuple(self._directory / version for version in list_releases(self._directory))
        found = self._find_on_server(self.url)
        if part is not ReleasePart.MANIFEST:
            found = [self._download(join_url(self.url, directory.name), part) for directory in found]
        return tuple(found)

    def list_before(self, version: str, part: ReleasePart = ReleasePart.MANIFEST) -> tuple[Path, ...]:
        """The folders of the releases below a version, lowest first."""
        return tuple(
            directory for directory in self.list_all(part) if compare_releases(directory.name, version) < 0
        )

    def find_latest(self) -> str | None:
        """The version that `latest` points to; None when there is no such link."""
        if self._find_single(ReleasePart.MANIFEST) is not None:
            return None
        if self.url is None:
            link = self._directory / LATEST_LINK
            return link.readlink().name if link.is_symlink() else None
        try:
            return load_manifest(
                self._download(join_url(self.url, LATEST_LINK), ReleasePart.MANIFEST)
            ).version
        except NoReleaseAtUrl:
            return None

    def find_url(self, directory: Path) -> str | None:
        """The URL of a downloaded release, of which `directory` has a part; None for one on this machine."""
        return next((url for url, (copy, _) in self._copies.items() if copy == directory), None)

    @property
    def _directory(self) -> Path:
        return self._folder or self._run.config.get_release_settings().directory

    def _find_single(self, part: ReleasePart) -> Path | None:
        """The one release that this is, where it is not a folder of releases."""
        if self.url is None:
            return self._directory.resolve() if is_release(self._directory) else None
        if self._is_single is not False:
            try:
                copy = self._download(self.url, part)
            except NoReleaseAtUrl:
                self._is_single = False
            else:
                self._is_single = True
                return copy
        return None

    def _find_on_server(self, url: str) -> list[Path]:
        """The releases that a server's page links to, and those before the one that `latest` is. Raises InputError."""
        names = set(_read_links(url))
        following = self.find_latest()
        seen: set[str] = set()
        found: dict[str, Path] = {}

        def download(name: str) -> Path | None:
            try:
                return self._download(join_url(url, name), ReleasePart.MANIFEST)
            except NoReleaseAtUrl:
                return None

        with ThreadPoolExecutor(max(1, self._run.jobs)) as pool:
            candidates = sorted(names - {LATEST_LINK})
            found.update(
                (name, copy)
                for name, copy in zip(candidates, pool.map(download, candidates))
                if copy is not None
            )
        while following is not None and following not in seen:
            seen.add(following)
            copy = found.get(following) or download(following)
            if copy is None:
                break
            found[following] = copy
            following = load_manifest(copy).previous
        return [found[name] for name in sorted(found, key=release_order)]

    def _download(self, url: str, part: ReleasePart) -> Path:
        """A copy of the release at a URL that has at least this part. Raises NoReleaseAtUrl."""
        if self._scratch is None:
            self._run.workspace.prepare()
            self._scratch = self._stack.enter_context(
                scratch_directory(self._run.workspace.scratch, "releases")
            )
        name = unquote(url.rpartition("/")[2])
        directory = self._scratch / str(next(self._numbers)) / (name if is_safe_name(name) else LATEST_LINK)
        copy, parts = self._copies.get(url, (directory, set()))
        if not parts.intersection((part, ReleasePart.WHOLE)):
            make_directory(copy)
            download_release(
                url,
                copy,
                jobs=self._run.jobs,
                budget=self._budget,
                wanted=part.has,
                announce=self._run.reporter.info,
            )
            self._copies[url] = copy, {*parts, part}
        return copy


def _read_links(url: str) -> list[str]:
    """The folders that the page at a URL links to: what web servers show of a folder, or its index.html."""
    try:
        page = read_url(f"{url}/", limit=_MAX_PAGE)
    except UnreachableError:
        raise
    except InputError:
        # Servers need not show their folders; `latest` leads to the releases as well.
        return []
    links = dict.fromkeys(unquote(match[1]) for match in _LINK.finditer(page))
    return [name for name in links if is_safe_name(name)][:_MAX_LINKS]
