"""Sessions: what comes with a redirect is not read, and answers are counted and limited."""

from __future__ import annotations

import pytest

from altai_build.errors import InputError
from altai_build.tools.http.least_rate import LeastRate
from altai_build.tools.http.session import open_session
from tests.kit.server import Request, scripted_server


def test_what_comes_with_a_redirect_is_not_read() -> None:
    sent = []

    def answer(request: Request) -> None:
        if request.path == "/there":
            request.answer(200, b"content", content_length="7")
            return
        request.answer(302, location="/there")
        for _ in range(200):
            request.write(bytes(1 << 20))
            sent.append(1 << 20)

    with scripted_server(answer) as url, LeastRate() as rate, open_session(rate) as session:
        assert session.get(url, stream=True, timeout=20).content == b"content"
    # What fits into the buffers of the connection.
    assert len(sent) < 100


@pytest.mark.parametrize(("most", "fits"), [(6, False), (7, True), (None, True)])
def test_an_answer_that_is_streamed_has_the_limit_of_the_session(most: int | None, fits: bool) -> None:
    def answer(request: Request) -> None:
        request.answer(200, b"content", content_length="7")

    with scripted_server(answer) as url, LeastRate() as rate, open_session(rate, most=most) as session:
        response = session.get(url, stream=True, timeout=20)
        if fits:
            assert b"".join(response.iter_content(100)) == b"content"
        else:
            with pytest.raises(InputError, match="larger than expected"):
                list(response.iter_content(100))
