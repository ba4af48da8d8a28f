"""The records of a release: names and times that are made from them."""

from __future__ import annotations

from altai_build.model.nevra import parse_nevra
from altai_build.model.release import ReleasedRepository, format_created
from tests.kit.manifests import component, package


def test_the_time_is_written_in_utc_whatever_the_clock_says() -> None:
    assert format_created(1362052800) == "2013-02-28T12:00:00Z"


def test_a_package_has_its_nevra_and_the_kind_of_its_origin() -> None:
    released = package("focus-1:1.0-3.el6.noarch", component("repos/focus", "c" * 40))
    assert released.nevra == parse_nevra("focus-1:1.0-3.el6.noarch")
    assert released.origin.kind == "component"


def test_clients_need_the_earlier_and_later_keys_of_a_repository_too() -> None:
    repository = ReleasedRepository(
        name="centos6", source=False, key="new", fingerprints=("A" * 40,), further_keys=("old",)
    )
    assert repository.keys == ("new", "old")


def test_a_package_tells_its_path_and_whether_it_is_a_source() -> None:
    paths = {name: package(name, repository="deps/epel").path for name in ("a-1-1.noarch", "a-1-1.src")}
    assert paths == {name: f"deps/epel/{name}.rpm" for name in paths}
    arches = ("noarch", "src", "nosrc")
    assert [package(f"a-1-1.{arch}").is_source for arch in arches] == [False, True, True]
