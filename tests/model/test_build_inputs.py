"""Keys of builds, and the comparison of their inputs."""

from __future__ import annotations

from altai_build.model.build_inputs import compare_inputs, compute_build_key
from altai_build.model.package_fingerprint import Fingerprint, RebuildPolicy


def local(release: str, headers: str = "h", whole: str = "w") -> str:
    return Fingerprint(headers, whole).to_input_value(f"lib-1-{release}.noarch sha256:{release}")


BEFORE = (("tool", "1"), ("source package", "s"), ("buildroot lib.noarch", local("1")))


def with_lib(value: str) -> tuple[tuple[str, str], ...]:
    return (*BEFORE[:2], ("buildroot lib.noarch", value))


def test_a_key_is_that_of_what_the_policy_compares() -> None:
    keys = {policy: compute_build_key(BEFORE, policy) for policy in RebuildPolicy}
    assert len(set(keys.values())) == 3
    same = {RebuildPolicy.REBUILD: "2", RebuildPolicy.HEADERS: "2", RebuildPolicy.NEVER: "2"}
    for policy, release in same.items():
        assert compute_build_key(with_lib(local(release)), policy) == keys[policy]
    other_files, other_headers = with_lib(local("2", whole="x")), with_lib(local("2", "x", "x"))
    differing = [
        policy
        for policy in RebuildPolicy
        for inputs in (other_files, other_headers)
        if compute_build_key(inputs, policy) != keys[policy]
    ]
    assert differing == [RebuildPolicy.REBUILD, RebuildPolicy.REBUILD, RebuildPolicy.HEADERS]
    # The order of inputs is part of the key: it is always the same.
    assert compute_build_key(BEFORE[::-1], RebuildPolicy.REBUILD) != keys[RebuildPolicy.REBUILD]


def test_every_input_is_compared() -> None:
    now = (("tool", "2"), ("target", "t"), ("buildroot lib.noarch", local("2")))
    found = {
        change.name: (change.status, change.then, change.now)
        for change in compare_inputs(BEFORE, now, RebuildPolicy.REBUILD)
    }
    assert found == {
        "tool": ("changed", "1", "2"),
        "target": ("added", None, "t"),
        "buildroot lib.noarch": ("ignored", local("1"), local("2")),
        "source package": ("removed", "s", None),
    }
    assert {change.status for change in compare_inputs(BEFORE, BEFORE, RebuildPolicy.REBUILD)} == {"same"}
