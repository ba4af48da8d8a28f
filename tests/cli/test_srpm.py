"""`srpm` makes source packages of pinned commits: what goes in, what is refused, and never by running a spec here."""

from __future__ import annotations

import io
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from altai_build.model.limits import Limits
from altai_build.tools.rpm import rpmbuild
from altai_build.tools.rpm.header import read_header
from tests.kit.cli import CliResult, altai_build
from tests.kit.git import Entry, Repo, Symlink
from tests.kit.superprojects import World, make_files, make_spec, members, unpack

CONFIG = """\
project: altai
targets: {t: {mock_config: testbed-x86_64, arch: x86_64, macros: {dist: .tb, rhel: "6"}}}
keys: {k: {file: key.pub, signs: true}}
repositories: {main: {source: superproject, target: t, key: k}}
components:
  gen: {sources: {baseurl: "{baseurl}/{version}", project: "{project}"}}
  left-out: {skip: nobody wants it}
  named: {specs: [deep/er/named.spec]}
release: {baseurl: "https://example.org/altai/"}
"""
ENDINGS = {
    "gz": "tar.gz", "tgz": "tgz", "bz2": "tar.bz2", "tbz2": "tbz2", "xz": "tar.xz", "txz": "txz", "zst": "tar.zst",
    "tar": "tar", "zip": "zip",
}  # fmt: skip
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 3\n"
OLDEST = "* Thu Feb 28 2013 J\udcf6rg <a@example.org> - 1.0-1\n- \udcfc\n"
FUTURE = "* Thu Feb 28 2030 X <a@example.org> - 1.0-1\n- later than the commit\n"


def kinds(canary: Path) -> dict[str, Mapping[str, Entry]]:
    """Components by the last part of their path: every place, form and fault of specs and sources."""
    bad_release = "%if 0%{?rhel}\nRelease: 5%{?dist}\n%else\nRelease: 6\n%endif\n"
    touch = f"%(touch {canary})"
    return {
        "plain": make_files("plain"),
        **{name: make_files(f"f-{name}", source=f"%{{name}}-%{{version}}.{end}") for name, end in ENDINGS.items()},
        "in-rpm": {
            "rpm/in-rpm.spec": make_spec("in-rpm"),
            "packaging/no.spec": make_spec("no1"),
            "redhat/no.spec": make_spec("no2"),
            "SPECS/no.spec": make_spec("no3"),
        },
        "in-packaging": {
            "packaging/in-packaging.spec": make_spec("in-packaging"),
            "redhat/no.spec": make_spec("no4"),
        },
        "in-redhat": {"redhat/in-redhat.spec": make_spec("in-redhat"), "SPECS/no.spec": make_spec("no5")},
        "in-SPECS": {
            "SPECS/in-SPECS.spec": make_spec("in-SPECS", tags="Source1: one"),
            "SOURCES/one": "from SOURCES\n",
        },
        "two": {"a.spec": make_spec("two-a"), "b.spec": make_spec("two-b")},
        "foreign-first": {"x.spec": "a = Analysis(['x.py'])\n", "rpm/real.spec": make_spec("real")},
        "foreign": {"x.spec": "# -*- mode: python -*-\na = Analysis(['x.py'])\n"},
        "no-spec": {"README": "x", "deep/er/x.spec": make_spec("x")},
        "left-out": make_files("left-out"),
        "named": {"deep/er/named.spec": make_spec("named"), "wrong.spec": make_spec("wrong")},
        "sources": {
            "packaging/sources.spec": make_spec(
                "sources",
                tags="Source1: a.init\nSource2: deep.txt\nSource3: b.txt\nSource4: http://example.org/dl/c.txt\n"
                "Source5: https://example.org/x?y#/d.txt\nPatch0: e.patch\nSource6: link.txt\nSource7: ../f.txt",
            ),
            "packaging/a.init": "beside the spec",
            "a.init": "at the root",
            "x/y/deep.txt": "somewhere",
            "SOURCES/b.txt": "in the sibling SOURCES",
            "c.txt": "kept from its URL",
            "d.txt": "named by the fragment",
            "e.patch": "a patch",
            "link.txt": Symlink("x/y/deep.txt"),
            "f.txt": "its base name counts",
        },
        "no-archive": {"no-archive.spec": make_spec("no-archive", source="plain.txt"), "plain.txt": "p"},
        "prefix": make_files("prefix", prep="%setup -q -n other-dir"),
        "prefix-macro": make_files("prefix-macro", prep="%global short abc\n%setup -q -n %{name}_%{short}"),
        "autosetup": make_files("autosetup", prep="%autosetup -p1 -n src"),
        "prefix-shell": make_files("prefix-shell", version="%(echo 3)", prep="%setup -q -n src-%{version}"),
        "runs-version": make_files("runs-version", version=f"%(touch {canary}; id -u)"),
        "runs-source": make_files("runs-source", source=f"%{{name}}-%(touch {canary}; echo 1).tar.gz"),
        "runs-prep": make_files("runs-prep", prep=f"{touch}%setup -q"),
        "runs-lua": make_files(
            "runs-lua",
            version=f'%{{lua: os.execute("touch {canary}"); io.open("{canary}", "w"); print("2." .. (1 + 4))}}',
        ),
        "sees": make_files(
            "sees",
            tags="BuildArch: noarch\nProvides: net-%(ls /sys/class/net /proc/net/dev >/dev/null 2>&1; "
            "grep -c : /proc/net/dev)\nProvides: home-%(ls /root /home 2>/dev/null | wc -l)\n"
            "Provides: env-%(env | grep -c SECRET)\nProvides: host-%(hostname)\n"
            f"Provides: shadow-%(test -e /etc/shadow -o -e {canary.parent} && echo seen || echo hidden)",
        ),
        "include": {
            **make_files("include", tags="Source1: inc.txt\n%include %{_sourcedir}/inc.txt\nBuildArch: noarch"),
            "inc.txt": "Epoch: 3\n",
        },
        "include-host": make_files("include-host", tags=f"%include {canary.parent}/secret\nBuildArch: noarch"),
        "not-utf-8": make_files("not-utf-8", changelog=OLDEST),
        "future": make_files("future", changelog=FUTURE),
        "release-dist": make_files("release-dist", release="3%{?dist}"),
        "release-behind": make_files("release-behind", release="3%{dist}.1"),
        "release-macro": {"r.spec": "%define rel 7%{?dist}\n" + make_spec("release-macro", release="%{rel}")},
        "release-shell": {"r.spec": "%define rel %(echo 8)%{?dist}\n" + make_spec("release-shell", release="%{rel}")},
        "release-if": {"r.spec": make_spec("release-if").replace("Release: 1\n", bad_release)},
        "missing": make_files(
            "missing", tags="Source1: one.txt\nSource2: two.txt\nPatch3: three.patch\nSource4: http://x.org/four.tgz"
        ),
        "lfs": {**make_files("lfs", tags="Source1: one.bin"), "one.bin": LFS},
        "twice": {**make_files("twice", tags="Source1: one"), "a/one": "1", "b/one": "2"},
        "links-out": {
            **make_files("links-out", tags="Source1: passwd\nSource2: loop\nSource3: up"),
            "passwd": Symlink("/etc/passwd"),
            "loop": Symlink("loop"),
            "up": Symlink("../../../../../../etc/passwd"),
        },
        "bad-names": make_files(
            "bad-names", tags="Source1: -rf\nSource2: ..\nSource3: a b\nSource4: http://x/#/../../etc\nSource5: sub/"
        ),
        "recursion": {"r.spec": "%define a() %{b}\n%define b() %{a}\nName: %a\nVersion: 1\nRelease: 1\n"},
        "broken": {"broken.spec": make_spec("broken") + "%if 1\n"},
        "no-version": {"n.spec": "Name: no-version\nSummary: x\n"},
        "no-source": make_files("no-source", tags="NoSource: 0\nBuildArch: noarch"),
        "empty-release": make_files("empty-release", release=""),
        "gen": make_files("gen", tags="Source1: baseurl\nSource2: project"),
        "attributes": {
            **make_files("attributes"),
            ".gitattributes": "subst export-subst\nhidden export-ignore\n",
            "subst": "$Format:%d$",
            "hidden": "x",
        },
        "same-1": make_files("same"),
        "same-2": {**make_files("same"), "other": "content"},
        "ünï cödé": make_files("unicode"),
    }  # fmt: skip


@dataclass(frozen=True)
class Made:
    """The answer of one run over all kinds, and where the files are."""

    answer: CliResult
    rows: dict[str, dict[str, Any]]
    output: Path
    canary: Path

    def srpm(self, component: str) -> Path:
        row = self.rows[component]
        assert row["status"] == "built", row["reason"]
        return Path(row["srpm"])

    def content(self, component: str) -> dict[str, str]:
        """Files of a component's archive: path below the prefix folder → text."""
        files = unpack(self.srpm(component))
        (archive,) = [name for name in files if ".t" in name and not name.endswith(".txt")]
        return members(files[archive])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("kinds")
    world, canary = World(folder), folder / "canary"
    (folder / "secret").write_text("Epoch: 666\n")
    for name, files in kinds(canary).items():
        world.component(f"repos/{name}", files)
    world.pin({"root.spec": make_spec("root"), "README": "of the superproject\n"})
    (world.super.path / "repos.yaml").write_text(CONFIG)
    words = ("-C", world.super.path, "--workspace", folder / "ws", "srpm", "--json", "-o", folder / "out")
    answer = altai_build(*words, cwd=folder, env={"MY_SECRET": "x"})
    rows = {row["component"]: row for row in answer.json}
    return Made(answer=answer, rows=rows, output=folder / "out", canary=canary)


def test_every_component_has_one_row_with_all_keys(made: Made) -> None:
    rows = made.answer.json
    assert (
        len(rows) == len(made.rows) == len(kinds(made.canary)) + 2
    )  # the root, and two specs in one component
    keys = ["schema_version", "component", "commit", "status", "srpm", "nevra", "reason"]
    assert all(list(row) == keys and row["reason"] for row in rows)
    assert all((row["srpm"] is not None) == (row["status"] in ("built", "reused")) for row in rows)
    assert made.answer.code == 3
    produced = {row["srpm"] for row in rows if row["srpm"]}
    assert produced == {str(path) for path in made.output.iterdir()}


def test_no_spec_runs_on_the_host(made: Made) -> None:
    assert not made.canary.exists()
    assert read_header(made.srpm("runs-version")).nevra.version == "1000"
    assert read_header(made.srpm("runs-lua")).nevra.version == "2.5"
    assert "runs-source-1.tar.gz" in unpack(made.srpm("runs-source"))
    assert made.srpm("runs-prep")


def test_what_a_spec_sees_in_the_sandbox(made: Made, tmp_path: Path) -> None:
    files = {"sees.spec": unpack(made.srpm("sees"))["sees.spec"]}
    # Provides of a source package are not kept; the sandbox's view is asked of the same tool directly.
    text = rpmbuild.expand_spec("sees.spec", files, {}, "x86_64", Limits(), epoch=1, scratch=tmp_path).text
    provided = [line.split()[1] for line in text.splitlines() if line.startswith("Provides:")]
    assert provided == ["net-1", "home-0", "env-0", "host-altai-build.localdomain", "shadow-hidden"]
    assert (
        subprocess.run(["hostname"], capture_output=True, check=True).stdout != b"altai-build.localdomain\n"
    )


def test_a_spec_that_never_ends_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpmbuild, "EXPAND_TIMEOUT", 0.5)
    files = {"x.spec": make_spec("x", version="%(sleep 1000; echo 1)").encode()}
    result = rpmbuild.expand_spec("x.spec", files, {}, "x86_64", Limits(), epoch=1, scratch=tmp_path)
    assert result.returncode < 0 and result.error_text.endswith("stopped after 0.5 seconds")


@pytest.mark.parametrize("name", sorted(ENDINGS))
def test_every_format_of_archive_holds_the_commit(made: Made, name: str) -> None:
    files = unpack(made.srpm(name))
    archive = f"f-{name}-1.0.{ENDINGS[name]}"
    assert set(files) == {f"f-{name}.spec", archive}
    if name == "zip":
        with zipfile.ZipFile(io.BytesIO(files[archive])) as zipped:
            assert zipped.read("f-zip-1.0/README") == b"This is f-zip.\n"
        return
    assert members(files[archive])[f"f-{name}-1.0/README"] == f"This is f-{name}.\n"


@pytest.mark.parametrize("place", ["in-rpm", "in-packaging", "in-redhat", "in-SPECS", "named"])
def test_the_first_folder_with_a_spec_is_used(made: Made, place: str) -> None:
    assert read_header(made.srpm(place)).nevra.name == place
    assert "no1" not in str(made.answer.json)


def test_each_spec_of_a_folder_is_a_component(made: Made) -> None:
    assert [name for name in made.rows if name.startswith("two")] == ["two/a", "two/b"]
    assert {read_header(made.srpm(name)).nevra.name for name in ("two/a", "two/b")} == {"two-a", "two-b"}


def test_files_that_are_not_rpm_specs_are_ignored(made: Made) -> None:
    assert read_header(made.srpm("foreign-first")).nevra.name == "real"


@pytest.mark.parametrize(
    ("component", "reason"),
    [
        (
            "no-spec",
            "no spec file in its root, rpm/, packaging/, redhat/, SPECS/, but deep/er/x.spec; if it is the "
            "component's, name it in components.no-spec.specs",
        ),
        ("foreign", "x.spec: not an RPM spec"),
        ("left-out", "skipped in repos.yaml: nobody wants it"),
    ],
)
def test_skipped_components_have_a_reason(made: Made, component: str, reason: str) -> None:
    row = made.rows[component]
    assert (row["status"], row["srpm"], row["nevra"], row["reason"]) == ("skipped", None, None, reason)


def test_sources_are_found_in_all_folders(made: Made) -> None:
    files = unpack(made.srpm("sources"))
    del files["sources.spec"], files["sources-1.0.tar.gz"]
    assert files == {
        "a.init": b"beside the spec",
        "deep.txt": b"somewhere",
        "b.txt": b"in the sibling SOURCES",
        "c.txt": b"kept from its URL",
        "d.txt": b"named by the fragment",
        "e.patch": b"a patch",
        "link.txt": b"somewhere",
        "f.txt": b"its base name counts",
    }
    assert unpack(made.srpm("in-SPECS"))["one"] == b"from SOURCES\n"
    assert unpack(made.srpm("include"))["inc.txt"] == b"Epoch: 3\n"
    assert unpack(made.srpm("no-archive"))["plain.txt"] == b"p"


def test_generated_sources(made: Made) -> None:
    files = unpack(made.srpm("gen"))
    assert (files["baseurl"], files["project"]) == (b"https://example.org/altai/1.0\n", b"altai\n")


@pytest.mark.parametrize(
    ("component", "folder"),
    [("prefix", "other-dir"), ("prefix-macro", "prefix-macro_abc"), ("autosetup", "src")],
)
def test_the_folder_in_the_archive_is_the_one_that_setup_enters(
    made: Made, component: str, folder: str
) -> None:
    assert {path.partition("/")[0] for path in made.content(component)} == {folder}


def test_attributes_of_the_commit_apply_and_show_no_branch(made: Made) -> None:
    content = made.content("attributes")
    assert "attributes-1.0/hidden" not in content
    assert content["attributes-1.0/subst"] == "$Format:%d$"


@pytest.mark.parametrize(
    ("component", "release"),
    [
        ("plain", "1.1.g{}.tb"),
        ("release-dist", "3.1.g{}.tb"),
        ("release-behind", "3.1.g{}.tb.1"),
        ("release-macro", "7.1.g{}.tb"),
        ("release-shell", "8.1.g{}.tb"),
        ("release-if", "5.1.g{}.tb"),
    ],
)
def test_the_release_carries_count_and_commit_before_dist(made: Made, component: str, release: str) -> None:
    commit = made.rows[component]["commit"]
    assert read_header(made.srpm(component)).nevra.release == release.format(commit[:7])


def test_the_commit_can_be_read_from_the_changelog(made: Made) -> None:
    for component in ("plain", "not-utf-8", "future", "root"):
        header = read_header(made.srpm(component))
        assert made.rows[component]["commit"] in header.changelog, component
    assert b"J\xf6rg" in unpack(made.srpm("not-utf-8"))["not-utf-8.spec"]


@pytest.mark.parametrize(
    ("component", "reason"),
    [
        (
            "missing",
            "missing: 4 sources are missing\n"
            "  Source1: one.txt is neither in the repository nor generated\n"
            "  Source2: two.txt is neither in the repository nor generated\n"
            "  Source4: four.tgz is neither in the repository nor generated\n"
            "  Patch3: three.patch is neither in the repository nor generated\n"
            "What to do: commit the files beside missing.spec, or generate them by "
            "components.missing.sources in repos.yaml",
        ),
        ("lfs", "Source1: one.bin is a Git LFS pointer at one.bin, not the file"),
        ("twice", "Source1: one is not beside the spec, and 2 files have this name: a/one, b/one"),
        ("links-out", "Source1: passwd is neither"),
        ("links-out", "Source2: loop is neither"),
        ("links-out", "Source3: up is neither"),
        ("bad-names", "5 sources are missing"),
        ("bad-names", "Source1: -rf is neither in the repository nor generated"),
        ("bad-names", "Source2: '..' is not a plain file name"),
        ("recursion", "recursion"),
        ("no-source", "would lack sources: the spec has NoSource: or NoPatch:"),
        ("empty-release", "line 3: Empty tag: Release:"),
        ("broken", "rpm refuses broken.spec: line"),
        ("broken", "What to do: fix repos/broken/broken.spec and commit it"),
        ("include-host", "rpm refuses include-host.spec: Unable to open"),
        ("no-version", "it has no Version and Release: tag"),
        ("same-1", "2 components produce the same package"),
        ("same-2", "repos/same-1/same.spec at "),
        ("same-1", "repos/same-2/same.spec at "),
    ],
)
def test_failed_components_have_a_reason_and_do_not_stop_the_others(
    made: Made, component: str, reason: str
) -> None:
    row = made.rows[component]
    assert (row["status"], row["srpm"], row["nevra"]) == ("failed", None, None)
    assert reason in row["reason"]
    assert row["reason"].splitlines()[0] in made.answer.err


@pytest.mark.parametrize("component", ["same-1", "same-2"])
def test_the_progress_output_does_not_end_with_made_for_what_is_refused(made: Made, component: str) -> None:
    words = [line.split() for line in made.answer.err.splitlines() if line.startswith("  ")]
    assert [line[0] for line in words if component in line][-1:] == ["failed"], made.answer.err


def test_a_superproject_without_components_is_reported(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "super")
    repo.commit({"README": "nothing is pinned here\n"})
    answer = altai_build("-C", repo.path, "srpm", "--json", cwd=tmp_path)
    assert (answer.code, answer.json) == (0, [])
    assert "there are no components" in answer.err
