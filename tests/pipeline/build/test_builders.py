"""The registry of builders."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.pipeline.build.builders import BUILDERS, find_builder, load_builder
from altai_build.tools.mock.builder import MockBuilder
from altai_build.tools.process import run
from tests.kit.cli import altai_build


def test_auto_is_the_first_installed_builder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MockBuilder, "is_installed", classmethod(lambda cls: False))
    assert find_builder("auto").name == "chroot"
    monkeypatch.setattr(MockBuilder, "is_installed", classmethod(lambda cls: True))
    assert find_builder("auto").name == "mock"


def test_an_unknown_builder_is_refused_with_the_known_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown builder 'koji'") as caught:
        find_builder("koji")
    assert caught.value.todo == "use one of auto, mock, chroot"
    answer = altai_build("--builder", "koji", "doctor", cwd=tmp_path)
    assert answer.code == 2 and "'koji' is not one of auto, mock, chroot" in answer.err


def test_every_builder_has_the_name_that_the_registry_gives_it() -> None:
    assert {name: load_builder(name).name for name in BUILDERS} == {name: name for name in BUILDERS}


def test_naming_a_builder_loads_none() -> None:
    program = (
        "import sys\n"
        "from altai_build.cli import global_options\n"
        "assert global_options._check_builder(None, None, 'chroot') == 'chroot'\n"
        "print([name for name in sys.modules if name.startswith('altai_build.tools.') and 'builder' in name])\n"
    )
    assert run([sys.executable, "-c", program]).stdout == b"[]\n"
