"""mock's configuration of a first definition: both builders can read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.model.distribution import find_distribution
from altai_build.stages.first_steps.mock_file import format_mock_config
from altai_build.tools.mock.config import read_config


@pytest.mark.parametrize("id", ["centos6", "el9", "fedora-44"])
def test_the_configuration_is_read_and_nothing_in_it_is_unsupported(id: str, tmp_path: Path) -> None:
    distribution = find_distribution(id)
    assert distribution is not None
    (tmp_path / "m.cfg").write_text(format_mock_config("m", "x86_64", distribution, ""))
    mock = read_config("m", search=[tmp_path])
    assert mock.unsupported == () and mock.target_arch == "x86_64" and dict(mock.macros)["dist"]
    assert [one.id for one in mock.repositories] == [
        one.name for one in (*distribution.base, *distribution.more)
    ]
    assert all(one.gpgcheck for one in mock.repositories)


def test_an_unknown_distribution_leaves_a_mark(tmp_path: Path) -> None:
    text = format_mock_config("m", "riscv64", None, "alt\nx")
    assert "# TODO: name the packages and repositories of alt\\nx" in text
    (tmp_path / "m.cfg").write_text(text)
    assert read_config("m", search=[tmp_path]).repositories == ()
