"""A child's pipes are read and written at the same time: neither side waits for the other for ever."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

from altai_build.tools.pipes import Pipes, seconds_left


@contextmanager
def pipe() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Both ends of a pipe."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as source, os.fdopen(writing, "wb", buffering=0) as sink:
        yield source, sink


def test_input_and_output_larger_than_a_pipe() -> None:
    data = os.urandom(1 << 20)
    with pipe() as (child_in, stdin), pipe() as (stdout, child_out):

        def echo() -> None:
            while piece := child_in.read(5000):
                child_out.write(piece)
            child_out.close()

        child = threading.Thread(target=echo)
        child.start()
        with Pipes(stdin, stdout, None, data) as pipes:
            while pipes.transfer(time.monotonic() + 30):
                pass
            assert pipes.read(stdout) == data and pipes.read(None) == b""
        child.join()


def test_a_reader_that_is_gone_ends_the_input_only() -> None:
    with pipe() as (child_in, stdin), pipe() as (stdout, child_out):
        child_in.close()
        child_out.write(b"x")
        child_out.close()
        with Pipes(stdin, stdout, None, bytes(1 << 20)) as pipes:
            while pipes.transfer(time.monotonic() + 30):
                pass
            assert pipes.read(stdout) == b"x"


def test_silence_until_the_deadline_is_an_error() -> None:
    with pipe() as (stdout, _), Pipes(None, stdout, None, b"") as pipes, pytest.raises(TimeoutError):
        pipes.transfer(time.monotonic() + 0.05)


def test_seconds_left() -> None:
    assert seconds_left(None) is None and seconds_left(0.0) == 0.0
    assert 9 < (seconds_left(time.monotonic() + 10) or 0.0) <= 10
