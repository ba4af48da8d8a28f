"""What a metalink says of the repomd.xml of a repository."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from altai_build.errors import InputError, describe_cause
from altai_build.model.metalink import RepomdIdentity
from altai_build.regular_files import read_regular_file
from altai_build.tools.repo.repomd import MAX_REPOMD_SIZE, REPOMD
from altai_build.tools.repo.xmltree import parse_xml

_WHOLE_NUMBER = re.compile("[0-9]{1,18}")


def read_repomd_identity(directory: Path) -> RepomdIdentity:
    """The identity of a repository's repomd.xml. Raises InputError when it cannot be read.

    yum takes the newest of the timestamps that are whole numbers (`RepoMD.parse` in yum/repoMDObject.py).
    """
    try:
        data = read_regular_file(directory / REPOMD, limit=MAX_REPOMD_SIZE)
        root = parse_xml(data, "repomd")
    except (OSError, ValueError) as error:
        raise InputError(f"{directory / REPOMD} cannot be read", why=describe_cause(error)) from error
    texts = (node.findtext("{*}timestamp", "").strip() for node in root.iterfind("{*}data"))
    return RepomdIdentity(
        sha256=hashlib.sha256(data).hexdigest(),
        sha512=hashlib.sha512(data).hexdigest(),
        size=len(data),
        timestamp=max((int(text) for text in texts if _WHOLE_NUMBER.fullmatch(text)), default=0),
    )
