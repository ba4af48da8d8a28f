"""Certificates of a cluster: an authority, and one certificate for all of its programs."""

from __future__ import annotations

import subprocess
from pathlib import Path

from altai_build.model.cluster import TlsFiles


def make_cluster_certificates(folder: Path) -> TlsFiles:
    """New ones, as an administrator makes them with openssl."""
    folder.mkdir(parents=True, exist_ok=True)
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]

    def openssl(*words: str) -> None:
        subprocess.run(
            ["openssl", *words], cwd=folder, check=True, capture_output=True, stdin=subprocess.DEVNULL
        )

    openssl("req", "-x509", *curve, "-subj", "/CN=cluster authority", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *curve[:-2], "-subj", "/CN=cluster member", "-keyout", "member.key", "-out", "member.csr")
    sign = ["-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "2", "-days", "2"]
    openssl("x509", "-req", "-in", "member.csr", *sign, "-out", "member.pem")
    return TlsFiles(ca=folder / "ca.pem", cert=folder / "member.pem", key=folder / "member.key")
