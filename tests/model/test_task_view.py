"""What a terminal shows of a task: events in, lines out."""

from __future__ import annotations

from altai_build.model.task_view import Line, TaskForecast, TaskView, format_elapsed, name_some


def flatten(lines: list[Line]) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines]


def make_view() -> TaskView:
    needs = {"nova": ["oslo", "pbr"], "oslo": ["pbr"], "glance": ["oslo", "pbr"], "swift": ["pbr"]}
    forecast = TaskForecast(
        items=("nova", "oslo", "pbr", "glance", "swift", "six", "wrapt"),
        seconds={"pbr": 30.0, "oslo": 4000.0},
        needs=lambda name: needs.get(name, []),
        describe_left=lambda done, running: f"about {7 - len(done)}:00 left" if len(done) < 7 else "",
    )
    return TaskView("packages", 7, 100.0, forecast)


def test_running_items_have_phase_elapsed_and_expected_time_and_the_others_wait_for_them() -> None:
    view = make_view()
    view.start("pbr", 101.0)
    view.set_phase("pbr", "%build")
    view.start("six", 103.0)
    assert flatten(view.list_lines(145.0, 100, 20)) == [
        f"packages  0 of 7  {'─' * 24}  0:45, about 7:00 left",
        "  0:44 of 0:30  %build        pbr",
        "  0:42                        six",
        "  ready         wrapt",
        "  wait          oslo and swift for pbr",
        "  wait          glance and nova for pbr and oslo",
    ]
    late = next(style for text, style in view.list_lines(145.0, 100, 20)[1] if "0:44" in text)
    assert late == "yellow"


def test_what_ended_is_counted_and_no_longer_waited_for() -> None:
    view = make_view()
    view.start("pbr", 101.0)
    assert view.finish("pbr", "built", 131.5) == 30.5
    view.start("oslo", 132.0)
    assert view.finish("swift", "blocked", 140.0) is None
    view.set_phase("nobody", "%build")
    lines = flatten(view.list_lines(192.0, 100, 20))
    assert lines == [
        f"packages  2 of 7  {'━' * 6}{'─' * 18}  1:32, 1 blocked, about 5:00 left",
        "  1:00 of 1:06:40                oslo",
        "  ready         six and wrapt",
        "  wait          glance and nova for oslo",
    ]
    assert view.describe_running(192.0) == "oslo (1:00)"
    for item in ("oslo", "oslo", "nova", "glance", "six", "wrapt"):
        view.finish(item, "failed" if item == "oslo" else "built", 200.0)
    assert flatten(view.list_lines(200.0, 100, 20)) == [
        f"packages  7 of 7  {'━' * 24}  1:40, 1 failed, 1 blocked"
    ]


def test_long_phases_move_no_names_apart_and_out_of_sight() -> None:
    view = make_view()
    for item, worker in (("pbr", "w1"), ("six", "build-7.example.org-4711")):
        view.start(item, 101.0)
        view.set_phase(item, f"{worker}: %build")
    assert flatten(view.list_lines(145.0, 100, 3))[1:] == [
        f"  0:44 of 0:30  w1: %build{' ' * 22}  pbr",
        "  0:44          build-7.example.org-4711: %build  six",
    ]
    view.set_phase("six", f"{'a' * 100}.example.org: %build")
    assert flatten(view.list_lines(145.0, 60, 3))[2] == "  0:44          …aaaaaaaaa.example.org: %build  six"


def test_a_narrow_terminal_has_neither_bar_nor_phases() -> None:
    view = make_view()
    view.start("pbr", 100.0)
    view.set_phase("pbr", "%check")
    assert flatten(view.list_lines(107.0, 40, 3)) == [
        "packages  0 of 7  0:07, about 7:00 left",
        "  0:07 of 0:30  pbr",
        "  ready         six and wrapt",
    ]


def test_a_low_terminal_gets_no_more_lines_than_it_has() -> None:
    view = make_view()
    for item in ("pbr", "six", "wrapt"):
        view.start(item, 100.0)
    assert [len(view.list_lines(107.0, 80, height)) for height in range(1, 8)] == [1, 2, 3, 4, 5, 6, 6]
    assert flatten(view.list_lines(107.0, 40, 3))[1:] == ["  0:07 of 0:30  pbr", "  and 2 more run"]


def test_of_many_that_wait_some_are_named() -> None:
    items = [f"c{number:03}" for number in range(300)]
    forecast = TaskForecast(items=items, needs=lambda name: [other for other in items if other < name])
    lines = flatten(TaskView("packages", 300, 0.0, forecast).list_lines(0.0, 100, 50))
    assert lines[1:4] == [
        "  ready         c000",
        "  wait          c001 for c000",
        "  wait          c002 for c000 and c001",
    ]
    assert lines[-2:] == ["  wait          c004 for c000, c001 and 2 more", "                and 295 more"]


def test_a_task_of_which_nothing_is_known() -> None:
    view = TaskView("steps", 0, 0.0)
    view.start("a", 0.0)
    assert flatten(view.list_lines(3600.0, 200, 9)) == [
        "steps  0 of 0  1:00:00",
        "  1:00:00                     a",
    ]


def test_times_and_names() -> None:
    assert [format_elapsed(seconds) for seconds in (0.9, 61, 3661)] == ["0:00", "1:01", "1:01:01"]
    assert [name_some(list(names)) for names in ("", "a", "ab", "abcd")] == [
        "",
        "a",
        "a and b",
        "a, b and 2 more",
    ]
    assert name_some(list("abc"), most=8) == "a, b and c"
