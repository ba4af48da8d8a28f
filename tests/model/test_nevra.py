"""Package identities: printed as rpm prints them, read back as they were."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altai_build.model.nevra import Nevra, is_safe_name, parse_nevra

WORD = st.text(alphabet="abcXYZ019_+~^.", min_size=1, max_size=12)
NAME = st.lists(WORD, min_size=1, max_size=4).map("-".join)
NEVRAS = st.builds(
    Nevra,
    name=NAME,
    epoch=st.integers(min_value=0, max_value=2**31),
    version=WORD,
    release=WORD,
    arch=st.sampled_from(["src", "noarch", "x86_64", "i686"]),
)


def nova(epoch: int) -> Nevra:
    return Nevra(
        name="openstack-nova-api", epoch=epoch, version="2012.2", release="1.42.gabc.el6", arch="noarch"
    )


def test_an_epoch_of_zero_is_not_printed() -> None:
    assert nova(0).evr == "2012.2-1.42.gabc.el6"
    assert str(nova(0)) == "openstack-nova-api-2012.2-1.42.gabc.el6.noarch"
    assert nova(2).evr == "2:2012.2-1.42.gabc.el6"
    assert str(nova(2)) == "openstack-nova-api-2:2012.2-1.42.gabc.el6.noarch"


def test_the_file_name_never_holds_the_epoch() -> None:
    assert nova(2).filename == nova(0).filename == "openstack-nova-api-2012.2-1.42.gabc.el6.noarch.rpm"


def test_source_packages_have_the_architecture_src() -> None:
    arches = ("src", "nosrc", "noarch", "x86_64")
    assert [replace(nova(0), arch=arch).is_source for arch in arches] == [True, True, False, False]


@given(NEVRAS)
def test_printed_names_are_parsed_back(nevra: Nevra) -> None:
    assert parse_nevra(str(nevra)) == nevra
    assert parse_nevra(f"{nevra}.rpm") == nevra


@given(NEVRAS)
def test_file_names_are_parsed_without_epoch(nevra: Nevra) -> None:
    read = parse_nevra(nevra.filename)
    assert read is not None
    assert (read.name, read.epoch, read.evr) == (nevra.name, 0, f"{nevra.version}-{nevra.release}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".rpm",
        "nova",
        "nova.rpm",
        "nova-1.x86_64",
        "nova-1-1",  # no arch: the last dot would have to be in the release
        "nova-1-1.",
        "-1-1.x86_64",
        "nova--1.x86_64",
        "nova-1-.x86_64",
        "nova-:1-1.x86_64",
        "nova-1:-1.x86_64",
        "nova-x:1-1.x86_64",
        "nova--1:1-1.x86_64.",
        "nova-²:1-1.x86_64",  # str.isdigit takes it for a digit, int does not
        "nova-٣:1-1.x86_64",
    ],
)
def test_other_text_is_not_a_nevra(text: str) -> None:
    assert parse_nevra(text) is None


@given(st.text(alphabet="a1-.:²٣ \n\0", max_size=30))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    read = parse_nevra(text)
    assert read is None or all((read.name, read.version, read.release, read.arch))


@pytest.mark.parametrize(
    "text", ["nova", "python-nova2ools", "libstdc++", "a.b", "1.0~rc1", "1^git", "_x", "a..b"]
)
def test_safe_names(text: str) -> None:
    assert is_safe_name(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-rf",
        "--eval",
        "a/b",
        "/etc",
        "..",
        ".",
        "a b",
        "a\n",
        "a\0",
        "$(x)",
        "ä",
        "a;b",
        "a" * 256,
    ],
)
def test_unsafe_names(text: str) -> None:
    assert not is_safe_name(text)
