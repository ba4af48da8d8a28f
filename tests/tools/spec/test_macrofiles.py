"""rpm's own macro files are read as rpm reads them."""

from __future__ import annotations

from pathlib import Path

from altai_build.tools import process
from altai_build.tools.spec.macrofiles import list_macro_files, read_system_macros
from altai_build.tools.spec.macros import MacroExpander


def test_the_macros_of_this_machine() -> None:
    names = ("_libdir", "_isa", "_target_cpu", "_topdir", "with", "_bindir", "_vendor", "_arch", "ix86")
    text = "|".join(f"%{{{name}}}" for name in names if name != "_topdir")
    shown = process.run(["rpm", "--target=i686", "--eval", text], env={"HOME": "/nonexistent"}).text
    assert f"{MacroExpander(read_system_macros('i686')).expand(text)}\n" == shown
    assert "with" in read_system_macros("i686")


def test_files_in_their_order(tmp_path: Path) -> None:
    contents = {
        "macros": "# a comment\n%a base\n%b one\\\ntwo\n %c{x} bad\n%d %{expand:\nlines}\nno macro\n%_vendor acme\n",
        "macros.d/macros.x": "%a later\n%empty\n",
        "macros.d/macros.x.rpmnew": "%a not\n",
        "platform/noarch-linux/macros": "%p here\n",
        "platform/other-linux/macros": "%p not\n",
        "acme/macros": "%e last %p\n",
    }
    for path, content in contents.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    files = [str(path.relative_to(tmp_path)) for path in list_macro_files("noarch", tmp_path)]
    assert files == ["macros", "macros.d/macros.x", "platform/noarch-linux/macros", "acme/macros"]
    macros = MacroExpander(read_system_macros("noarch", tmp_path))
    assert macros.expand("%a|%b|%d|%e|%{?empty}|%_target_cpu") == "later|one\ntwo|\nlines|last here||noarch"
