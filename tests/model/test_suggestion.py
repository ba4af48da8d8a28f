"""What a mistyped name may mean is said in one way."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.suggestion import find_similar, suggest, suggest_each

ROOT = Path(__file__).resolve().parents[2]


def test_a_similar_name_is_suggested_and_no_other() -> None:
    assert suggest("focsu", {"focus", "nova"}) == "did you mean focus?"
    assert suggest("zzz", {"focus", "nova"}) == ""
    assert suggest("nova", ()) == ""


def test_the_two_most_similar_names_are_suggested_in_the_same_order_each_time() -> None:
    assert suggest("buld", ["rebuild", "build", "bull", "plan"]) == "did you mean build or bull?"
    assert find_similar("buld", ["rebuild", "build"], cutoff=0.8) == ["build"]


def test_each_wrong_name_has_a_line() -> None:
    assert suggest_each(["focsu", "zzz", "nvoa"], {"focus", "nova"}) == (
        "focsu: did you mean focus?\nnvoa: did you mean nova?"
    )


def test_no_other_module_words_a_suggestion() -> None:
    """But the child that evaluates mock configurations: it imports nothing of altai_build."""
    texts = {path.name: path.read_text() for path in (ROOT / "altai_build").rglob("*.py")}
    assert {name for name, text in texts.items() if "did you mean {" in text.lower()} == {
        "suggestion.py",
        "evaluate_child.py",
    }
    assert not [name for name, text in texts.items() if "perhaps you meant" in text]
