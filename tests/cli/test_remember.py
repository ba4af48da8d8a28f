"""`verify --remember FILE` as a cron job meets it: nothing to read where all is well, exit code 7 where it is not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from altai_build.model.release import FollowedRelease
from altai_build.tools.files import sha256_file
from tests.kit.cli import altai_build
from tests.kit.releases import Materials, make_release, make_release_contents
from tests.kit.server import serving


def test_a_cron_job_hears_of_a_rollback_and_else_of_nothing(materials: Materials, tmp_path: Path) -> None:
    releases = tmp_path / "releases"
    contents = replace(make_release_contents(materials), follows=())
    first = make_release(releases / "1.0.2", materials, contents)
    follows = (FollowedRelease("1.0.2", sha256_file(first / "SHA256SUMS")),)
    later = replace(contents, version="1.0.3", previous="1.0.2", follows=follows)
    make_release(releases / "1.0.3", materials, later, previous=first)
    words = ("--key", materials.ours.public, "--remember", tmp_path / "seen.json")
    latest = releases / "latest"
    with serving(releases) as url:

        def cron(version: str, *more: str) -> tuple[int, str, str]:
            latest.unlink(missing_ok=True)
            latest.symlink_to(version)
            answer = altai_build("-q", "verify", f"{url}/latest", *words, *more, cwd=tmp_path)
            return answer.code, answer.out, answer.err

        assert cron("1.0.2") == (0, "", "")
        assert cron("1.0.3") == (0, "", "")
        code, out, err = cron("1.0.2")
        assert code == 7 and "the release is older than 1.0.3, which was seen before" in out
        assert err.startswith("altai-build: release 1.0.2 failed verification: 1 error")
        _, out, _ = cron("1.0.3", "--json")
        seen = json.loads(out)["remembered"]
        assert seen["before"] == seen["now"]
        assert (seen["now"]["release"], seen["now"]["chained"]) == ("1.0.3", True)
        answer = altai_build("verify", f"{url}/latest", *words, cwd=tmp_path)
        assert answer.err.splitlines()[-1].startswith(
            f"{tmp_path}/seen.json: 1.0.3; it does not say when the next"
        )


def test_without_a_key_to_trust_nothing_is_remembered(tmp_path: Path) -> None:
    answer = altai_build("verify", "http://127.0.0.1:1/1.0", "--remember", "seen.json", cwd=tmp_path)
    assert answer.code == 2 and "--remember needs a key to trust" in answer.err
