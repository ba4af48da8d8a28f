"""When components were built, what they waited for, and the chain that took longest."""

from __future__ import annotations

from altai_build.model.build_timeline import BuildTimeline, plan_timeline, read_timeline
from altai_build.model.release import BuildRecord


def build(name: str, seconds: float, *needs: str, started: float | None = None) -> BuildRecord:
    return BuildRecord(name, "built", "", seconds, "b", "", needs=needs, started=started)


def rows(timeline: BuildTimeline | None) -> dict[str, tuple[float, float, str]]:
    assert timeline is not None
    return {one.component: (one.ready, one.started, one.waited_for) for one in timeline.builds}


def test_everything_starts_as_soon_as_its_needs_are_finished() -> None:
    plan = plan_timeline(
        [build("nova", 5, "oslo", "pbr"), build("oslo", 10, "pbr"), build("pbr", 3), build("doc", 1)]
    )
    assert rows(plan) == {
        "doc": (0, 0, ""),
        "pbr": (0, 0, ""),
        "oslo": (3, 3, "pbr"),
        "nova": (13, 13, "oslo"),
    }
    assert (plan.critical, plan.length) == (("pbr", "oslo", "nova"), 18)
    assert [one.component for one in plan.builds if one.is_critical] == ["pbr", "oslo", "nova"]


def test_a_component_without_a_time_is_named_and_not_counted() -> None:
    plan = plan_timeline([build("nova", 5, "oslo"), build("oslo", 0)])
    assert (plan.untimed, plan.critical, plan.length) == (("oslo",), ("nova",), 5)
    assert plan_timeline([]).builds == () and plan_timeline([]).length == 0


def test_cycles_and_needs_outside_the_release_stop_nothing() -> None:
    plan = plan_timeline([build("a", 1, "b", "gone"), build("b", 2, "a"), build("c", 4, "a")])
    assert rows(plan)["a"] == (0, 0, "") and rows(plan)["b"] == (0, 0, "")
    assert rows(plan)["c"] == (1, 1, "a")


def test_what_took_place_shows_waiting_for_needs_and_for_slots() -> None:
    timeline = read_timeline(
        [
            build("nova", 5, "oslo", "reused", started=12.0),
            build("oslo", 10, started=0.0),
            build("reused", 3),
            build("late", 2, started=10.0),
        ]
    )
    assert rows(timeline) == {"oslo": (0, 0, ""), "late": (0, 10, ""), "nova": (10, 12, "oslo")}
    assert timeline is not None and timeline.critical == ("oslo", "nova")


def test_without_any_time_there_is_no_timeline() -> None:
    assert read_timeline([build("nova", 5)]) is None


def test_times_that_contradict_one_another_end_too() -> None:
    timeline = read_timeline(
        [build("a", 9, "b", started=1.0), build("b", 9, "a", started=1.0), build("c", 1, "a", started=2.0)]
    )
    assert rows(timeline)["c"] == (2, 2, "a")
