"""Tiny RPM packages, made by the real rpmbuild, and ways to spoil them."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SPEC = """\
Name: {name}
Version: {version}
Release: {release}
Epoch: {epoch}
Summary: {summary}
License: MIT
Vendor: Example
URL: https://example.org/{name}
BuildArch: {arch}
{tags}
%description
{summary}
%prep
%build
%install
{install}
%files
{files}
%changelog
* Thu Feb 28 2013 Builder <builder@example.org> - {version}-{release}
- {changelog}
"""


@dataclass(frozen=True)
class BuiltRpms:
    """One binary and one source RPM of the same package."""

    binary: Path
    source: Path


def build_rpm(
    folder: Path,
    name: str = "hello",
    version: str = "1.0",
    release: str = "1",
    *,
    epoch: int = 0,
    arch: str = "noarch",
    summary: str = "A greeting",
    changelog: str = "First.",
    files: Mapping[str, str] | None = None,
    requires: Sequence[str] = (),
    provides: Sequence[str] = (),
    obsoletes: Sequence[str] = (),
    conflicts: Sequence[str] = (),
    payload: str = "w1.gzdio",
    attributes: Mapping[str, str] | None = None,
) -> BuiltRpms:
    """Build a package that holds the given files (path: text) and put it and its source package into `folder`.

    `attributes` gives lines of %files something before them, such as `%attr(4755, root, root)`; of a path that is not
    among the files it makes a folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    contents = {f"/usr/share/{name}/greeting": f"hello from {name}\n"} if files is None else files
    tags = [f"Requires: {name}" for name in requires] + [f"Provides: {name}" for name in provides]
    tags += [f"Obsoletes: {name}" for name in obsoletes] + [f"Conflicts: {name}" for name in conflicts]
    with tempfile.TemporaryDirectory(prefix="kit.") as top:
        install = ["mkdir -p %{buildroot}"]
        for number, (path, text) in enumerate(contents.items()):
            Path(top, f"content{number}").write_text(text, encoding="utf-8")
            install.append(f"install -D -m 644 {top}/content{number} %{{buildroot}}{path}")
        before = attributes or {}
        folders = [path for path in before if path not in contents]
        install += [f"mkdir -p %{{buildroot}}{path}" for path in folders]
        listed = [f"{before.get(path, '')} {path}".strip() for path in (*contents, *folders)]
        spec = Path(top, f"{name}.spec")
        spec.write_text(
            _SPEC.format(
                name=name,
                version=version,
                release=release,
                epoch=epoch,
                arch=arch,
                summary=summary,
                changelog=changelog,
                tags="\n".join(tags),
                install="\n".join(install),
                files="\n".join(listed),
            ),
            encoding="utf-8",
        )
        macros = {
            "_topdir": top,
            "_binary_payload": payload,
            "_source_payload": payload,
            "_dbpath": f"{top}/db",
        }
        options = [word for key, value in macros.items() for word in ("--define", f"{key} {value}")]
        result = subprocess.run(
            ["rpmbuild", "-ba", "--nodeps", *options, str(spec)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert result.returncode == 0, result.stdout.decode("utf-8", "replace")
        made = {path.name.endswith(".src.rpm"): path for path in Path(top).rglob("*.rpm")}
        binary, source = (folder / made[is_source].name for is_source in (False, True))
        binary.write_bytes(made[False].read_bytes())
        source.write_bytes(made[True].read_bytes())
    return BuiltRpms(binary=binary, source=source)


def flip_last_byte(path: Path) -> None:
    """Change the end of the payload in place."""
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def hide_signature_tag(path: Path, tag: int) -> None:
    """Rename one entry of the signature header to an unknown tag, as if the signature were missing."""
    data = bytearray(path.read_bytes())
    count = int.from_bytes(data[96 + 8 : 96 + 12], "big")
    for number in range(count):
        at = 96 + 16 + 16 * number
        if int.from_bytes(data[at : at + 4], "big") == tag:
            data[at : at + 4] = (0x7FFF0000 + tag).to_bytes(4, "big")
            path.write_bytes(bytes(data))
            return
    raise AssertionError(f"{path} has no signature tag {tag}")
