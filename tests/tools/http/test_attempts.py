"""Servers are tried in turn, and each again only where another attempt may succeed."""

from __future__ import annotations

import pytest

from altai_build.errors import InputError, UnreachableError
from altai_build.tools.http import attempts
from altai_build.tools.http.attempts import NoServerWorked, Servers, WrongContentError


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "RETRY_DELAY", 0.0)


class Script:
    """An action that fails as told, by URL, and then succeeds."""

    def __init__(self, **failures: list[InputError]) -> None:
        self.failures = failures
        self.asked: list[str] = []

    def __call__(self, url: str) -> str:
        self.asked.append(url)
        if self.failures.get(url):
            raise self.failures[url].pop(0)
        return f"from {url}"


def busy(number: int) -> list[InputError]:
    return [UnreachableError("busy") for _ in range(number)]


def test_every_server_is_tried_before_one_is_tried_again() -> None:
    script = Script(a=busy(2), b=busy(1), c=busy(9))
    assert Servers("abc").try_each(script) == "from b"
    assert "".join(script.asked) == "abcab"


def test_a_server_that_failed_comes_last_from_then_on() -> None:
    servers = Servers("abc")
    assert servers.try_each(Script(a=busy(1))) == "from b"
    assert servers.list_best_first() == ["b", "c", "a"]
    script = Script()
    assert servers.try_each(script) == "from b"
    assert script.asked == ["b"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [(UnreachableError("x"), 4), (WrongContentError("x"), 4), (InputError("x"), 1)],
)
def test_only_what_may_pass_is_tried_again(error: InputError, expected: int) -> None:
    script = Script(a=[error] * 9)
    with pytest.raises(NoServerWorked) as caught:
        Servers("a").try_each(script)
    assert len(script.asked) == expected
    assert caught.value.errors == {"a": error}


def test_the_errors_of_all_servers_are_told() -> None:
    gone = InputError("gone")
    with pytest.raises(NoServerWorked) as caught:
        Servers("ab").try_each(Script(a=busy(9), b=[gone]), attempts=2)
    assert list(caught.value.errors) == ["a", "b"] and caught.value.errors["b"] is gone
    with pytest.raises(NoServerWorked) as none:
        Servers(()).try_each(Script())
    assert none.value.errors == {}
