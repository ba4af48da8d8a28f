"""The one kind of failure that a user of the sample can cause or cure."""

from __future__ import annotations


class SampleError(Exception):
    """What happened, why, and what to do next, as one text for people."""
