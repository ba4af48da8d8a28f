"""Metalinks as yum and librepo read them, by the rules in their sources."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from altai_build.model.metalink import RepomdIdentity, format_metalink

_REPOMD = RepomdIdentity(sha256="a" * 64, sha512="b" * 128, size=1546, timestamp=1_362_052_800)
_URLS = (
    "https://mirror.example.org/a&b/1.0.2/main/repodata/repomd.xml",
    "file:///srv/main/repodata/repomd.xml",
)
_ML = "{http://www.metalinker.org/}"
_MM = "{http://fedorahosted.org/mirrormanager}"


def test_yum_finds_all_that_it_compares() -> None:
    """yum/metalink.py: MetaLinkRepoMD, MetaLinkFile and MetaLinkURL."""
    root = ElementTree.fromstring(format_metalink(_REPOMD, _URLS))
    (file,) = root.findall(f"{_ML}files/{_ML}file")
    assert file.get("name") == "repomd.xml"
    assert int(file.findtext(f"{_MM}timestamp", "")) == _REPOMD.timestamp
    assert int(file.findtext(f"{_ML}size", "")) == _REPOMD.size
    hashes = {node.get("type"): node.text for node in file.findall(f"{_ML}verification/{_ML}hash")}
    assert hashes == {"sha256": _REPOMD.sha256, "sha512": _REPOMD.sha512}
    (resources,) = file.findall(f"{_ML}resources")
    assert int(resources.get("maxconnections", "")) == 1
    urls = resources.findall(f"{_ML}url")
    assert [(url.text, url.get("type"), int(url.get("preference", ""))) for url in urls] == [
        (_URLS[0], "https", 100),
        (_URLS[1], "file", 99),
    ]
    assert all((url.text or "").endswith("/repodata/repomd.xml") for url in urls)


def test_librepo_finds_the_names_that_it_compares_as_text() -> None:
    """librepo/metalink.c knows no namespaces: its table has the very names, prefix included."""
    text = format_metalink(_REPOMD, _URLS)
    for tag in (
        "metalink",
        "files",
        "file",
        "mm0:timestamp",
        "size",
        "verification",
        "hash",
        "resources",
        "url",
    ):
        assert f"<{tag}" in text
    assert "a&amp;b" in text
