"""Approve a release: sign its digest with a person's key, after verifying it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from altai_build.errors import UsageError
from altai_build.model.compat import Compat
from altai_build.model.findings import refuse_errors
from altai_build.model.suggestion import suggest
from altai_build.pipeline.published.approvals import (
    get_approval_file,
    get_approval_settings,
    make_release_statement,
)
from altai_build.pipeline.published.releases import load_manifest
from altai_build.pipeline.published.verify import verify_published
from altai_build.pipeline.release.signing import unlock_keys
from altai_build.pipeline.run import Run
from altai_build.regular_files import read_regular_file
from altai_build.tools.files import PUBLIC_DIRECTORY_MODE, make_directory, scratch_directory, write_atomically
from altai_build.tools.openpgp.passphrase import Passphrase


def approve_release(run: Run, directory: Path, key: str, passphrase: Passphrase, output: Path | None) -> Path:
    """Write the approval of the release in a folder by a key of repos.yaml; returns its file.

    By default that is in `approvals/` beside the release. Raises UsageError for a key that repos.yaml does not ask for,
    VerificationError for a release with errors, SigningError, and CannotWriteError.
    """
    settings = get_approval_settings(run)
    if key not in settings.keys:
        hint = suggest(key, settings.keys)
        raise UsageError(
            f"{key} is not one of the keys that approve releases",
            why=f"{hint}{'; ' if hint else ''}release.approvals.keys in repos.yaml: {', '.join(settings.keys)}",
            todo="name one of them",
        )
    version = load_manifest(directory).version
    with run.reporter.run_step("verification"):
        report = verify_published(run, directory, version=version)
    refuse_errors(report.findings, f"release {version} was not approved", todo="apply the fixes first")
    file = output or get_approval_file(directory.parent, version, key)
    # No client's rpm reads approvals.
    target = replace(run.config.get_target(), compat=Compat.MODERN)
    run.workspace.prepare()
    with (
        unlock_keys(run, [key], target, passphrase) as keys,
        scratch_directory(run.workspace.scratch, "approval") as scratch,
    ):
        statement = scratch / "statement"
        statement.write_bytes(make_release_statement(run, directory))
        signature = read_regular_file(keys[key].sign_detached(statement))
    if output is None:
        for folder in (file.parent.parent, file.parent):
            if not folder.is_dir():
                # A web server reads them, whatever the umask is.
                make_directory(folder).chmod(PUBLIC_DIRECTORY_MODE)
    write_atomically(file, signature)
    return file
