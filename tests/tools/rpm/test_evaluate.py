"""Specs that only rpm can read are read by rpm in the sandbox, which sees the files beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.limits import Limits
from altai_build.model.spec import SpecInfo
from altai_build.tools.git.component_source import ComponentSpec
from altai_build.tools.rpm import rpmbuild
from altai_build.tools.rpm.evaluate import ForeignArch, SpecEvaluator, find_kernel, shows_clock
from tests.kit.git import Entry, Symlink
from tests.kit.sourced import make_component_spec
from tests.kit.superprojects import make_spec


def make(
    folder: Path, text: str, files: Mapping[str, Entry] | None = None, spec: str = "x.spec"
) -> ComponentSpec:
    return make_component_spec(folder, {spec: text, **(files or {})}, spec)


def evaluator(folder: Path) -> SpecEvaluator:
    return SpecEvaluator(Limits(), scratch=folder / "scratch", cache=folder / "cache")


def evaluate(folder: Path, text: str, files: Mapping[str, Entry] | None = None, **macros: str) -> SpecInfo:
    return evaluator(folder).evaluate(make(folder, text, files), macros, "x86_64")


def test_rpm_reads_what_it_expands(tmp_path: Path) -> None:
    text = make_spec(
        "x", version="%(echo 2).5", prep="%setup -q -n v%(echo 1)", tags="Epoch: %{lua: print(3)}"
    )
    text += "%package -n %(echo y)\nSummary: y\nProvides: z = %(echo 4)\n%description -n y\ny\n%files -n y\n"
    info = evaluate(tmp_path, text.replace("%description\n", "BuildRequires: lib%{?_isa}\n%description\n", 1))
    assert (info.name, info.epoch, info.version, info.prefix) == ("x", "3", "2.5", "v1")
    assert info.packages == ("x", "y") and info.build_requires == ("lib(x86-64)",)
    assert info.provides == ("x", "y", "x(x86-64)", "y(x86-64)", "z")
    assert [source.value for source in info.sources] == ["x-2.5.tar.gz"]


def test_sections_right_behind_prep(tmp_path: Path) -> None:
    text = (
        "Name: x\nVersion: %(echo 2)\nRelease: 1\nSummary: x\nLicense: x\n%description\nx\n%prep\n%setup -q\n"
    )
    text += "%package y\nSummary: y\nRequires: z\n%description y\ny\n%files\n%files y\n"
    info = evaluate(tmp_path, text)
    assert (info.packages, info.requires) == (("x", "x-y"), ("z",))


FROM_FILES = (
    "%define ver %(cat %{_sourcedir}/VERSION)\n%include %{_sourcedir}/v.inc\n%{load:%{SOURCE3}}\n"
    + make_spec("x", version="%{ver}.%{minor}%{patch}").replace(
        "%prep", "%prep\n%(test -e %{SOURCE9} && echo bad)"
    )
).replace("Source0:", "Source3: m.macros\nSource9: none\nSource0:")


@pytest.mark.parametrize("folder", ["", "SPECS/", "rpm/"])
def test_rpm_sees_the_files_beside_the_spec(tmp_path: Path, folder: str) -> None:
    sources = {"": "", "SPECS/": "SOURCES/", "rpm/": "rpm/SOURCES/"}[folder]
    files: dict[str, Entry] = {
        f"{sources}VERSION": "7\n",
        f"{sources}v.inc": "%global minor 1\n",
        f"{sources}real": "%patch 4\n",
        f"{sources}m.macros": Symlink("real"),
        "other/VERSION": "8\n",
    }
    text = FROM_FILES.replace("%{load:%{SOURCE3}}\n", "").replace(
        "Source9: none", "Source9: none\n%{load:%{SOURCE3}}"
    )
    head, version, rest = text.partition("Version: ")
    source = make(
        tmp_path, head + "%{load:%{_sourcedir}/m.macros}\n" + version + rest, files, f"{folder}x.spec"
    )
    info = evaluator(tmp_path).read(source, {}, "x86_64")
    assert info.version == "7.14" and info.sources[-1].file == "x-7.14.tar.gz"


def test_name_version_and_release_from_an_included_file(tmp_path: Path) -> None:
    text = "%include %{_sourcedir}/head.inc\nSummary: x\nLicense: x\n%description\nx\n%files\n"
    files: dict[str, Entry] = {"head.inc": "Name: x\nVersion: 1\nRelease: 2%{?dist}\n"}
    info = evaluator(tmp_path).read(make(tmp_path, text, files), {"dist": ".el9"}, "x86_64")
    assert (info.name, info.version, info.release, info.packages) == ("x", "1", "2.el9", ("x",))


def test_large_files_are_not_shown(tmp_path: Path) -> None:
    files = {"big": "x" * (1 << 21)}
    text = make_spec("x", version="%(test -e %{_sourcedir}/big && echo 2 || echo 1)")
    assert evaluate(tmp_path, text, files).version == "1"


def test_where_a_macro_hides_dist(tmp_path: Path) -> None:
    text = "%define rel %(echo 3)%{?dist}\n" + make_spec("x", release="%{rel}.1")
    info = evaluate(tmp_path, text, dist=".el6")
    assert (info.release, info.hidden_dist) == ("3.el6.1", "3\0.1")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        (
            {"version": "%(echo '%{a}')"},
            "x: repos/x/x.spec has an undefined macro in its name, version or release",
        ),
        (
            {"tags": "%py_provides x"},
            "x: x.spec has a macro that rpm does not know on this machine: %py_provides",
        ),
        (
            {"version": "%(seq 2; exit 4)"},
            "x: rpm refuses x.spec: line 2 (`Version: %(seq 2; exit 4)`): Unknown tag: 2",
        ),
        (
            {"tags": "%include /none"},
            "x: rpm refuses x.spec: Unable to open /none: No such file or directory",
        ),
    ],
)
def test_what_rpm_refuses(tmp_path: Path, changes: dict[str, str], what: str) -> None:
    with pytest.raises(InputError) as caught:
        evaluate(tmp_path, make_spec("x", **changes))
    assert caught.value.what == what


def test_what_rpm_said_is_kept_by_what_it_depends_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = make_spec("x", version="%(cat %{_sourcedir}/V)")
    first = make(tmp_path / "1", text, {"V": "1"})
    assert evaluator(tmp_path).evaluate(first, {}, "x86_64").version == "1"
    assert evaluator(tmp_path).evaluate(make(tmp_path / "2", text, {"V": "2"}), {}, "x86_64").version == "2"
    monkeypatch.setattr(rpmbuild, "expand_spec", None)
    assert evaluator(tmp_path).evaluate(first, {}, "x86_64").version == "1"
    with pytest.raises(TypeError):
        evaluator(tmp_path).evaluate(first, {"dist": ".x"}, "x86_64")
    with pytest.raises(TypeError):
        evaluator(tmp_path).evaluate(first, {}, "i686")


def test_what_can_be_read_statically_is_not_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpmbuild, "expand_spec", None)
    assert evaluator(tmp_path).read(make(tmp_path, make_spec("x")), {}, "x86_64").version == "1.0"


def test_files_that_the_spec_reads_and_does_not_name(tmp_path: Path) -> None:
    text = "%include %{_sourcedir}/a.inc\n" + make_spec("x", version="%{ver}", source="Source0.tar.gz")
    text = text.replace("Source0:", "Source1: README\nSource0:").replace("%files\n", "%files\n%doc NOTES\n")
    files: dict[str, Entry] = {
        "a.inc": "%define ver %(cat %{_sourcedir}/VERSION)\n", "VERSION": "2", "README": "1", "NOTES": "3",
    }  # fmt: skip
    info = evaluate(tmp_path, text, files)
    assert (info.version, info.unlisted) == ("2", ("VERSION", "a.inc"))


def test_files_that_cannot_be_told_by_name(tmp_path: Path) -> None:
    text = make_spec("x", version="%(cat %{_sourcedir}/V*)", source="x.patch")
    with pytest.raises(InputError) as caught:
        evaluate(tmp_path, text, {"VERSION": "2", "x.patch": ""})
    assert caught.value.what == "x: repos/x/x.spec reads files that none of its sources names"


def test_a_spec_that_does_without_them(tmp_path: Path) -> None:
    text = make_spec("x", version="%(test -d %{_sourcedir} && echo 1)", source="x.patch")
    assert evaluate(tmp_path, text, {"VERSION": "2", "x.patch": ""}).unlisted == ()


def test_a_spec_that_asks_for_the_date_gets_that_of_the_commit(tmp_path: Path) -> None:
    """By every way that rpm has itself: shell, Lua, the time of a file, the environment."""
    version = (
        "%(date +%Y).%(/bin/date -d yesterday +%j).%(date -r %{_sourcedir}/x +%m).%(echo $SOURCE_DATE_EPOCH)"
    )
    text = make_spec("x", version=version).replace(
        "Release: 1", 'Release: %{lua: print(os.date("%Y%m%d"))}.%{lua: print(os.time())}'
    )
    source = make(tmp_path, text, {"x": "x\n"})
    time = source.store.read_commit_time(source.component.commit)
    day = datetime.fromtimestamp(time, timezone.utc)
    info = evaluator(tmp_path).evaluate(source, {}, "x86_64")
    yesterday = (day - timedelta(days=1)).strftime("%j")
    assert info.version == f"{day:%Y}.{yesterday}.{day:%m}.{time}"
    assert info.release == f"{day:%Y%m%d}.{time}"


@pytest.mark.parametrize("form", ["%Y%m%d", "%s"])
def test_a_spec_that_has_the_clock_from_elsewhere_is_refused(tmp_path: Path, form: str) -> None:
    """Until the day of the commit is over nobody would notice, and then every day has a package of its own."""
    text = make_spec("x", version=f"1.%(perl -MPOSIX -e 'print strftime(\"{form}\", gmtime)')")
    with pytest.raises(InputError, match=r"x: repos/x/x\.spec has another version every day"):
        evaluate(tmp_path, text)


COMMITTED, NOW = 1_362_051_200, 1_800_000_000


@pytest.mark.parametrize(
    ("value", "known", "shown"),
    [
        ("1.20270115", "", True),
        ("1.20270115", "Version: 1.20270115", False),
        ("1.20130228", "", False),
        ("27.01.15", "", False),
        ("2027.01.15", "", True),
        ("270115git", "", True),
        ("0.1800000003", "", True),
        ("0.1800000003", "1800000003", False),
        ("0.1799999999", "", False),
        ("0.11800000003", "", False),
        (f"0.{COMMITTED}", "", False),
    ],
)
def test_values_with_the_time_of_the_evaluation(value: str, known: str, shown: bool) -> None:
    assert shows_clock(value, known, NOW, COMMITTED) is shown


def test_on_the_day_of_the_commit_its_date_may_be_that_of_the_commit() -> None:
    assert not shows_clock("1.20270115", "", NOW, NOW - 3600)
    assert shows_clock(f"1.{NOW}", "", NOW, NOW - 3600)


@pytest.mark.parametrize(
    ("tag", "macro"),
    [
        ("%py_provides python3-x", "%py_provides"),
        ("%{gometa -i}", "%gometa"),
        ("BuildRequires: %{py3_dist six}", "%py3_dist"),
        ("Requires: a, %py3_dist six", "%py3_dist"),
        ("Epoch: %{epoch_of_x}", "%epoch_of_x"),
        ("%if %{nosuch}\nRequires: x\n%endif", "%nosuch"),
        ("ExclusiveArch: %{nodejs_arches} noarch", "ExclusiveArch: %{nodejs_arches} noarch"),
        ("ExcludeArch: %{some_arches}", "ExcludeArch: %{some_arches}"),
        ("BuildArch: %{some_arch}", "BuildArch: %{some_arch}"),
        ("%package y\nSummary: y\nBuildArch: %{some_arch}\n%description y\ny", "BuildArch: %{some_arch}"),
    ],
)
def test_a_macro_that_rpm_does_not_know_here_is_named_with_the_ways_out(
    tmp_path: Path, tag: str, macro: str
) -> None:
    """The buildroot may have it: the spec is not to blame, and the component is not skipped."""
    with pytest.raises(InputError) as caught:
        evaluator(tmp_path).read(make(tmp_path, make_spec("x", tags=tag)), {}, "x86_64")
    assert not isinstance(caught.value, ForeignArch)
    assert "has a macro that rpm does not know on this machine" in str(caught.value)
    assert macro in str(caught.value)
    assert "components.x.macros, or targets.NAME.macros for all" in caught.value.todo


@pytest.mark.parametrize(
    ("version", "todo"),
    [
        ("{{{ git_dir_version }}}", "repos/x/x.spec seems to be a template"),
        ("@VERSION@", "repos/x/x.spec seems to be a template"),
        ("%(git describe)", "specs are read without a repository"),
        ('%{lua: require("fedora.common")}', "define the macro in repos.yaml by components.x.macros"),
        ("1 2", "fix repos/x/x.spec and commit it"),
    ],
)
def test_an_error_says_what_to_do(tmp_path: Path, version: str, todo: str) -> None:
    with pytest.raises(InputError) as caught:
        evaluate(tmp_path, make_spec("x", version=version))
    assert caught.value.todo.startswith(todo)


def test_a_file_in_git_lfs_is_read_as_its_content(tmp_path: Path) -> None:
    """What the clone has of it may change, so that nothing is kept."""
    oid = hashlib.sha256(b"7\n").hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 2\n"
    text = make_spec("x", version="%(cat %{_sourcedir}/V || echo 0)")
    source = make(tmp_path, text, {"V": pointer, "other.bin": pointer.replace(oid, "a" * 64)})
    with pytest.raises(InputError, match=r"^V is a Git LFS pointer, not the file"):
        evaluator(tmp_path).evaluate(source, {}, "x86_64")
    path = tmp_path / "component/.git/lfs/objects" / oid[:2] / oid[2:4] / oid
    path.parent.mkdir(parents=True)
    path.write_bytes(b"7\n")
    assert evaluator(tmp_path).evaluate(source, {}, "x86_64").version == "7"
    assert not (tmp_path / "cache").exists()


def test_an_architecture_from_a_macro_may_be_foreign(tmp_path: Path) -> None:
    text = "%global some_arch aarch64\n" + make_spec("x", tags="BuildArch: %{some_arch}")
    with pytest.raises(ForeignArch):
        evaluate(tmp_path, text)
    info = evaluator(tmp_path).read(
        make(tmp_path / "2", make_spec("x", tags="ExclusiveArch: %{some_arches}")),
        {"some_arches": "aarch64 x86_64"},
        "x86_64",
    )
    assert info.excluded == ""


def test_a_spec_that_asks_for_the_kernel_is_refused(tmp_path: Path) -> None:
    text = make_spec("x").replace("Release: 1", "Release: 1.%{kernel}")
    kernel = "%{!?kernel: %global kernel %(uname -r | tr - _)}\n"
    with pytest.raises(InputError, match="has another version or release under every kernel") as caught:
        evaluate(tmp_path, kernel + text)
    assert "macros" in caught.value.todo
    info = evaluate(tmp_path / "2", kernel + text, kernel="4.18.0")
    assert info.release.startswith("1.4.18.0")


@pytest.mark.parametrize(
    ("value", "known", "found"),
    [
        ("x 1 1.6.1.0_13_amd64", "", "6.1.0_13_amd64"),
        ("x 1 6.1.0.13.amd64", "", "6.1.0.13.amd64"),
        ("x 1 6.1.0.13.amd64", "Release: 6.1.0.13.amd64", ""),
        ("x 6.1.0 1", "", ""),
    ],
)
def test_values_with_the_release_of_the_kernel(value: str, known: str, found: str) -> None:
    assert find_kernel(value, known, "6.1.0-13-amd64") == found


def test_a_spec_that_says_something_else_each_time_is_refused(tmp_path: Path) -> None:
    text = make_spec("x", version="1.%(od -An -N6 -tu8 /dev/urandom | tr -d ' ')")
    with pytest.raises(InputError, match="says something else each time"):
        evaluate(tmp_path, text)
    harmless = make_spec("x", version="1.%(rm -f $(mktemp); echo 2)")
    assert evaluate(tmp_path / "2", harmless).version == "1.2"
