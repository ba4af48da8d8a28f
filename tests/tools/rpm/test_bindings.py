"""A Python that does not see rpm's bindings: an error that names the package, and only where they are needed."""

from __future__ import annotations

import sys

import pytest

from altai_build.errors import MissingToolError
from altai_build.tools.rpm.bindings import load_rpm


def test_the_error_names_the_package_and_the_python(monkeypatch: pytest.MonkeyPatch) -> None:
    # None makes the import fail, as in a virtual environment of another Python.
    monkeypatch.setitem(sys.modules, "rpm", None)
    load_rpm.cache_clear()
    with pytest.raises(MissingToolError, match="rpm bindings") as caught:
        load_rpm()
    assert caught.value.exit_code == 4
    assert "python3-rpm" in caught.value.todo and sys.executable in caught.value.why
    monkeypatch.undo()
    assert load_rpm().TransactionSet() is not None
