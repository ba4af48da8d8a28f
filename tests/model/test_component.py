"""Names of components are short and unique; a spec's path starts at the superproject."""

from __future__ import annotations

import pytest

from altai_build.model.component import ComponentKind, get_spec_path, make_unique_names


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([("repos/altai/focus", ""), ("repos/openstack/nova", "")], ["focus", "nova"]),
        ([("repos/altai/focus", ""), ("repos/openstack/focus", "")], ["repos/altai/focus", "repos/openstack/focus"]),
        ([("repos/two", "a"), ("repos/two", "b")], ["two/a", "two/b"]),
        ([("altai", ""), ("repos/altai", "")], ["altai", "repos/altai"]),
        ([], []),
    ],
)  # fmt: skip
def test_names_are_the_last_part_of_the_path_unless_two_are_equal(
    paths: list[tuple[str, str]], expected: list[str]
) -> None:
    assert make_unique_names(paths) == expected


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        (ComponentKind.SUBMODULE, "rpm/x.spec", "repos/x/rpm/x.spec"),
        (ComponentKind.ROOT, "x.spec", "x.spec"),
        (ComponentKind.SPEC, "specs/x/x.spec", "specs/x/x.spec"),
    ],
)
def test_the_path_of_a_spec_starts_at_the_superproject(kind: ComponentKind, spec: str, expected: str) -> None:
    assert get_spec_path(kind, "repos/x", spec) == expected
