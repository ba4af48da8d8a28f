"""What reading commands open: repos.yaml only where nothing else says which releases are meant."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from altai_build.cli.reading import open_reading
from altai_build.errors import InputError
from tests.kit.cli import make_app
from tests.kit.manifests import manifest, package, write_manifests


def test_the_releases_here_or_those_named_are_read(tmp_path: Path) -> None:
    write_manifests(tmp_path / "site" / "releases", manifest("1.0", [package("a-1-1.noarch")]))
    (tmp_path / "elsewhere").mkdir()
    with click.Context(click.Command("x")):
        here = open_reading(make_app(tmp_path / "site"), None)
        assert [folder.name for folder in here.catalog.list_all()] == ["1.0"]
        app = make_app(tmp_path / "elsewhere")
        there = open_reading(app, str(tmp_path / "site" / "releases"))
        assert [folder.name for folder in there.catalog.list_all()] == ["1.0"]
        path = str(tmp_path / "site" / "releases" / "1.0")
        assert open_reading(app, None, [path]).catalog.find(path).name == "1.0"
        with pytest.raises(InputError, match="there are no releases in"):
            open_reading(app, None, [path, "1.0"])
