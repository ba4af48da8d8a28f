"""Whether the repositories that are not ours answer, with metadata that can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from altai_build.config import Config
from altai_build.config.upstreams import Upstream, list_upstreams
from altai_build.errors import AltaiError
from altai_build.model.doctor import CheckResult, CheckStatus, make_failed_check, run_check
from altai_build.model.lock import Lock
from altai_build.stages.upstreams import probe_upstream, refuse_other_signers
from altai_build.tools.chroot.resolver import make_no_repository_error, section_to_source
from altai_build.tools.files import make_directory
from altai_build.tools.mock.config import MockConfig
from altai_build.tools.repo.dnfconf import RepoSection
from altai_build.tools.repo.metadata import probe_metadata
from altai_build.workspace import Workspace

T = TypeVar("T")


def check_upstreams(config: Config, workspace: Workspace, lock: Lock | None) -> list[CheckResult]:
    """Each repository that is not ours: whether it answers, with metadata that its key signed."""
    try:
        upstreams = list_upstreams(config)
    except AltaiError as error:
        return [make_failed_check("repositories", error)]

    def probe(upstream: Upstream) -> CheckResult:
        def describe() -> str:
            refuse_other_signers(upstream, lock)
            url, signed = probe_upstream(upstream, cache=make_directory(workspace.scratch), known=lock)
            signer = f"signed by the key {upstream.key.name}" if signed else "not signed"
            return f"{url}: its metadata is {signer}"

        return run_check(f"repository {upstream.name}", describe)

    return _run_parallel(probe, upstreams)


def check_buildroot_repositories(mock: MockConfig, workspace: Workspace) -> list[CheckResult]:
    """Each repository that the packages of buildroots come from."""

    def probe(section: RepoSection) -> CheckResult:
        def describe() -> str:
            scratch = make_directory(workspace.scratch)
            url, signed = probe_metadata(
                section_to_source(section, workspace.cache, dict(mock.variables)), scratch
            )
            return f"{url}: its metadata is {'signed' if signed else 'not signed, or that is not checked'}"

        found = run_check(f"repository {mock.name}/{section.id}", describe)
        optional = found.exit_code and section.skip_if_unavailable
        return replace(found, status=CheckStatus.WARNING, exit_code=0) if optional else found

    sections = [section for section in mock.repositories if section.enabled]
    if not sections:
        return [make_failed_check(f"repositories of {mock.name}", make_no_repository_error(mock.name))]
    return _run_parallel(probe, sections)


def _run_parallel(check: Callable[[T], CheckResult], items: Sequence[T]) -> list[CheckResult]:
    with ThreadPoolExecutor(max(1, len(items))) as pool:
        return list(pool.map(check, items))
