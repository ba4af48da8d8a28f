"""The key `dask` of repos.yaml: where builds go with `--executor dask`."""

from __future__ import annotations

from pathlib import Path

from altai_build.config.release_keys import CLUSTER, CLUSTER_SECURITY
from altai_build.config.yaml_reader import YamlNode
from altai_build.model.cluster import ClusterSettings, TlsFiles


def read_cluster(node: YamlNode, root: Path) -> ClusterSettings:
    """The scheduler's address, the certificates, and the address of this machine; relative paths start at `root`."""
    if node.value is None:
        return ClusterSettings()
    node = node.check_section(CLUSTER)
    security = node.get_child("security")
    tls = None
    if security.value is not None:
        security = security.check_section(CLUSTER_SECURITY)
        ca, cert, key = (root / security.get_child(name).read_text(".") for name in CLUSTER_SECURITY.names)
        tls = TlsFiles(ca=ca, cert=cert, key=key)
    return ClusterSettings(
        scheduler=node.get_child("scheduler").read_text(),
        tls=tls,
        listen=node.get_child("listen").read_text(),
    )
