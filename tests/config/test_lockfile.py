"""deps.lock.yaml: what is written is read again, equal locks are equal bytes, changes merge, all errors at once."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from altai_build.config.lockfile import dump_lock, encode_lock, load_lock, parse_lock
from altai_build.errors import InputError
from altai_build.model.checksum import Sha256
from altai_build.model.lock import Choice, ChoiceRule, Lock, LockedPackage, LockedRepository, Requirement
from altai_build.model.nevra import Nevra
from altai_build.model.release import Signer


def repository(name: str) -> LockedRepository:
    return LockedRepository(
        name=name,
        url="https://example.org/epel/6/",
        key="epel6",
        revision="1606780800",
        metadata="c" * 64,
        signed=True,
    )


def package(name: str, **changes: object) -> LockedPackage:
    default = LockedPackage(
        nevra=Nevra(name=name, epoch=1, version="14", release="2.el6", arch="x86_64"),
        repository="deps/epel",
        location=f"Packages/{name}-14-2.el6.x86_64.rpm",
        sha256=Sha256("a" * 64),
        size=1234,
        license="MPLv1.1 and (BSD or ERPL: yes)",
        signer=Signer(key_id="0608B895" * 2, fingerprint="8C3B" * 10),
        needed_by=(Requirement("nova", "erlang >= 14"), Requirement("rabbit", f"{name}(x)", weak=True)),
        choice=Choice(rule=ChoiceRule.BASE, over=("erlang-1-1.x86_64 (base/os)",)),
    )
    return replace(default, **changes)  # type: ignore[arg-type]


def lock(*packages: LockedPackage, **changes: object) -> Lock:
    mirror = replace(
        repository("deps/epel"),
        packages=("erlang", "yes"),
        prefer=("mta-*",),
        exclude=("x",),
        modules=(("nodejs", "18"),),
        weak=True,
    )
    default = Lock(
        target="centos6",
        repositories=(repository("base/os"), mirror),
        from_base=("/bin/sh", "libc.so.6()(64bit)", "null", "python(abi) = 2.6"),
        packages=tuple(sorted(packages, key=lambda package: package.sort_key)),
    )
    return replace(default, **changes)  # type: ignore[arg-type]


def read(folder: Path, text: str) -> Lock:
    path = folder / "deps.lock.yaml"
    path.write_text(text)
    return load_lock(path)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    for written in (lock(), lock(package("erlang"), package("yes"), package("python3-x.y+z"))):
        assert read(tmp_path, dump_lock(written)) == written


TEXT = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f\x85"), min_size=1
)


@given(TEXT.filter(str.strip), TEXT.filter(str.strip), TEXT)
@settings(max_examples=150, deadline=None)
def test_any_requirement_and_licence_survives(
    tmp_path_factory: pytest.TempPathFactory, requires: str, needer: str, licence: str
) -> None:
    if any(0x7F <= ord(char) < 0xA0 for char in requires + needer + licence):
        return  # control characters are no text
    written = lock(
        package("erlang", license=licence.strip(), needed_by=(Requirement(needer, requires),)),
        from_base=(requires,),
    )
    assert read(tmp_path_factory.mktemp("lock"), dump_lock(written)) == written


NAMES = st.text(st.characters(exclude_categories=["C"], exclude_characters="/"), min_size=1).filter(
    lambda name: name.strip() and name not in (".", "..")
)


@given(st.lists(NAMES, min_size=1, max_size=3), NAMES, st.integers(min_value=1))
@settings(max_examples=150, deadline=None)
def test_a_package_of_any_file_name_and_licence_can_be_locked(
    parts: list[str], licence: str, size: int
) -> None:
    """Real mirrors have blanks, commas, colons, `..` and other scripts in names; a release has canonical names."""
    made = lock(package("erlang", location="/".join(parts), license=licence, size=size))
    assert parse_lock(encode_lock(made), "x") == made
    assert made.packages[0].file == "erlang-14-2.el6.x86_64.rpm"


EVIL = st.text(max_size=6) | st.sampled_from(["", "..", "a\nb", "\ud800", "a: b", "x" * 300, "null"])


@given(EVIL, EVIL, EVIL, EVIL, EVIL, st.integers(-1, 3))
@settings(max_examples=200, deadline=None)
def test_whatever_is_written_is_read_again_or_refused(
    version: str, release: str, requires: str, licence: str, location: str, size: int
) -> None:
    nevra = Nevra(name="erlang", epoch=0, version=version, release=release, arch="noarch")
    needed_by = (Requirement("nova", requires),)
    made = lock(
        package("erlang", nevra=nevra, needed_by=needed_by, license=licence, location=location, size=size)
    )
    try:
        data = encode_lock(made)
    except InputError as error:
        assert error.what == "some of the packages cannot be locked" and error.why and error.todo
    else:
        assert parse_lock(data, "x") == made


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"nevra": Nevra(name="a", epoch=0, version="1", release="", arch="noarch")},
            "packages[0].nevra: got 'a-1-",
        ),
        ({"size": 0}, "packages[0].size: got 0; a size is a number of bytes"),
        ({"needed_by": (Requirement("our", "a\tb"),)}, "control characters are not allowed"),
    ],
)
def test_a_package_that_cannot_be_read_again_is_not_locked(changes: dict[str, object], why: str) -> None:
    with pytest.raises(InputError, match="some of the packages cannot be locked") as caught:
        encode_lock(lock(package("a", **changes)))
    assert why in caught.value.why and "`exclude`" in caught.value.todo


def test_equal_locks_are_equal_bytes_whatever_the_order() -> None:
    first, second = package("a"), package("b")
    backwards = replace(first, needed_by=tuple(reversed(first.needed_by)))
    assert dump_lock(lock(first, second)) == dump_lock(replace(lock(), packages=(second, backwards)))


def test_two_branches_that_lock_different_packages_merge(tmp_path: Path) -> None:
    names = ("a", "d", "g", "k", "p")
    base = lock(*(package(name) for name in names))
    ours = lock(*(package(name) for name in (*names, "e")))
    theirs = lock(*(package(name) for name in names if name != "p"), package("m"))
    for name, side in (("base", base), ("ours", ours), ("theirs", theirs)):
        (tmp_path / name).write_text(dump_lock(side))
    merged = subprocess.run(
        ["git", "merge-file", "--stdout", "ours", "base", "theirs"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert merged.returncode == 0, merged.stdout.decode()
    assert {package.nevra.name for package in read(tmp_path, merged.stdout.decode()).packages} == {*"adegkm"}


def test_a_missing_lock_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_lock(tmp_path / "deps.lock.yaml")
    assert caught.value.what == f"there is no deps.lock.yaml in {tmp_path}"
    assert "`altai-build deps lock`" in caught.value.todo


def test_conflict_markers_are_reported_as_such(tmp_path: Path) -> None:
    text = dump_lock(lock(package("a"))).replace("packages:\n", "<<<<<<< ours\npackages:\n")
    with pytest.raises(InputError, match="is not valid YAML"):
        read(tmp_path, text)


def test_all_errors_are_reported_at_once(tmp_path: Path) -> None:
    text = dump_lock(lock(package("a"), package("b")))
    text = text.replace("format: 1", "format: 9").replace("nevra: ", "nevra: 17 #", 1)
    text = text.replace('"' + "a" * 64 + '"', "deadbeef", 1).replace("size: 1234", "size: -1", 1)
    text = text.replace("location: Packages/b", "location: ../b").replace(
        "repository: deps/epel", "repository: x", 1
    )
    text = text.replace("rule: base does not satisfy", "rule: newst", 1).replace(
        "    license:", "    licence:", 1
    )
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert caught.value.why.splitlines() == [
        "  format: got 9; this program reads format 1",
        "  packages[0]: unknown key 'licence'; did you mean license?",
        "  packages[0]: the key 'license' is missing",
        "  packages[0].nevra: got 17; write text, in quotes if it looks like a number",
        "  packages[0].repository: got 'x', which is not among the repositories above",
        "  packages[0].choice.rule: got 'newst'; did you mean newest?",
        "  packages[0].sha256: got 'deadbeef'; a SHA-256 has 64 hexadecimal digits",
        "  packages[0].size: got -1; a size is a number of bytes",
        "  packages[1].location: got '../b-14-2.el6.x86_64.rpm'; a location is a path below the repository's URL, or "
        "a URL with http or https",
    ]
    assert "deps lock" in caught.value.todo


def test_one_file_twice_is_an_error(tmp_path: Path) -> None:
    text = dump_lock(lock(package("a")))
    block = text[text.index("  - nevra") :]
    with pytest.raises(InputError, match=r"deps/epel/a-14-2.el6.x86_64.rpm is listed twice"):
        read(tmp_path, text + block)
