"""What a spec says is read as rpm reads it, or left to rpm."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from altai_build.model.spec import SpecInfo, load_spec_info
from altai_build.tools.spec import reader_child
from altai_build.tools.spec.parser import SpecContent
from altai_build.tools.spec.reader import RPM_MACROS
from altai_build.tools.spec.undecided import OnlyRpmKnows

HEAD = "Name: focus\nVersion: 1.0\nRelease: 3%{?dist}\nSummary: x\nLicense: x\n"


def read(text: str, **macros: str) -> SpecInfo:
    answer = reader_child.read_spec(text, {**RPM_MACROS, **macros}, "x86_64", is_expanded=False)
    assert "name" in answer, answer
    return load_spec_info(answer)


def reason(text: str) -> str:
    """Why only rpm knows what a spec says."""
    answer = reader_child.read_spec(text, RPM_MACROS, "x86_64", is_expanded=False)
    assert set(answer) == {"reason"}, answer
    return str(answer["reason"])


def test_plain_tags() -> None:
    info = read(HEAD + "Epoch: 02\n%description\n%files\n", dist=".el6")
    assert (info.name, info.epoch, info.version, info.release) == ("focus", "2", "1.0", "3.el6")
    assert (info.packages, info.prefix, info.hidden_dist) == (("focus",), "focus-1.0", None)


def test_macros_of_the_spec_and_of_the_target() -> None:
    text = "%global base foc\n%define commit() abc\nName: %{base}us\nVersion: %{ver}\nRelease: 1\n%if 0%{?rhel} >= 6\n"
    text += "BuildRequires: six\n%else\nBuildRequires: other\n%endif\n%{?with_x:BuildRequires: x}\n"
    info = read(text, ver="2.5", rhel="6")
    assert (info.name, info.version, info.build_requires) == ("focus", "2.5", ("six",))
    assert read(text, ver="2.5").build_requires == ("other",)


def test_values_of_macros_are_those_that_rpm_takes_from_its_command_line() -> None:
    values = {"a": " 1 ", "b": "x\\y", "c": "{z}z", "d()": "<%1>"}
    text = f"{HEAD}Source0: %{{a}}.tar\nSource1: %{{b}}\nSource2: %{{c}}\nSource3: %{{d e}}\n"
    assert [source.value for source in read(text, **values).sources] == ["1.tar", "xy", "z", "<e>"]


def test_packages_named_by_a_macro_of_the_spec() -> None:
    text = f"%global srcname six\n{HEAD}%description\n%package -n python3-%{{srcname}}\nSummary: x\n"
    text += "Provides: python3dist(%{srcname}) = %{version}\nRequires: lib%srcname-devel\n%description -n python3-six\n"
    info = read(f"{text}%files -n python3-%{{srcname}}\n")
    assert info.packages == ("python3-six",)
    assert info.provides == ("python3-six", "python3-six(x86-64)", "python3dist(six)")
    assert info.requires == ("libsix-devel",)


def test_packages_and_what_they_provide_and_need() -> None:
    text = (
        HEAD
        + "Provides: virtual = 2, other\nRequires: a >= 1, b\nRequires(pre): c\n%description\n%package libs\n"
    )
    text += "Summary: x\nBuildArch: noarch\nProvides: inner\nPreReq: d\n%package -n whole-name\nSummary: x\n"
    text += "%package unmade\nSummary: x\nProvides: nothing\nRequires: nothing\n"
    info = read(text + "%files\n%files libs -f list\n%files -n whole-name\n")
    assert info.packages == ("focus", "focus-libs", "whole-name")
    assert info.provides == (
        *("focus", "focus-libs", "whole-name", "focus(x86-64)", "whole-name(x86-64)"),
        *("virtual", "other", "inner"),
    )
    assert info.requires == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    "files", ["%files", "%files -n %{name}", "%Files -f %{name}.lang", "%files -n focus -f x"]
)
def test_the_main_package_is_made_with_its_files(files: str) -> None:
    assert read(f"{HEAD}%description\n{files}\n").packages == ("focus",)


def test_a_main_package_without_files_is_not_made() -> None:
    assert read(f"{HEAD}%description\n%package libs\nSummary: x\n%files libs\n").packages == ("focus-libs",)


def test_a_noarch_spec_is_read_for_noarch() -> None:
    text = (
        HEAD + "BuildArch: noarch\n%ifarch noarch\nProvides: a\n%endif\n%ifarch x86_64\nProvides: b\n%endif\n"
    )
    text += "%description\n%files\n"
    assert read(text).provides == ("focus", "a")


def test_rpm_ignores_the_case_of_sections_and_tags() -> None:
    text = (
        HEAD.lower() + "BUILDREQUIRES: a\n%Description\n%Prep\n%setup -n other\n%Build\n%Files\n%Changelog\n"
    )
    info = read(text)
    assert (info.build_requires, info.prefix, info.packages) == (("a",), "other", ("focus",))


def test_a_comment_behind_a_value() -> None:
    info = read(HEAD.replace("Version: 1.0", "Version: 1.0 %dnl why"))
    assert (info.version, info.release) == ("1.0", "3")


def test_sources_and_patches_wherever_they_are_named() -> None:
    text = (
        HEAD
        + "Source: %{name}-%{version}.tar.gz\nSource5: https://example.org/a/b.txt\nSource : c\nPatch0: d.patch\n"
    )
    text += "%description\n%package x\nSource10: e\nSummary: x\n%sourcelist\nf # no comment\n# comment\n%patchlist\ng\n"
    info = read(text)
    assert [(tag.number, tag.value) for tag in info.sources] == [
        (0, "focus-1.0.tar.gz"),
        (5, "https://example.org/a/b.txt"),
        (6, "c"),
        (10, "e"),
        (11, "f # no comment"),
    ]
    assert [(tag.number, tag.value) for tag in info.patches] == [(0, "d.patch"), (1, "g")]
    assert read(f"{HEAD}Source7: a\nSource: %{{SOURCE7}}\n").sources[1].value == "/builddir/SOURCES/a"


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("BuildRequires: lib%{?_isa}", ("lib(x86-64)",)),
        ("BuildRequires: %{?undefined_macro}x", ("x",)),
        ("BuildPrereq: x", ("x",)),
        ("BuildConflicts: x", ()),
        ("buildrequires:x", ("x",)),
        ("#BuildRequires: x", ()),
        ("%{!?x:BuildRequires: y}", ("y",)),
        ("%define up lib\nBuildRequires: lib%up-devel", ("liblib-devel",)),
    ],
)
def test_build_requirements(line: str, names: tuple[str, ...]) -> None:
    assert read(f"{HEAD}{line}\n%description\n").build_requires == names


@pytest.mark.parametrize(
    ("prep", "prefix"),
    [
        ("%setup -q", "focus-1.0"),
        ("%setup -q -n other", "other"),
        ("%setup -qn other", "other"),
        ("%setup -nother -q", "other"),
        ("%setup -n=other", "other"),
        ('%setup -q -n "other one"', "other one"),
        ("%setup -q -n %{name}-%{version}-src", "focus-1.0-src"),
        ("%setup -n %{name}-%{version}/sub", "focus-1.0"),
        ("%autosetup -p1 -vn other", "other"),
        ("%setup -q -n first\n%setup -T -D -a 1 -n second", "first"),
        ("# %setup -n old\n%setup -n new", "new"),
        ("%if 0\n%setup -n old\n%elif 1\n%setup -n new\n%endif", "new"),
        ("%setup -c -n work", ""),
        ("%setup -qc\nmv %{name}-%{version} inner", "focus-1.0"),
        ("%setup -c -n work\ncd work", ""),
        ("%setup -n ./a//b", "a"),
        ("tar xf %{SOURCE0}", "focus-1.0"),
    ],
)
def test_the_folder_that_setup_enters(prep: str, prefix: str) -> None:
    assert read(f"{HEAD}Source: a.tar\n%description\n%prep\n{prep}\n%build\n").prefix == prefix


def test_macros_that_setup_and_sources_define() -> None:
    text = f"{HEAD}Source1: dir/a.tar\n%description\n%prep\n%setup -n other\n%build\n%package x-%{{buildsubdir}}\n"
    assert read(f"{text}Summary: x\nProvides: %{{basename:%{{SOURCE1}}}}\n%files x-other\n").provides == (
        *("focus-x-other", "focus-x-other(x86-64)", "a.tar"),
    )


@pytest.mark.parametrize(
    "line",
    [
        "Version: %(date +%Y)",
        "Name: x%{lua: print(1)}",
        "Release: %autorelease",
        "Release: %{?dist}%(id -u)",
        "Epoch: x",
        "Version: 1-2",
        "Name: a b",
        "Requires: a = %(x)",
        "BuildRequires: %{py3_dist six}",
        "BuildRequires(pre): x",
        "Requires: -x",
        "Requires(never): x",
        "Recommends: ( x",
        "Provides: (a or b)",
        "Source0: %{pypi_source}",
        "Sourcex: y",
        "Source0: a\nSource0: b",
        "%py_provides python3-six",
        "Summary",
        "Summary: a\x1fb",
        "Url:",
        "  Epoch: 1",
        "%(cat tags)",
        "BuildArch: i386",
        "%if %(test -e x)\nRequires: x\n%endif",
        "%if %{undefined_macro}\n%endif",
        "%if %(x)\n%define y 1\n%endif",
        "%{lua: rpm.define('x 1')}",
        "%include x",
        "%description\n%package -n %(echo a)\nSummary: x",
        "%description\n%package -n %{undefined_macro}\nSummary: x",
        "%description\n%package x\nSummary: x\n%package x\nSummary: x",
        "%description\n%package x\nSummary: x\nName: y",
        "%description\n%files none",
        "%description\n%files -n %(echo a)",
        "%description\n%(cat sections)",
        "%description\n%prep\n%setup -q -n %(echo x)",
        "%description\n%prep\n%setup -q -n %{undefined_macro}",
        "%description\n%prep\n%if %(x)\n%setup -n y\n%endif",
        "%description\n%prep\n%setup -z",
        "%description\n%prep\n%setup -a -n x",
        "%description\n%prep\n%{setup} -n x",
        "%description\n%prep\n  %setup -n x",
        "%description\n%prep\n%prep",
        "%description\n%changelog\n%changelog",
        "%description none",
        "%description a b",
        "URL: http://a b",
        "Obsoletes: rubygem(a)",
        "%description\n%build\n%if %(x)\n%files\n%endif",
    ],
)
def test_what_only_rpm_can_tell(line: str) -> None:
    head = "".join(f"{tag}\n" for tag in HEAD.splitlines() if tag.partition(":")[0] != line.partition(":")[0])
    assert reason(f"{head}{line}\n")


@pytest.mark.parametrize(
    "line",
    [
        "Url: %(x)",
        "Summary: %(x)",
        "Conflicts: a < %(x)",
        "%description\n%(x) in a text",
        "%description\n%build\nmake %(x)\n%if %(x)\nmake\n%endif",
        "%description\n%install\n%{undefined_macro}\n%{lua: print(1)} x",
        "%description\n%autosetup",
        "%description\n%prep\n%autosetup -p1 -S git\n%build",
        "%if 0\n%include x\n%endif",
    ],
)
def test_what_is_unknown_and_does_not_matter(line: str) -> None:
    assert read(HEAD + line + "\n").version == "1.0"


def test_the_reason_names_the_line() -> None:
    assert reason(f"{HEAD}Requires: a = %(x)\n") == "line 6: Requires: a = %(x)"


def test_what_rpm_has_expanded_is_read_as_it_stands() -> None:
    text = "Name: a\nVersion: 1\nRelease: 1\nBuildArch: noarch\nSource0: b\n%prep\ncd '/builddir'\nrm -rf 'work'\n"
    text += "/bin/mkdir -p 'work'\ncd 'work'\n%files -n a\n"
    content = SpecContent(text, None, "x86_64", restarted=True)
    assert [one.name for one in content.made] == ["a"] and content.main.arch == "noarch"
    assert content.get_archive_folder() == ""
    with pytest.raises(OnlyRpmKnows, match=r"^Requires: -x$"):
        SpecContent("Requires: -x\n", None, "x86_64", restarted=True)


@pytest.mark.parametrize(
    "tags",
    [
        "ExclusiveArch: aarch64",
        "ExclusiveArch: X86_64",
        "ExclusiveArch: aarch64,x86_64",
        "ExclusiveArch: aarch64\nExclusiveArch: x86_64",
        "ExclusiveArch: %{ix86}",
        "ExclusiveArch: x86_64\nBuildArch: noarch",
        "ExcludeArch: x86_64",
        "ExcludeArch: x86_64\nBuildArch: noarch",
        "ExcludeArch: %{?none} s390x",
        "ExcludeArch: x86_64' y",
        "ExclusiveArch: 'x86_64 aarch64'",
        "ExcludeOS: linux",
        "ExclusiveOS: Linux",
        "ExclusiveOS: darwin",
        "%description\nx\n%package y\nSummary: y\nExclusiveArch: aarch64",
    ],
)
def test_what_is_for_other_platforms_is_what_rpm_refuses_to_build(tmp_path: Path, tags: str) -> None:
    end = "%description y\ny\n" if "%package" in tags else "%description\nx\n"
    text = f"Name: x\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\n{tags}\n{end}%files\n"
    excluded = read(text).excluded
    path = tmp_path / "x.spec"
    path.write_text(text)
    options = ["--define", f"_topdir {tmp_path}", "--define", f"_dbpath {tmp_path}/db", "--target", "x86_64"]
    done = subprocess.run(
        ["rpmbuild", "-bb", "--nodeps", *options, str(path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    refused = [
        line for line in done.stderr.splitlines() if "is excluded" in line or "is not included" in line
    ]
    assert bool(excluded) is bool(refused) is bool(done.returncode), (excluded, done.stderr)


def test_icons_are_files_of_the_sources() -> None:
    info = read(f"Icon: a/x.xpm\n{HEAD}Icon: y.gif\n%files\n")
    assert [icon.file for icon in info.icons] == ["x.xpm", "y.gif"]
