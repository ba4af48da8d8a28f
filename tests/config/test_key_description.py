"""Descriptions of keys as JSON Schema: sections in sections, links without their targets, defaults."""

from __future__ import annotations

from altai_build.config.key_description import (
    FLAG,
    TEXT,
    KeyDescription,
    Section,
    choice,
    either,
    mapping,
    nested,
    number,
)

INNER = Section((KeyDescription("on", FLAG, "see [there](page.md#there)", True, default=False),))
OUTER = Section(
    (
        KeyDescription("name", TEXT, "its name", "a", needed=True),
        KeyDescription("inner", either(choice("all"), nested(INNER)), "what is in it", {"on": True}),
        KeyDescription("several", mapping("name → mapping", INNER), "more", usual="none"),
    ),
    one_of=("inner", "several"),
)
INNER_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"on": {"description": "see there", "default": False, "type": "boolean"}},
}


def test_a_section_says_which_keys_it_has() -> None:
    assert OUTER.names == ("name", "inner", "several")
    assert OUTER.needed == ("name",)
    assert OUTER.example() == {"name": "a", "inner": {"on": True}}
    assert OUTER.without("name").names == ("inner", "several")


def test_a_schema_has_those_of_inner_sections() -> None:
    assert OUTER.to_schema() == {
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "oneOf": [{"required": ["inner"]}, {"required": ["several"]}],
        "properties": {
            "name": {"description": "its name", **TEXT.schema},
            "inner": {"description": "what is in it", "anyOf": [{"enum": ["all"]}, INNER_SCHEMA]},
            "several": {
                "description": "more",
                "type": "object",
                "additionalProperties": INNER_SCHEMA,
            },
        },
    }


def test_forms_say_in_words_what_they_take() -> None:
    assert number(1).label == "number, 1 or more"
    assert number(0, 5) == ("number, 0 to 5", {"type": "integer", "minimum": 0, "maximum": 5})
    assert choice("a", "b").label == "`a` or `b`"
    assert either(choice("a"), TEXT).label == "`a`, or text"
