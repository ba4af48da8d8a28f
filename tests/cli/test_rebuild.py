"""`rebuild` reports how the new packages compare; that they are really built again is in tests/flow/test_deep.py."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

from altai_build.cli.rebuild import rebuild
from altai_build.errors import VerificationError
from altai_build.model.reproduction import ReproducedPackage, ReproductionReport, Similarity
from altai_build.pipeline.published import reproduce
from tests.kit.cli import altai_build


def report_with(similarity: Similarity, difference: str, *source_package: str) -> ReproductionReport:
    package = ReproducedPackage(
        nevra="nova-1-1.noarch",
        released="centos6/nova-1-1.noarch.rpm",
        similarity=similarity,
        first_difference=difference,
    )
    return ReproductionReport(
        component="nova",
        release="1.0.2",
        commit="c" * 40,
        buildroot="identical",
        source_package=source_package,
        packages=(package,),
    )


@pytest.fixture
def app() -> SimpleNamespace:
    """An App whose run does nothing."""
    run = SimpleNamespace(
        lock=lambda wait: contextlib.nullcontext(),
        workspace=SimpleNamespace(
            remove_leftovers=lambda: click.echo("removed what killed runs left", err=True)
        ),
        reporter=SimpleNamespace(
            info=lambda text: click.echo(text, err=True),
            warn=lambda text: click.echo(f"warning: {text}", err=True),
        ),
    )
    here = SimpleNamespace(create_run=lambda _config: run)
    return SimpleNamespace(load_config=lambda: None, build_here=lambda _verb: here)


def test_without_a_use_for_the_packages_nothing_is_built(tmp_path: Path) -> None:
    answer = altai_build("rebuild", "nova", "1.0.2", cwd=tmp_path)
    assert answer.code == 2
    assert "the new packages would be neither compared nor kept" in answer.err


def test_packages_that_are_the_same_pass(monkeypatch: pytest.MonkeyPatch, app: SimpleNamespace) -> None:
    report = report_with(Similarity.IDENTICAL_EXCEPT_TIMES, "signature", "recipe 1 made it")
    monkeypatch.setattr(reproduce, "reproduce", lambda *_args, **_options: report)
    result = CliRunner().invoke(rebuild, ["--compare", "--json", "nova", "1.0.2"], obj=app)
    assert json.loads(result.stdout) == {
        "schema_version": 1,
        "component": "nova",
        "release": "1.0.2",
        "commit": "c" * 40,
        "buildroot": "identical",
        "source_package": ["recipe 1 made it"],
        "packages": [
            {
                "package": "nova-1-1.noarch",
                "released": "centos6/nova-1-1.noarch.rpm",
                "sameness": "identical but for signature and times",
                "where": "signature",
            }
        ],
        "sameness": "identical but for signature and times",
    }
    assert result.stderr == "removed what killed runs left\nnova at cccccccccccc; buildroot: identical\n"


def test_a_different_package_fails_with_its_first_difference(
    monkeypatch: pytest.MonkeyPatch, app: SimpleNamespace
) -> None:
    report = report_with(Similarity.DIFFERENT, "/opt/now: FILEDIGESTS")
    monkeypatch.setattr(reproduce, "reproduce", lambda *_args, **_options: report)
    result = CliRunner().invoke(rebuild, ["--compare", "nova", "1.0.2"], obj=app)
    assert result.stdout == "nova-1-1.noarch\tdifferent\t/opt/now: FILEDIGESTS\n"
    assert isinstance(result.exception, VerificationError)
    assert result.exception.what == "the rebuild of nova differs from release 1.0.2"
    assert result.exception.why == "  nova-1-1.noarch: /opt/now: FILEDIGESTS"
    assert "diffoscope" in result.exception.todo
    # Without --compare the packages are kept, whatever they are.
    assert CliRunner().invoke(rebuild, ["-o", "kept", "nova", "1.0.2"], obj=app).exit_code == 0


def test_a_difference_with_another_source_package_says_so(
    monkeypatch: pytest.MonkeyPatch, app: SimpleNamespace
) -> None:
    report = report_with(Similarity.DIFFERENT, "the tag CHANGELOGTEXT", "recipe 1 made it")
    monkeypatch.setattr(reproduce, "reproduce", lambda *_args, **_options: report)
    result = CliRunner().invoke(rebuild, ["--compare", "nova", "1.0.2"], obj=app)
    assert "may differ from that of the rebuild: recipe 1 made it" in result.stderr
    assert isinstance(result.exception, VerificationError)
    assert result.exception.todo.startswith("rebuild with what made the source package then")
