"""Whole searches with real builds: whose commit it is, what cannot be tested, and ends that are none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from altai_build.errors import BuildError, InputError
from altai_build.model.bisection import Answer, Bisection, Source
from altai_build.pipeline.bisect.run import bisect
from altai_build.pipeline.build.component_names import NoSuchComponent
from tests.kit.builders import HostSite, noarch_component

_BROKEN = "echo 'error: broken'; exit 1"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    """`app` needs `lib` and fails where the macro says so that is in a package of `lib`."""
    site = HostSite.create(tmp_path / "site", monkeypatch)
    for name, needs in (("app", ("lib",)), ("lib", ()), ("other", ())):
        site.world.component(f"repos/{name}", noarch_component(name, *needs))
    site.world.pin()
    return site


def commit(site: HostSite, name: str, build: str = "", *needs: str) -> str:
    number = site.world.components[f"repos/{name}"].git("rev-list", "--count", "HEAD")
    files = noarch_component(name, *needs, build=build)
    return site.world.component(f"repos/{name}", {**files, "README": number})


def first_bad(result: Bisection) -> tuple[list[str], list[str]]:
    inner = result.inner.commits if result.inner is not None else ()
    return [one.id for one in result.first_bad.commits], [one.id for one in inner]


def list_tests(result: Bisection, places: Sequence[str] = ("", "repos/app", "repos/lib")) -> list[str]:
    return [test.answer.value for test in result.tests if test.place in places]


def test_the_pin_of_what_it_needs_is_found_when_its_own_is_not_to_blame(site: HostSite) -> None:
    """The test command looks at what `lib` is; both pins move in one commit."""
    commit(site, "app", "", "lib")
    bad_lib = [commit(site, "lib"), commit(site, "lib")][1]
    commit(site, "other")
    breaking = site.world.pin()
    command = 'rpm2archive -n - <"$(echo "$ALTAI_BUILD_NEEDS"/lib-1*.rpm)" | tar xO ./usr/share/lib/README | grep -qv 2'
    result = bisect(site.run, "app", "HEAD~1", "HEAD", command=command)
    assert first_bad(result) == ([breaking], [bad_lib])
    assert result.needed == {"repos/app", "repos/lib"}
    assert result.note == "the new pin of repos/app alone does not break it"
    # Good, bad, `app` as before, and one of two commits of `lib`.
    assert list_tests(result) == ["good", "bad", "bad", "good"]
    assert result.builds == 4


def test_its_own_pin_is_searched_when_it_is_to_blame(site: HostSite) -> None:
    broken = commit(site, "app", _BROKEN, "lib")
    commit(site, "lib")
    breaking = site.world.pin()
    result = bisect(site.run, "app", "HEAD~1", "HEAD")
    assert first_bad(result) == ([breaking], [broken]) and result.note == ""
    assert list_tests(result) == ["good", "bad", "good"]
    (bad,) = [test for test in result.tests if test.answer is Answer.BAD]
    assert bad.log is not None and bad.log.name == "failed.log" and "error: broken" in bad.log.read_text()


def test_commits_that_cannot_be_tested_are_skipped(site: HostSite) -> None:
    pins = []
    for build in ("", "no spec", "unmet", _BROKEN):
        if build == "no spec":
            site.world.component("repos/app", {"app.spec": None})
        elif build == "unmet":
            commit(site, "app", "", "lib", "no-such-package")
        else:
            commit(site, "app", build, "lib")
        pins.append(site.world.pin())
    result = bisect(site.run, "app", "HEAD~4", "HEAD")
    assert first_bad(result) == (pins[1:], [])
    assert result.note.startswith("the commits between cannot be tested")
    skipped = {test.commit: test.reason for test in result.tests if test.answer is Answer.SKIP}
    assert "no spec" in skipped[pins[1]] and "no-such-package" in skipped[pins[2]]


def test_ends_that_are_none_are_errors(site: HostSite) -> None:
    commit(site, "app", _BROKEN, "lib")
    site.world.pin()
    commit(site, "lib")
    site.world.pin()
    with pytest.raises(BuildError, match="app is not good at"):
        bisect(site.run, "app", "HEAD~1", "HEAD")
    with pytest.raises(InputError, match="which was named as bad, is good"):
        bisect(site.run, "lib", "HEAD~1", "HEAD")
    with pytest.raises(InputError, match="there is no commit after HEAD up to HEAD"):
        bisect(site.run, "lib", "HEAD", "HEAD")
    with pytest.raises(NoSuchComponent) as unknown:
        bisect(site.run, "lip", "HEAD~1", "HEAD")
    assert (unknown.value.what, unknown.value.why) == ("no such component: lip", "lip: did you mean lib?")
    site.world.super.git("branch", "side", "HEAD~1")
    side = site.world.super.commit({"README": "side"}, branch="side")
    with pytest.raises(InputError, match="not in the first-parent history"):
        bisect(site.run, "app", side, "HEAD")
    with pytest.raises(InputError, match="the test command stopped the search"):
        bisect(site.run, "lib", "HEAD~1", "HEAD", command="kill -9 $$")
    site.world.component("repos/later", noarch_component("later"))
    site.world.pin()
    with pytest.raises(InputError) as early:
        bisect(site.run, "later", "HEAD~1", "HEAD")
    assert "no such component: later" in early.value.why
    assert early.value.todo == "name another good commit"


def test_a_rewound_pin_is_the_answer(site: HostSite) -> None:
    site.world.component("repos/lib", noarch_component("lib", build=_BROKEN))
    broken = site.world.components["repos/lib"].git("rev-parse", "HEAD")
    commit(site, "lib")
    site.world.pin()
    breaking = site.world.pin(lib=broken)
    result = bisect(site.run, "lib", "HEAD~1", "HEAD")
    assert first_bad(result) == ([breaking], [])
    assert "the pin of repos/lib was rewound to" in result.note
    assert {test.source for test in result.tests} == {Source.BUILT}
