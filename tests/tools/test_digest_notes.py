"""A note counts for the state that it was made of."""

from __future__ import annotations

from pathlib import Path

from altai_build.tools.digest_notes import read_digest, write_digest


def test_a_note_is_of_one_state(tmp_path: Path) -> None:
    assert read_digest(tmp_path, "a/b", "1") is None
    write_digest(tmp_path, "a/b", "1", "abc")
    assert (read_digest(tmp_path, "a/b", "1"), read_digest(tmp_path, "a/b", "2")) == ("abc", None)
    (note,) = tmp_path.iterdir()
    note.write_text(note.read_text().replace("abc", "abd"))
    assert read_digest(tmp_path, "a/b", "1") is None
