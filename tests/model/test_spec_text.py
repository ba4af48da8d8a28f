"""Sections of a spec, and what is put between them; all other bytes stay as they are."""

from __future__ import annotations

import pytest

from altai_build.model.spec_text import (
    add_sources,
    close_prep,
    find_git_question,
    get_section_name,
    inline_includes,
)
from tests.kit.spec_infos import make_source


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Version: %(git describe --tags | sed s/v//)", "git describe --tags"),
        ("%define c %(c=$(git log -1); echo $c)", "git log -1"),
        ("%global v %(cd x && git --git-dir=y rev-parse HEAD || echo 0)", "git --git-dir=y rev-parse HEAD"),
        ("# %(git log)\nURL: https://git/x\nVersion: %(echo digit a; legit b)\n%prep\ngit init", ""),
    ],
)
def test_what_a_spec_asks_git(text: str, asked: str) -> None:
    assert find_git_question(f"Name: x\n{text}\n") == asked


def test_more_sources_are_named_behind_the_others() -> None:
    text = "%if 1\nSource0: a\n%endif\nSource3: b\n%if 0\nRequires: x\n%endif\n%description\nSource9: c\n"
    added = add_sources(text, [make_source(4, "x"), make_source(5, "y")])
    assert added == text.replace("%description", "Source4: x\nSource5: y\n%description")
    assert add_sources("Name: a", [make_source(0, "x")]) == "Name: a\nSource0: x"
    inside = "Source0: a\n%if 1\nPatch0: b\n%description\nx\n%endif\n"
    with pytest.raises(ValueError, match="no place for another Source: line"):
        add_sources(inside, [make_source(4, "x")])


def test_included_files_are_put_in_their_places() -> None:
    text = "%include %{SOURCE2}\na\n  %include %{_sourcedir}/two.inc \r\n%include %{_sourcedir}/none\n%include %{S:1}"
    files = {"one.inc": "1\n", "two.inc": "2\n%include one.inc\n%include two.inc\n"}
    sources = [make_source(1, "http://x/one.inc"), make_source(2, "one.inc")]
    assert inline_includes(text, files, sources) == (
        "1\na\n2\n1\n%include two.inc\n%include %{_sourcedir}/none\n1"
    )


def test_the_end_of_prep_is_marked_where_no_commands_follow() -> None:
    assert close_prep("%prep\n%setup\n%files\n%changelog") == "%prep\n%setup\n%end\n%files\n%changelog"
    plain = "%package x\n%Prep\n%setup\n%Build\n%files\n"
    assert close_prep(plain) == plain
    conditional = "%if 1\n%prep\n%if a\n%files\n%endif\n%package x\n%package y\n%endif\n"
    assert close_prep(conditional) == (
        "%if 1\n%prep\n%if a\n%end\n%files\n%endif\n%end\n%package x\n%package y\n%endif\n"
    )


@pytest.mark.parametrize(
    ("line", "section"),
    [
        ("%description -n x", "description"),
        ("%files", "files"),
        ("%filetriggerin -- /usr", "filetriggerin"),
        ("%changelog", "changelog"),
        ("%define x", None),
        ("%prepare", None),
        (" %build", None),
        ("%{build}", None),
        ("%buildroot", None),
        ("%Changelog", "changelog"),
        ("%PREP", "prep"),
        ("%build-it", None),
        ("%prep\r", "prep"),
        ("%sourcelist", "sourcelist"),
    ],
)
def test_section_lines(line: str, section: str | None) -> None:
    assert get_section_name(line) == section


def test_includes_that_multiply_and_long_lines_are_read_at_once() -> None:
    assert inline_includes(f"%include {'a' * 1_000_000}%", {"a": "b"}, []).startswith("%include")
    files = {f"{number}": f"%include {number + 1}\n" * 1000 for number in range(9)}
    with pytest.raises(ValueError, match="have more than"):
        inline_includes("%include 0", files, [])
