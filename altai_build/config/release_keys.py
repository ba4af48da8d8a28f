"""The keys of repos.yaml for builds, releases and checks, each with its meaning."""

from __future__ import annotations

from altai_build.config.key_description import (
    DAY,
    TEXT,
    TEXTS,
    URL,
    URLS,
    Form,
    KeyDescription,
    Section,
    choice,
    mapping,
    nested,
    number,
)

_PERCENTAGE = {"type": "integer", "minimum": 1, "maximum": 100}
_SIZE = Form("size (`M`, `G`), or `none`", {"type": "string"})

APPROVALS = Section(
    (
        KeyDescription("keys", TEXTS, "names in `keys`, those of persons", ["altai", "centos6"], needed=True),
        KeyDescription("needed", number(1), "how many different ones are needed", 2, needed=True),
    )
)
RELEASE = Section(
    (
        KeyDescription(
            "directory", TEXT, "the folder for published releases", "releases", default="releases"
        ),
        KeyDescription(
            "baseurl",
            URL,
            "the URL of a folder at which a web server serves `directory`; it is written into the `.repo` files",
            "https://repo.example.org/altai",
            needed=True,
        ),
        KeyDescription(
            "stamp",
            TEXT,
            "the value of `Release:` before `%{?dist}`, made from the spec's own release, the number of commits "
            "reachable from the pin, and the short commit id; the last two are required",
            "{release}.{count}.g{commit}",
            default="{release}.{count}.g{commit}",
        ),
        KeyDescription(
            "mirrors",
            URLS,
            "URLs of copies of `directory`, which the metalinks of [channels](channels.md#mirrors) name before "
            "`baseurl`",
            ["https://mirror.example.org/altai"],
            default=[],
        ),
        KeyDescription(
            "channel",
            TEXT,
            "the channel that packages with `{channel}` in a generated source follow",
            usual="none",
        ),
        KeyDescription(
            "rings",
            mapping("channel → percentage", _PERCENTAGE),
            "in place of `channel`: channels, each with the percentage of machines for it and those before it; "
            "the last for 100",
            {"canary": 5, "stable": 100},
            default={},
        ),
        KeyDescription(
            "expected_by",
            Form("time (`d`), or day", {"type": "string"}),
            "when the next release is expected at the latest, for [`verify "
            "--remember`](verify.md#a-second-look-verify---remember): a time after the commit's (`90d`), or a day "
            "(`2027-03-31`). It is written into release.json, so it is signed, and the same for one commit on "
            "every machine",
            "90d",
            usual="never",
        ),
        KeyDescription(
            "approvals",
            nested(APPROVALS),
            "the persons that agree before a channel shows a release, see [Approvals](releasing.md#approvals)",
            APPROVALS.example(),
            usual="not needed",
        ),
    )
)
LIMITS = Section(
    (
        KeyDescription(
            "time",
            Form("time (`m`, `h`, `d`), or `none`", {"type": "string"}),
            "how long the build runs; `rpmbuild_timeout` of the mock configuration counts where this is absent",
            "12h",
            default="24h",
        ),
        KeyDescription(
            "processes",
            Form(
                "number, 1 or more, or `none`",
                {"anyOf": [{"type": "integer", "minimum": 1}, {"const": "none"}]},
            ),
            "processes and threads of a build, and not those of other builds; on machines with neither control "
            "groups nor user namespaces of Linux 5.14 the kernel counts all builds together, and a fork bomb in "
            "one can fail others, but not the machine",
            4096,
            default=8192,
        ),
        KeyDescription(
            "memory",
            _SIZE,
            "the memory of all processes of a build together; without control groups, the data of each process. "
            "When the machine runs out of memory, the kernel kills builds first",
            "8G",
            default="none",
        ),
        KeyDescription("file", _SIZE, "the size of each file", "20G", default="32G"),
        KeyDescription("log", _SIZE, "the size of the output", "500M", default="1G"),
        KeyDescription(
            "free",
            _SIZE,
            "the free space to keep on the workspace's disk: with less, a build that uses more than this is "
            "stopped. The disk is watched, not reserved: every second, and sooner the less space is left, so that "
            "a disk that takes 4 GB a second is looked at before it is full. What a build writes in the last 20 "
            "ms, and while its files are counted (30 seconds at most), comes on top. Stopped, too, is one that "
            "makes nearly all files that the disk can have",
            "5G",
            default="2G",
        ),
    )
)
BUILD = Section(
    (
        KeyDescription(
            "dependants",
            choice("rebuild", "headers", "never"),
            "when to rebuild a component because a package that it was built with has changed: `rebuild` "
            "(anything that a build can see), `headers` (what it provides or requires), `never`",
            "headers",
            default="rebuild",
        ),
        KeyDescription("limits", nested(LIMITS), "the limits of one build", LIMITS.example(), default={}),
    )
)
VERIFY = Section(
    (
        KeyDescription(
            "expiry_horizon_days",
            number(0),
            "a key that expires within this many days is a finding",
            30,
            default=90,
        ),
    )
)
CI = Section(
    (
        KeyDescription(
            "key",
            TEXT,
            "a name in `keys` with `signs: true`: the key that signs the repositories of [CI jobs](ci.md)",
            "altai",
            usual="they are not signed",
        ),
    )
)
WAIVER = Section(
    (
        KeyDescription(
            "rule",
            TEXT,
            "the name of the [rule](rules.md), as `verify` prints it",
            "permissions",
            needed=True,
        ),
        KeyDescription(
            "subject",
            TEXT,
            "the subject as `verify` prints it, or a pattern (`*`, `?`)",
            "centos6/nova-*",
            needed=True,
        ),
        KeyDescription(
            "reason",
            TEXT,
            "why the finding is accepted",
            "nova-rootwrap has to be setuid, reviewed by the security team",
            needed=True,
        ),
        KeyDescription("expires", DAY, "the last valid day", "2027-03-31", needed=True),
    )
)
DOWNGRADE = Section(
    (
        KeyDescription("package", TEXT, "the name of a package", "libvirt", needed=True),
        KeyDescription("reason", TEXT, "why it may be older", "1.0 loses guests on migration", needed=True),
    )
)
CLUSTER_SECURITY = Section(
    (
        KeyDescription(
            "ca", TEXT, "the certificate of the cluster's authority (PEM)", "tls/ca.pem", needed=True
        ),
        KeyDescription("cert", TEXT, "this machine's certificate (PEM)", "tls/me.pem", needed=True),
        KeyDescription(
            "key",
            TEXT,
            "the key of that certificate (PEM), without a passphrase",
            "/etc/altai/me.key",
            needed=True,
        ),
    )
)
CLUSTER = Section(
    (
        KeyDescription(
            "scheduler",
            TEXT,
            "the address of Dask's scheduler, `tls://HOST:PORT`; `--scheduler` counts more",
            "tls://head.example.org:8786",
            usual="that of `--scheduler`",
        ),
        KeyDescription(
            "security",
            nested(CLUSTER_SECURITY),
            "the certificates of the cluster",
            CLUSTER_SECURITY.example(),
            usual="none",
        ),
        KeyDescription(
            "listen",
            TEXT,
            "HOST or HOST:PORT at which workers reach this machine",
            "head.example.org",
            usual="the address that leads to the scheduler, at a free port",
        ),
    )
)
