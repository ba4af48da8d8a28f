"""The key `dask` of repos.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.errors import InputError
from altai_build.model.cluster import ClusterSettings, TlsFiles
from tests.kit.superprojects import DEFINITION


def read(folder: Path, text: str) -> ClusterSettings | None:
    (folder / "repos.yaml").write_text(DEFINITION + text)
    return load_config(folder / "repos.yaml").cluster


def test_scheduler_certificates_and_own_address(tmp_path: Path) -> None:
    assert read(tmp_path, "") is None
    assert read(tmp_path, "dask:\n") == ClusterSettings()
    text = "dask:\n  scheduler: tls://build:8786\n  listen: head.example.org:9000\n"
    text += "  security: {ca: tls/ca.pem, cert: /etc/tls/me.pem, key: /etc/tls/me.key}\n"
    tls = TlsFiles(ca=tmp_path / "tls/ca.pem", cert=Path("/etc/tls/me.pem"), key=Path("/etc/tls/me.key"))
    assert read(tmp_path, text) == ClusterSettings(
        scheduler="tls://build:8786", tls=tls, listen="head.example.org:9000"
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("dask: {schedular: x}\n", "did you mean scheduler?"),
        ("dask: {security: {ca: a}}\n", "dask.security"),
        ("dask: [x]\n", "dask"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert error in caught.value.why
