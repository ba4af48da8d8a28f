"""The keys of repos.yaml that say what packages are made for and where they come from, each with its meaning."""

from __future__ import annotations

from altai_build.config.key_description import (
    FLAG,
    TEXT,
    TEXTS,
    URL,
    Form,
    KeyDescription,
    Section,
    choice,
    either,
    mapping,
    number,
)

MACROS = mapping("macro → text", TEXT.schema)
_BASE = "https://vault.centos.org/6.10/os/x86_64/"

SUPERPROJECT = Section(
    (
        KeyDescription("path", TEXT, "the git repository that pins the components", ".", default="."),
        KeyDescription(
            "components", TEXTS, "the folders whose gitlinks are components", ["repos"], default=["repos"]
        ),
        KeyDescription(
            "root",
            FLAG,
            "the superproject's own spec in its root (`altai-release.spec`) is a component too",
            True,
            default=True,
        ),
    )
)

# How the servers of a repository are reached.
_CONNECTION = (
    KeyDescription(
        "proxy",
        Form("URL, or `_none_`", {"type": "string", "pattern": "^(https?://|_none_$)"}),
        "as in dnf: the http or https proxy of its servers; `_none_`: none, whatever the environment says",
        "http://proxy.example.org:3128",
        usual="that of the environment",
    ),
    KeyDescription(
        "minrate",
        number(0),
        "as in dnf: the least bytes a second; 0: any. Unlike dnf's, a transfer of more than ten minutes must be "
        "ten times as fast on average, so that no server can hold a run for days",
        1000,
        usual="1000",
    ),
    KeyDescription(
        "timeout",
        number(1),
        "as in dnf: the seconds to wait for a connection, for data, and at a lower rate",
        60,
        usual="30",
    ),
)
_UPSTREAM = (
    KeyDescription(
        "url",
        URL,
        "the repository itself. `$arch` and `$basearch` are those of the target, in lists too; write the values "
        "of other variables. One of `url`, `mirrorlist` and `metalink` is required, see [mirrors](#mirrors)",
        _BASE,
    ),
    KeyDescription("mirrorlist", URL, "a list of its mirrors, one URL per line"),
    KeyDescription(
        "metalink", URL, "an XML list of its mirrors, with the checksum of repomd.xml, which is checked"
    ),
)
UPSTREAM_NAMES = tuple(key.name for key in _UPSTREAM)

BASE_REPOSITORY = Section(
    (
        KeyDescription("name", TEXT, "its name in messages and in the lock", "os", needed=True),
        *_UPSTREAM,
        KeyDescription(
            "key", TEXT, "a name in `keys`: the key that signs its packages", "centos6", needed=True
        ),
        *_CONNECTION,
    ),
    one_of=UPSTREAM_NAMES,
)
TARGET = Section(
    (
        KeyDescription(
            "mock_config",
            TEXT,
            "a file in `mock-configs/` or `/etc/mock`, without `.cfg`; both builders read it",
            "altai-centos6-x86_64",
            needed=True,
        ),
        KeyDescription("arch", TEXT, "`x86_64`, `i686`, `aarch64`, …", "x86_64", needed=True),
        KeyDescription(
            "macros",
            MACROS,
            "rpm macros without `%`; they override those of the mock configuration. `rhel` decides `compat` where "
            "that is not given",
            {"dist": ".el6", "rhel": "6"},
            default={},
        ),
        KeyDescription(
            "macro_files",
            TEXT,
            "a folder beside repos.yaml with files of the target's `/usr/lib/rpm`, see [Macros of a "
            "target](#macros-of-a-target)",
            "macros/el6/usr/lib/rpm",
            usual="those of this machine",
        ),
        KeyDescription(
            "base",
            Form("list of mappings, see below", {"type": "array", "items": BASE_REPOSITORY}),
            "the repositories of the operating system. Their packages are never part of a release",
            [{"name": "os", "url": _BASE, "key": "centos6"}],
            default=[],
        ),
        KeyDescription(
            "compat",
            choice("el6", "modern"),
            "what clients can read, see below",
            "el6",
            usual="`el6` when the macro `rhel` is 6 or less, else `modern`",
        ),
    )
)
KEY = Section(
    (
        KeyDescription(
            "file",
            TEXT,
            "the file, armored or binary, with one key or several. A release publishes it in the form that `rpm "
            "--import` reads",
            "keys/RPM-GPG-KEY-altai-2027",
            needed=True,
        ),
        KeyDescription(
            "signs",
            FLAG,
            "`true` for your own signing keys; `keys init NAME` creates one",
            True,
            default=False,
        ),
        KeyDescription(
            "replaces",
            TEXT,
            "the older key that this one replaces. Clients get both keys, and packages signed by either are accepted "
            "([how to](upgrades.md#replace-a-key))",
            "altai",
            usual="none",
        ),
    )
)

_KEY_OF_PACKAGES = (
    "a name in `keys`: the key that signs, or must have signed, every package in the folder. It needs `signs: "
    "true`, except for a mirror"
)


def _common_keys(source: str, key: str) -> tuple[KeyDescription, ...]:
    return (
        KeyDescription(
            "source",
            Form(f"`{source}`", {"const": source}),
            "`superproject`: built from the components; `specs`: third-party packages built from `specs/`; "
            "`mirror`: third-party packages copied unchanged",
            source,
            needed=True,
        ),
        KeyDescription("target", TEXT, "a name in `targets`", "centos6", needed=True),
        KeyDescription("key", TEXT, _KEY_OF_PACKAGES, key, needed=True),
    )


def _source_rpms(example: str, *, needed: bool) -> KeyDescription:
    return KeyDescription(
        "source_rpms",
        TEXT,
        "the folder for the source packages. They are signed too, but not in the `.repo` file. Required for `specs`",
        example,
        usual="" if needed else "they are not published",
        needed=needed,
    )


SUPERPROJECT_REPOSITORY = Section(
    (*_common_keys("superproject", "altai"), _source_rpms("centos6-srpms", needed=False))
)
SPECS_REPOSITORY = Section(
    (
        *_common_keys("specs", "altai"),
        KeyDescription("path", TEXT, "the folder with one folder per package", "specs", needed=True),
        _source_rpms("deps/misc-srpms", needed=True),
    )
)
MIRROR_REPOSITORY = Section(
    (
        *_common_keys("mirror", "centos6"),
        *_UPSTREAM,
        KeyDescription(
            "packages",
            either(choice("needed"), TEXTS),
            "`needed`: exactly what the built packages require beyond `base`; or a list of names, taken with "
            "everything that they require",
            "needed",
            needed=True,
        ),
        KeyDescription(
            "prefer",
            TEXTS,
            "names or patterns (`*`, `?`): chosen where several packages would do, even where base has one of "
            "them (for example an update of `openssl`)",
            ["openssl*"],
            default=[],
        ),
        KeyDescription(
            "exclude",
            TEXTS,
            "packages that are never taken: names or patterns as in dnf (`kernel*`, `*.i686`, `lib-1.2*`)",
            ["kernel*"],
            default=[],
        ),
        KeyDescription(
            "modules",
            mapping("module → stream", {"anyOf": [TEXT.schema, {"type": "integer"}]}),
            'streams of modules, as in `{nodejs: 18}` (quote a stream with a fraction: `"5.30"`). As in dnf, only '
            "packages of active streams are taken: of these, of the default streams of other modules, and of "
            "streams that they require",
            {"nodejs": 18},
            default={},
        ),
        KeyDescription("weak", FLAG, "also take recommended packages", True, default=False),
        *_CONNECTION,
    ),
    one_of=UPSTREAM_NAMES,
)
# By `source`, as the members of SourceKind.
REPOSITORIES = {
    "superproject": SUPERPROJECT_REPOSITORY,
    "specs": SPECS_REPOSITORY,
    "mirror": MIRROR_REPOSITORY,
}
REPOSITORY_FORM = Form("mapping, see below", {"oneOf": list(REPOSITORIES.values())})
