"""What packages of Python projects are called: the names that a project may have in a distribution."""

from __future__ import annotations

# Projects whose packages have another name than they.
_OTHER_NAMES = {
    "beautifulsoup4": "bs4",
    "mysql-python": "mysqldb",
    "pastedeploy": "paste-deploy",
    "pycrypto": "crypto",
    "pyopenssl": "openssl",
    "pyyaml": "yaml",
    "pytz": "tz",
    "attrs": "attr",
    "jsonpointer": "json-pointer",
    "ldap3": "ldap",
    "python-memcached": "memcached",
}


def list_capabilities(project: str, python: str) -> tuple[str, ...]:
    """What a package of a project may provide, for an interpreter (python3, python2, python): the surest name first.

    `project` is normalized as in PEP 503.
    """
    stem = project.removeprefix("python-")
    names = dict.fromkeys([project, stem, _OTHER_NAMES.get(project, stem)])
    prefixes = {"python3": ("python3",), "python2": ("python2", "python"), "python": ("python", "python2")}[
        python
    ]
    found = [f"{prefix}dist({project})" for prefix in prefixes if prefix != "python"]
    found += [f"{prefix}-{name}" for prefix in prefixes for name in names]
    if project.startswith("python-") and python != "python3":
        found.append(project)
    return tuple(dict.fromkeys(found))
