"""The keys of repos.yaml for components and their unit tests, each with its meaning."""

from __future__ import annotations

from altai_build.config.key_description import (
    FLAG,
    TEXT,
    TEXTS,
    Form,
    KeyDescription,
    Section,
    choice,
    either,
    mapping,
    nested,
    number,
)
from altai_build.config.package_keys import MACROS

_DURATION = Form("time (`m`, `h`, `d`)", {"type": "string"})

BOOTSTRAP = Section(
    (
        KeyDescription("with", TEXTS, "names of `%bcond` to switch on", ["bootstrap"], default=[]),
        KeyDescription("without", TEXTS, "names of `%bcond` to switch off", ["tests"], default=[]),
        KeyDescription("macros", MACROS, "macros of this build", {"no_docs": "1"}, default={}),
    )
)
COVERAGE = Section(
    (
        KeyDescription(
            "tool",
            choice("coverage.py", "go", "lcov", "none"),
            "what measures it",
            "coverage.py",
            usual="by the suite",
        ),
        KeyDescription(
            "goal",
            Form("number, 0 to 100", {"type": "number", "minimum": 0, "maximum": 100}),
            "a percentage of lines",
            80,
            usual="none",
        ),
        KeyDescription(
            "omit",
            TEXTS,
            "patterns of paths that do not count, such as `*/openstack/common/*`",
            ["*/openstack/common/*"],
            default=[],
        ),
        KeyDescription(
            "branches", FLAG, "whether branches are measured too, by coverage.py", True, usual="`true`"
        ),
    )
)
TEST = Section(
    (
        KeyDescription(
            "command",
            Form("lines", {"type": "string", "minLength": 1}),
            "lines for `sh -e`, run in the source",
            "make check",
            usual="by its files",
        ),
        KeyDescription(
            "requires",
            TEXTS,
            "further packages of the target, as in BuildRequires",
            ["python3-mock"],
            default=[],
        ),
        KeyDescription(
            "pypi",
            TEXTS,
            "projects on PyPI that no package of the target provides, with versions as in `mock>=1.0,<2`: "
            "[locked](tests.md#requirements-from-the-python-package-index)",
            ["mock>=1.0,<2"],
            default=[],
        ),
        KeyDescription(
            "after",
            choice("prep", "build"),
            "the section of the spec after which tests run; `build` for suites that need the compiled tree",
            "build",
            usual="`prep`, or `build`",
        ),
        KeyDescription(
            "directory",
            TEXT,
            "the folder of the source in which the command runs",
            "src",
            usual="where `%prep` ends",
        ),
        KeyDescription(
            "skip",
            TEXT,
            "the reason why its tests are not run; `test: false` is one without words",
            usual="they are run",
        ),
        KeyDescription(
            "parallel",
            number(1, 1024),
            "how many processes the suite may use (`$JOBS`)",
            4,
            usual="the processors of the job",
        ),
        KeyDescription("rerun", number(0, 5), "how often failed tests are run again", 2, usual="1"),
        KeyDescription("timeout", _DURATION, "the time of one run", "30m", usual="`60m`"),
        KeyDescription(
            "coverage", nested(COVERAGE), "how coverage is measured", COVERAGE.example(), default={}
        ),
    )
)
# Of all components.
COMMON_TEST = TEST.without("command", "directory", "skip")
COMPONENT = Section(
    (
        KeyDescription(
            "source",
            choice("archive", "committed", "fetched"),
            "what the archive is that the spec unpacks, see [Sources of a spec](#sources-of-a-spec)",
            "archive",
            usual="found out",
        ),
        KeyDescription(
            "sources",
            mapping("file name → text", TEXT.schema),
            "generated sources. `{baseurl}`, `{version}` (of the release), `{project}`, `{gpgkeys}` (the URLs of "
            "the keys of the component's repository), `{keys}` (the public keys of all packages), `{channel}` "
            "(the .repo file of `release.channel` or `release.rings`) and `{ring}` (the script that chooses the "
            "ring of a machine) are filled in "
            "([how](channels.md#packages-that-configure-machines-channel-and-rings))",
            {"baseurl": "{baseurl}/{version}"},
            default={},
        ),
        KeyDescription(
            "macros",
            MACROS,
            "macros that the spec and its build get, over those of the target; `NAME(OPTIONS)` is one with "
            "arguments. For those that a package of the buildroot brings see [Macros of a "
            "target](#macros-of-a-target)",
            {"with_docs": "0"},
            default={},
        ),
        KeyDescription(
            "specs",
            TEXTS,
            "the spec files to use, where the search finds the wrong ones",
            ["packaging/nova.spec"],
            default=[],
        ),
        KeyDescription(
            "repository",
            TEXT,
            "another repository than the first with `source: superproject`",
            "centos6",
            usual="that one",
        ),
        KeyDescription(
            "skip",
            TEXT,
            "a reason not to build it, printed wherever the component would be listed",
            "replaced by the package of the operating system",
            usual="it is built",
        ),
        KeyDescription(
            "bootstrap",
            nested(BOOTSTRAP),
            "how to build it without the other components of a dependency cycle",
            BOOTSTRAP.example(),
            usual="a cycle is an error",
        ),
        KeyDescription(
            "exclude_submodules",
            TEXTS,
            "paths or patterns (`*`, `?`) of the component's own submodules that its archive does not need",
            ["3rdparty/*"],
            default=[],
        ),
        KeyDescription(
            "test",
            either(Form("`false`", {"const": False}), nested(TEST)),
            "how its unit tests are run, see [`test`](#test)",
            TEST.example(),
            usual="by its files",
        ),
    )
)
