"""Macro files of a target: with Lua modules, in place of this machine's, in the source package and in its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools import process
from altai_build.tools.rpm.macro_files import FOLDERS, read_macro_files
from tests.kit.cli import altai_build
from tests.kit.superprojects import DEFINITION, World, make_spec

MACROS = """\
%with_extra() Provides: %1-extra = %{lua: print(require("target.tools").version)}\\
BuildRequires: %{with_names A_b c}
%with_names() %{lua:\\
  for name in rpm.expand("%*"):gmatch("%S+") do\\
    print("python(" .. name:lower() .. ") ")\\
  end\\
}
"""
FILES = {
    "macros.d/macros.target": MACROS,
    "lua/target/tools.lua": 'return {version = "2"}\n',
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_specs_are_read_and_packed_with_the_macro_files_of_their_target(tmp_path: Path) -> None:
    world = World(tmp_path)
    tags = "BuildArch: noarch\n%with_extra x"
    spec = make_spec("x", source=None, prep="", tags=tags, files="/x", install="true")
    world.component("repos/x", {"x.spec": spec})
    world.pin()
    top = world.super.path
    write(top / "rpm", FILES)
    (top / "repos.yaml").write_text(DEFINITION)
    refused = altai_build("srpm", cwd=top)
    assert (
        refused.code == 3
        and "targets.NAME.macro_files" in refused.err
        and "components.x.macros" in refused.err
    )
    (top / "repos.yaml").write_text(
        DEFINITION.replace("macros: {dist: .x}", "macros: {dist: .x}, macro_files: rpm")
    )
    rows = [altai_build("srpm", "--json", cwd=top).json[0] for _ in range(2)]
    assert [row["status"] for row in rows] == ["built", "reused"]
    asked = ["rpm", "-qp", "--nosignature", "--requires", rows[0]["srpm"]]
    assert {line for line in process.run(asked).text.split() if "py" in line} == {"python(a_b)", "python(c)"}
    # Those results are kept: a file that changes makes them untrue.
    write(top / "rpm", {"lua/target/tools.lua": 'return {version = "3"}\n'})
    assert altai_build("srpm", "--json", cwd=top).json[0]["status"] == "built"


def test_a_folder_says_what_it_holds(tmp_path: Path) -> None:
    found = read_macro_files(write(tmp_path / "a", FILES))
    assert dict(found.files) == {name: text.encode() for name, text in FILES.items()}
    assert found.digest != read_macro_files(write(tmp_path / "b", {**FILES, "macros.d/macros.z": ""})).digest
    written = found.write(tmp_path / "c")
    assert {path.name for path in written.iterdir()} == set(FOLDERS)
    assert read_macro_files(written).digest == found.digest


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"macros.python": "%a 1\n"}, "rpm would not read them:\nmacros.python"),
        ({"macros.d/python": "%a 1\n"}, "rpm would not read them:\nmacros.d/python"),
        ({"lua/x.lua": ""}, "there is no macros.d/macros.NAME"),
    ],
)
def test_files_that_rpm_would_not_read_are_refused(tmp_path: Path, files: dict[str, str], why: str) -> None:
    with pytest.raises(InputError) as caught:
        read_macro_files(write(tmp_path, files))
    assert caught.value.why == why


def test_what_cannot_be_read_is_not_empty(tmp_path: Path) -> None:
    write(tmp_path / "a", FILES)
    (tmp_path / "a/macros.d/macros.link").symlink_to("/dev/zero")
    for folder in (tmp_path / "none", tmp_path / "a"):
        with pytest.raises(InputError, match="cannot be read"):
            read_macro_files(folder)
