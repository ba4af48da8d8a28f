"""The names of the files of a release."""

from __future__ import annotations

MANIFEST_NAME = "release.json"
CHECKSUMS_NAME = "SHA256SUMS"
LATEST_LINK = "latest"
KEY_FILE_PREFIX = "RPM-GPG-KEY-"
KEY_FOLDER = "/etc/pki/rpm-gpg"  # where packages install public keys on machines
REPORT_PATH = "report/index.html"
RELEASES_PAGE = "index.html"  # in the folder of all releases
PROVENANCE = "provenance"  # bills of materials, and how each package was built, for other tools
SPDX_PATH = f"{PROVENANCE}/release.spdx.json"
CYCLONEDX_PATH = f"{PROVENANCE}/release.cdx.json"
MANIFEST_SCHEMA_PATH = f"{PROVENANCE}/release.schema.json"  # the JSON Schema of release.json
STATEMENTS_FOLDER = f"{PROVENANCE}/slsa"
BUILDROOTS_FOLDER = f"{PROVENANCE}/buildroots"


def make_log_path(component: str) -> str:
    """Where a component's build log is in a release; components `a/b` and `a_b` get different paths."""
    return f"report/logs/{component}.log.gz"


def make_repo_section_name(project: str, repository: str) -> str:
    """The section name of a repository in the .repo file: `altai-deps-epel` for `deps/epel`."""
    return f"{project}-{repository.replace('/', '-')}"
