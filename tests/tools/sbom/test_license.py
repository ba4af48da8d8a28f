"""Licenses are SPDX expressions only where they are written as such: nothing is guessed."""

from __future__ import annotations

import pytest

from altai_build.tools.sbom.license import find_license_expression


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("MIT", "MIT"),
        ("mit and (gpl-2.0-or-later OR  BSD-3-Clause)", "MIT AND (GPL-2.0-or-later OR BSD-3-Clause)"),
        ("GPL-2.0-or-later with Classpath-exception-2.0", "GPL-2.0-or-later WITH Classpath-exception-2.0"),
        ("GPL-2.0+", "GPL-2.0+"),
        # The libraries of the standards take these for other licenses.
        ("GPL", None),
        ("MIT AND LicenseRef-Fedora-Public-Domain", None),
        # The names that Fedora used until 2022.
        ("GPLv2+", None),
        ("BSD and MIT", None),
        ("Public Domain", None),
        ("ASL 2.0", None),
        ("MIT, Apache-2.0", None),
        ("MIT MIT", None),
        ("()", None),
        ("", None),
    ],
)
def test_a_license_is_an_expression_of_the_license_list_or_text(text: str, expression: str | None) -> None:
    assert find_license_expression(text) == expression
