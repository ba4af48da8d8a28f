"""Requests for keys that gpg would misread are refused before it runs."""

from __future__ import annotations

import pytest

from altai_build.errors import InputError
from altai_build.tools.openpgp.key_request import KEY_TYPES, KeyRequest


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"algorithm": "dsa1024"}, "unknown key algorithm 'dsa1024'"),
        ({"expires": "someday"}, "'someday' is not an expiry time"),
        # gpg would wrap around: a key that expires in 2060.
        ({"expires": "99999y"}, "'99999y' is not an expiry time"),
        ({"expires": "2020-01-01"}, "'2020-01-01' is not an expiry time"),
        ({"expires": "2030-13-45"}, "'2030-13-45' is not an expiry time"),
        ({"expires": "9" * 5000}, "is not an expiry time"),
        ({"email": "nobody"}, "'nobody' is not an email address"),
        ({"name": "A\nKey-Length: 512"}, "the key's name must not contain control characters"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        KeyRequest(**{"name": "A", "email": "a@b.c", **fields}).check()


@pytest.mark.parametrize("expires", ["0", "2y", "18m", "90d", "2030-12-31"])
def test_every_kind_of_key_and_form_of_time_is_taken(expires: str) -> None:
    for algorithm in KEY_TYPES:
        KeyRequest("A", "a@b.c", algorithm=algorithm, expires=expires).check()
