"""The logs that a release contains, and what it says of its builds."""

from __future__ import annotations

import gzip
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from altai_build.ledger import Artefact, Ledger, Record
from altai_build.model.build import BuildResult
from altai_build.model.component_status import ComponentStatus
from altai_build.pipeline.release.contents import list_build_records, write_logs
from altai_build.tools.files import sha256_file


def test_components_whose_names_look_alike_have_logs_of_their_own(tmp_path: Path) -> None:
    rows: list[BuildResult] = []
    for name in ("a/b", "a_b", "a"):
        log = tmp_path / f"{len(rows)}.log"
        log.write_text(f"This is {name}.\n")
        rows.append(
            BuildResult(
                component=name,
                commit="0" * 40,
                status=ComponentStatus.BUILT,
                reason="",
                log=log,
            )
        )
    build_run: Any = SimpleNamespace(rows=rows)
    write_logs(tmp_path / "release", build_run, None)
    logs = tmp_path / "release/report/logs"
    found = {str(path.relative_to(logs)): gzip.decompress(path.read_bytes()) for path in logs.rglob("*.gz")}
    assert found == {f"{name}.log.gz": f"This is {name}.\n".encode() for name in ("a/b", "a_b", "a")}


def test_a_log_that_the_previous_release_has_too_is_a_link_to_it(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("the log\n")
    row: Any = SimpleNamespace(component="a", log=log, status=ComponentStatus.REUSED)
    build_run: Any = SimpleNamespace(rows=[row])
    first, second, third = tmp_path / "1", tmp_path / "2", tmp_path / "3"
    path = "report/logs/a.log.gz"
    write_logs(first, build_run, None)
    # Another release may have compressed the same log in another way.
    (first / path).write_bytes(gzip.compress(log.read_bytes(), compresslevel=1, mtime=1))
    write_logs(second, build_run, first)
    assert (second / path).samefile(first / path)
    (second / path).unlink()
    (second / path).write_bytes(b"damaged")
    write_logs(third, build_run, second)
    assert gzip.decompress((third / path).read_bytes()) == b"the log\n"
    assert not (third / path).samefile(second / path)


def test_a_reused_build_has_the_time_that_it_took_when_it_was_made(tmp_path: Path) -> None:
    srpm = tmp_path / "a-1-1.src.rpm"
    srpm.write_bytes(b"a")
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append(
        Record(kind="build", key="k", component="a", commit="c", inputs=(), artefacts=(), seconds=12.5)
    )
    row = BuildResult(
        component="a", commit="c", status=ComponentStatus.REUSED, reason="", srpm=srpm, key="k", seconds=0.0
    )
    order = SimpleNamespace(needs={}, bootstrap_builds={})
    build_run: Any = SimpleNamespace(rows=[row], build_plan=SimpleNamespace(order=order))
    (record,) = list_build_records(build_run, ledger, {})
    assert (record.status, record.seconds, record.made_with) == ("reused", 12.5, None)


def test_what_made_a_source_package_is_recorded_and_stays_with_its_bytes(tmp_path: Path) -> None:
    srpm = tmp_path / "a-1-1.src.rpm"
    srpm.write_bytes(b"a")
    ledger = Ledger(tmp_path / "ledger.jsonl")
    made = Artefact(file=srpm.name, sha256=sha256_file(srpm), size=1)
    ledger.append(
        Record(
            kind="srpm",
            key="k",
            component="a",
            commit="c",
            inputs=(("recipe", "6"), ("commit", "c"), ("arch", "x86_64")),
            artefacts=(made,),
            seconds=1.0,
        )
    )
    row = BuildResult(component="a", commit="c", status=ComponentStatus.BUILT, reason="", srpm=srpm)
    order = SimpleNamespace(needs={}, bootstrap_builds={})
    build_run: Any = SimpleNamespace(rows=[row], build_plan=SimpleNamespace(order=order))
    makings = [
        list_build_records(build_run, ledger, released)[0].made_with
        for released in ({}, {srpm.name: (("recipe", "5"),)}, {srpm.name: None})
    ]
    assert makings == [(("arch", "x86_64"), ("recipe", "6")), (("recipe", "5"),), None]
