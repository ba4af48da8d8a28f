"""What a release holds besides its packages."""

from __future__ import annotations

import gzip
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from altai_build.model.build import ComponentStatus
from altai_build.model.component import BuildRow
from altai_build.pipeline.release.contents import write_logs


def test_components_whose_names_look_alike_have_logs_of_their_own(tmp_path: Path) -> None:
    rows: list[BuildRow] = []
    for name in ("a/b", "a_b", "a"):
        log = tmp_path / f"{len(rows)}.log"
        log.write_text(f"This is {name}.\n")
        rows.append(
            BuildRow(
                component=name,
                commit="0" * 40,
                status=ComponentStatus.BUILT,
                srpm=None,
                rpms=(),
                log=str(log),
                seconds=1.0,
                reason="",
            )
        )
    build_run: Any = SimpleNamespace(rows=rows)
    write_logs(tmp_path / "release", build_run, None)
    logs = tmp_path / "release/report/logs"
    found = {str(path.relative_to(logs)): gzip.decompress(path.read_bytes()) for path in logs.rglob("*.gz")}
    assert found == {f"{name}.log.gz": f"This is {name}.\n".encode() for name in ("a/b", "a_b", "a")}
