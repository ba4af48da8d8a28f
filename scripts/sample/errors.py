"""The errors that a user of the sample can cause or fix."""

from __future__ import annotations


class SampleError(Exception):
    """What happened, why, and what to do next, in one text."""
