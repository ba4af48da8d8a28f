"""Yum repositories of tiny real packages, signed or not, and a web server that can fail in every way a mirror does."""

from __future__ import annotations

import contextlib
import http.server
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from altai_build.model.compat import Compat
from altai_build.tools.repo.repodata import write_repodata
from tests.kit.keys import ThrowawayKey, signing_key
from tests.kit.server import running

REVISION = 1_700_000_000


@dataclass(frozen=True)
class Package:
    """What one package shall say of itself."""

    name: str
    version: str = "1.0"
    release: str = "1"
    requires: Sequence[str] = ()
    provides: Sequence[str] = ()
    recommends: Sequence[str] = ()
    conflicts: Sequence[str] = ()
    obsoletes: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    epoch: int = 0
    weight: int = 0  # bytes of payload that do not compress
    arch: str = "noarch"
    vendor: str = "Example"
    preamble: Sequence[str] = ()  # further lines, such as `Requires(post): helper`

    @property
    def nevra(self) -> str:
        epoch = f"{self.epoch}:" if self.epoch else ""
        return f"{self.name}-{epoch}{self.version}-{self.release}.{self.arch}"


def build_packages(folder: Path, packages: Sequence[Package], *, payload: str = "w1.gzdio") -> list[Path]:
    """Build all packages by one run of rpmbuild, in the order given; versions of one name need runs of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    rounds: list[list[Package]] = []
    for package in packages:
        for group in rounds:
            same_header = (package.arch, package.vendor) == (group[0].arch, group[0].vendor)
            if same_header and package.name not in {other.name for other in group}:
                group.append(package)
                break
        else:
            rounds.append([package])
    for group in rounds:
        _rpmbuild(folder, group, payload)
    return [
        folder / f"{package.name}-{package.version}-{package.release}.{package.arch}.rpm"
        for package in packages
    ]


def _rpmbuild(folder: Path, packages: Sequence[Package], payload: str) -> None:
    lines = ["Name: kit", "Version: 1", "Release: 1", "Summary: Kit", "License: MIT"]
    lines += ["BuildArch: noarch"] if packages[0].arch == "noarch" else []
    lines += [f"Vendor: {packages[0].vendor}"]
    lines += ["%description", "Kit."]
    install, files = ["mkdir -p %{buildroot}"], []
    with tempfile.TemporaryDirectory(prefix="kit.") as top:
        for number, package in enumerate(packages):
            lines += [
                f"%package -n {package.name}",
                f"Summary: {package.name}",
                f"Version: {package.version}",
            ]
            lines += [
                f"Release: {package.release}",
                f"Epoch: {package.epoch}",
                f"License: Licence of {package.name}",
            ]
            for tag in ("requires", "provides", "recommends", "conflicts", "obsoletes"):
                lines += [f"{tag.title()}: {value}" for value in getattr(package, tag)]
            lines += [*package.preamble, f"%description -n {package.name}", package.name]
            contents = {f"/usr/share/{package.name}/text": f"{package.nevra}\n", **package.files}
            files.append(f"%files -n {package.name}")
            for place, (path, text) in enumerate(contents.items()):
                Path(top, f"{number}.{place}").write_text(text)
                install.append(f"install -D -m 644 {top}/{number}.{place} %{{buildroot}}{path}")
                files.append(path)
            if package.weight:
                install.append(
                    f"head -c {package.weight} /dev/urandom >%{{buildroot}}/usr/share/{package.name}/weight"
                )
                files.append(f"/usr/share/{package.name}/weight")
        spec = Path(top, "kit.spec")
        text = "\n".join([*lines, "%install", *install, *files, ""])
        spec.write_bytes(text.encode("utf-8", "surrogateescape"))
        macros = {"_topdir": top, "_rpmdir": folder, "_binary_payload": payload, "_dbpath": f"{top}/db"}
        macros["_invalid_encoding_terminates_build"] = "0"
        macros["_build_name_fmt"] = "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm"
        options = [word for key, value in macros.items() for word in ("--define", f"{key} {value}")]
        # Also for architectures that the host cannot run.
        target = [] if packages[0].arch == "noarch" else [f"--target={packages[0].arch}"]
        made = subprocess.run(
            ["rpmbuild", "-bb", "--nodeps", *target, *options, str(spec)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert made.returncode == 0, made.stdout.decode("utf-8", "replace")


def make_repository(
    folder: Path,
    packages: Sequence[Package],
    key: ThrowawayKey | None = None,
    *,
    signed_metadata: bool = True,
    revision: int = REVISION,
    payload: str = "w1.gzdio",
) -> Path:
    """A repository of these packages in `folder`; with `key` the packages, and its metadata, are signed."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = build_packages(folder, packages, payload=payload)
    if key is not None and paths:
        with signing_key(key) as signer:
            signer.sign_rpms(paths, rpmv3=True)
    index_repository(folder, key if signed_metadata else None, revision=revision)
    return folder


def index_repository(folder: Path, key: ThrowawayKey | None, *, revision: int = REVISION) -> None:
    """Write (and sign) the metadata of the packages that are in a folder now."""
    signature = folder / "repodata" / "repomd.xml.asc"
    signature.unlink(missing_ok=True)
    write_repodata(folder, epoch=revision, compat=Compat.EL6)
    if key is not None:
        with signing_key(key) as signer:
            signer.sign_detached(folder / "repodata" / "repomd.xml")


@dataclass
class ServerFaults:
    """How the server misbehaves, by the end of the path; what is not named is served as it is."""

    missing: set[str] = field(default_factory=set)  # 404
    refused: dict[str, int] = field(default_factory=dict)  # this status, always
    broken: dict[str, int] = field(default_factory=dict)  # how many more times: 503
    replaced: dict[str, bytes] = field(default_factory=dict)  # other bytes
    dying: dict[str, int] = field(
        default_factory=dict
    )  # how many more times: half of it, then the line is cut
    slow: dict[str, float] = field(default_factory=dict)  # seconds before each kilobyte
    asked: list[tuple[str, str]] = field(default_factory=list)  # (path, Range) of every request

    def find(self, table: Mapping[str, object] | set[str], path: str) -> str | None:
        """The entry of a table that a path ends in."""
        return next((end for end in table if path.endswith(end)), None)


@contextlib.contextmanager
def faulty_server(directory: Path, faults: ServerFaults) -> Iterator[str]:
    """Serve a directory over loopback HTTP, ranges included, with faults; yields the URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.close_connection = True
            faults.asked.append((self.path, self.headers.get("Range", "")))
            path = directory / urllib.parse.unquote(self.path.split("?")[0]).lstrip("/")
            if faults.find(faults.missing, self.path) or not (path.is_file() or self._replacement()):
                self.send_error(404)
                return
            if (end := faults.find(faults.refused, self.path)) is not None:
                self.send_error(faults.refused[end])
                return
            for table, act in ((faults.broken, self._break), (faults.dying, self._die)):
                end = faults.find(table, self.path)
                if end is not None and table[end] > 0:
                    table[end] -= 1
                    act(path)
                    return
            self._send(self._replacement() or path.read_bytes())

        def _replacement(self) -> bytes:
            end = faults.find(faults.replaced, self.path)
            return faults.replaced[end] if end is not None else b""

        def _break(self, path: Path) -> None:
            self.send_error(503)

        def _die(self, path: Path) -> None:
            data = path.read_bytes()
            start = self._start()
            self._head(206 if start else 200, data, start)
            self.wfile.write(data[start : start + max(1, (len(data) - start) // 2)])
            self.wfile.flush()
            self.connection.close()

        def _send(self, data: bytes) -> None:
            start = self._start()
            if start >= len(data) > 0 and start:
                self.send_error(416)
                return
            self._head(206 if start else 200, data, start)
            end = faults.find(faults.slow, self.path)
            if end is None:
                self.wfile.write(data[start:])
                return
            for at in range(start, len(data), 1024):
                time.sleep(faults.slow[end])
                self.wfile.write(data[at : at + 1024])

        def _start(self) -> int:
            asked = self.headers.get("Range", "")
            return int(asked[len("bytes=") :].partition("-")[0]) if asked.startswith("bytes=") else 0

        def _head(self, status: int, data: bytes, start: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(data) - start))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A connection that the test cut is no news."""

    with running(Server(("127.0.0.1", 0), Handler)) as url:
        yield url
