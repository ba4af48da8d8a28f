"""Repositories and mirror lists that do not mean well: no file outside the cache, no answer without end."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.download import get_text
from altai_build.tools.repo.metadata import RepositorySource, fetch_metadata
from tests.kit.server import serving


class _Endless(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"# and so on\n" * 10_000)
        except OSError:
            pass  # the client has heard enough

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def endless() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Endless) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_mirror_list_without_end_is_refused(endless: str) -> None:
    with pytest.raises(InputError) as caught:
        get_text(endless, limit=1 << 20)
    assert str(caught.value).startswith(f"{endless} is larger than it should be")


def test_a_checksum_that_is_a_path_names_no_file_outside_the_cache(tmp_path: Path) -> None:
    primary = b"<metadata packages='0'/>"
    site = tmp_path / "site"
    (site / "repodata").mkdir(parents=True)
    (site / "repodata/primary.xml").write_bytes(primary)
    outside = tmp_path / "outside-primary.xml"
    outside.write_bytes(primary)
    (site / "repodata/repomd.xml").write_text(
        "<repomd xmlns='http://linux.duke.edu/metadata/repo'><revision>1</revision><data type='primary'>"
        f"<checksum type='sha256'>{tmp_path}/outside</checksum><location href='repodata/primary.xml'/>"
        f"<size>{len(primary)}</size></data></repomd>"
    )
    with serving(site) as url:
        source = RepositorySource(
            name="evil", urls=(url,), check_packages=False, check_metadata=False, keys=()
        )
        with pytest.raises(InputError) as caught:
            fetch_metadata(source, tmp_path / "cache")
    assert f"'{tmp_path}/outside' is not a sha256 checksum" in str(caught.value)
    assert hashlib.sha256(outside.read_bytes()).digest() == hashlib.sha256(primary).digest()
