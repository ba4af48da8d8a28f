"""Mock configurations written and evaluated for tests."""

from __future__ import annotations

from pathlib import Path

from altai_build.tools.mock.config_files import open_sources
from altai_build.tools.mock.evaluate import EvaluatedOptions, evaluate


def evaluate_text(folder: Path, text: str, *, cache: Path | None = None, **files: str) -> EvaluatedOptions:
    """What these statements set, after those that set a root; `files` can be included as NAME.cfg."""
    for name, content in {**files, "case": "config_opts['root'] = 'small'\n" + text}.items():
        (folder / f"{name}.cfg").write_text(content, encoding="utf-8")
    sources = open_sources([folder])
    sources.add(folder / "case.cfg")
    return evaluate(sources, {"chroot_name": "case", "config_path": str(folder)}, cache=cache)
