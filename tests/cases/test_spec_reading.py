"""Specs as they are in the world: each is planned, packed and built as rpm reads it."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.model.component_status import ComponentStatus
from altai_build.tools.rpm.stamp import AUTHOR
from tests.kit.builders import HostSite
from tests.kit.git import Entry
from tests.kit.superprojects import make_spec

TB = "macros: {dist: .x}", "macros: {dist: tb, 'py_provides()': 'Provides: %1'}"
COMPONENT_SETTINGS = "components: {from-outside: {macros: {product: from, product_version: '8.6'}}}\n"


def spec(name: str, **settings: str) -> dict[str, Entry]:
    return {f"{name}.spec": make_spec(name, **settings), "README": "x\n"}


def edited(name: str, *changes: tuple[str, str], **settings: str) -> dict[str, Entry]:
    """A component whose spec has other lines."""
    text = make_spec(name, **settings)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return {f"{name}.spec": text, "README": "x\n"}


def packed(folder: str) -> bytes:
    """A tar archive with a README in a folder."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        member = tarfile.TarInfo(f"{folder}/README")
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))
    return data.getvalue()


SUBPACKAGE = "%package sub\nSummary: x\nSource5: of-sub.conf\n%description sub\nx\n"


def read_changelog_author(path: Path) -> str:
    """Who wrote the newest changelog entry of a package, and for which version."""
    query = ["rpm", "-qp", "--nosignature", "--queryformat", "%{CHANGELOGNAME}", str(path)]
    return subprocess.run(query, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout


ELIFARCH = "%elifarch noarch x86_64\nRelease: 2\n%else\nRelease: 3\n"
COMPONENTS: dict[str, dict[str, Entry]] = {
    "setup-qn": spec("setup-qn", prep="%setup -qn other"),
    "setup-vn": spec("setup-vn", prep="%autosetup -p1 -vn other"),
    "setup-sub": {
        **spec("setup-sub", prep="%setup -q -n %{name}-%{version}/sub"),
        "sub/README": "x",
    },
    "setup-c": spec("setup-c", prep="%setup -q -c -n work\ntest -e README"),
    "setup-move": spec("setup-move", prep="%setup -qc\nmv %{name}-%{version}/* ."),
    "setup-shell": spec("setup-shell", prep="%setup -q -n v%(echo 7)"),
    "setup-lua": spec("setup-lua", prep='%setup -q -n %{lua:print("lua-1")}'),
    "elif": spec("elif", prep="%if 0\n%setup -qn one\n%elif 1\n%setup -qn two\n%else\n%setup -qn three\n%endif"),
    "elifarch": edited("elifarch", ("Release: 1", f"%ifarch aarch64\nRelease: 1\n{ELIFARCH}%endif")),
    "ifos": edited("ifos", ("Release: 1", "%ifos darwin\nRelease: 1\n%endif\n%ifnos darwin\nRelease: 4\n%endif")),
    "dnl": edited("dnl", ("Version: 1.0", "Version: 1.0 %dnl why"), ("Release: 1", "Release: 5 %dnl why")),
    "capitals": edited("capitals", ("%description", "%Description"), ("%prep", "%Prep"), ("%files", "%FILES")),
    "cat": {**spec("cat", version="%(cat %{_sourcedir}/VERSION)"), "VERSION": "3.1\n"},
    "include": {
        **edited("include", ("Name: ", "%include %{_sourcedir}/v.inc\nName: "), version="%{ver}"),
        "v.inc": "%define ver 4.2\n",
    },
    "load": {
        **edited("load", ("Name: ", "%{load:%{_sourcedir}/v.macros}\nName: "), version="%{ver}"),
        "v.macros": "%ver 5.3\n",
    },
    "fallback": {
        **spec("fallback", version="%(cat %{_sourcedir}/VERSION 2>/dev/null || echo 0)"),
        "VERSION": "6.4\n",
    },
    "head": {
        **edited("head", ("Name: head\nVersion: 1.0\nRelease: 1\n", "%include %{_sourcedir}/head.inc\n")),
        "head.inc": "Name: head\nVersion: 7.5\nRelease: 9%{?dist}\n",
    },
    "files-n": edited("files-n", ("%files\n", "%files -n %{name}\n")),
    "dist": spec("dist", release="1%{?dist:.%{dist}}"),
    "hidden-dist": edited("hidden-dist", ("Name: ", "%define rel 1%{?dist:.%{dist}}\nName: "), release="%{rel}"),
    "committed": {
        "SPECS/committed.spec": make_spec("committed", prep="%setup -qn inner"),
        "SOURCES/committed-1.0.tar.gz": packed("inner"),
    },
    "names": {
        **edited(
            "names",
            ("%description\n", f"{SUBPACKAGE}%description\n"),
            ("%prep\n", "%patchlist\nlisted.patch\n%sourcelist\nlisted.conf\n%prep\n"),
            tags="Source1: a@.service\nPatch0: f,patch\nIcon: i.xpm\nBuildArch: noarch",
        ),
        **dict.fromkeys(["a@.service", "f,patch", "i.xpm", "listed.patch", "listed.conf", "of-sub.conf"], ""),
    },
    "lzma": spec("lzma", source="%{name}.tar.lzma"),
    "upper": spec("upper", source="%{name}.TAR.XZ"),
    "auto": spec("auto", release="%autorelease -b 3", changelog="%autochangelog\n"),
    "computed": spec("computed", release="%(echo 4)%{?dist}"),
    "own-dist": edited("own-dist", ("Name: ", "%define dist NAME-WITH-DASH\nName: ")),
    "from-outside": edited("from-outside", ("Name: from", "Name: %{product}"), version="%{product_version}"),
    "parametric": spec("parametric", tags="%py_provides python3-parametric\nBuildArch: noarch"),
    "either-release": spec("either-release", release="%{?snap:0.1.%{snap}%{?dist}}%{!?snap:1%{?dist}}"),
}  # fmt: skip


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    site = HostSite.create(tmp_path, monkeypatch)
    definition = site.world.super.path / "repos.yaml"
    definition.write_text(definition.read_text().replace(*TB) + COMPONENT_SETTINGS)
    site.run.__dict__["config"] = load_config(definition)
    return site


def test_every_one_is_planned_packed_and_built(site: HostSite) -> None:
    for name, files in COMPONENTS.items():
        site.world.component(f"repos/{name}", files)
    site.world.pin()
    plan = site.call("plan", "--json")
    assert (plan.code, plan.json["failed"]) == (0, [])
    built = site.build()
    wrong = {row.component: row.reason for row in built.rows if row.status is not ComponentStatus.BUILT}
    assert wrong == {}
    released = {}
    for row in built.rows:
        (rpm,) = row.rpms
        nevra = rpm.header.nevra
        assert row.srpm is not None
        # An included file may have subpackages of other versions.
        version = "" if row.component == "include" else f" - {nevra.version}-{nevra.release}"
        assert read_changelog_author(row.srpm) == f"{AUTHOR}{version}"
        own, _, rest = nevra.release.partition(f".1.g{row.commit[:7]}")
        released[row.component] = f"{nevra.version}-{own} {rest}"
    assert {name: text for name, text in released.items() if text != "1.0-1 tb"} == {
        "elifarch": "1.0-2 tb",
        "ifos": "1.0-4 tb",
        "dnl": "1.0-5 tb",
        "cat": "3.1-1 tb",
        "include": "4.2-1 tb",
        "load": "5.3-1 tb",
        "fallback": "6.4-1 tb",
        "from-outside": "8.6-1 tb",
        "auto": "1.0-3 tb",
        "computed": "1.0-4 tb",
        "head": "7.5-9 tb",
        "dist": "1.0-1 .tb",
        "hidden-dist": "1.0-1 .tb",
    }


def test_what_the_target_s_architecture_excludes_is_skipped(site: HostSite) -> None:
    tags = {
        "arm": "ExclusiveArch: s390x aarch64",
        "not-here": "ExcludeArch: x86_64\nBuildArch: noarch",
        "built-for": "BuildArch: aarch64",
        "both": "ExclusiveArch: aarch64 x86_64",
    }
    for name, lines in tags.items():
        site.world.component(f"repos/{name}", spec(name, tags=lines))
    site.world.pin()
    for verb in ("plan", "srpm", "build"):
        answer = site.call(verb, "--json")
        assert answer.code == 0, answer.err
    assert {
        row["component"]: (row["status"], row["reason"]) for row in answer.json if row["component"] != "both"
    } == {
        "arm": (
            "skipped",
            "ExclusiveArch: aarch64 s390x, and the target is x86_64",
        ),
        "not-here": ("skipped", "ExcludeArch: x86_64, and the target is x86_64"),
        "built-for": ("skipped", "its BuildArch: has no architecture for the target x86_64"),
    }
    assert {row["component"] for row in answer.json if row["status"] == "built"} == {"both"}
