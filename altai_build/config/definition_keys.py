"""All keys of repos.yaml: those at its top, and by them all others."""

from __future__ import annotations

from altai_build.config.component_keys import COMMON_TEST, COMPONENT
from altai_build.config.key_description import TEXT, Form, KeyDescription, Section, mapping, nested
from altai_build.config.package_keys import KEY, REPOSITORY_FORM, SUPERPROJECT, TARGET
from altai_build.config.release_keys import BUILD, CI, CLUSTER, DOWNGRADE, RELEASE, VERIFY, WAIVER


def _list_of(section: Section) -> Form:
    return Form("list of mappings", {"type": "array", "items": section})


DEFINITION = Section(
    (
        KeyDescription(
            "project",
            TEXT,
            "the name of the product. It is part of the name of the `.repo` file (`altai.repo`) and of its sections "
            "(`altai-deps-epel`)",
            "altai",
            needed=True,
            read_by="`release`, `promote`, `channels`: names in `.repo` files",
        ),
        KeyDescription(
            "superproject",
            nested(SUPERPROJECT),
            "the git repository that pins the components",
            default={},
            read_by="every command that reads git",
        ),
        KeyDescription(
            "targets",
            mapping("name → mapping", TARGET),
            "what packages are built for",
            needed=True,
            read_by="`plan`, `srpm`, `build`, `test`, `deps`, `release`, `verify`, `upgrade-check`, `doctor`",
        ),
        KeyDescription(
            "keys",
            mapping("name → mapping", KEY),
            "public keys",
            needed=True,
            read_by="`deps`, `release`, `keys`, `doctor`, and every command that reads releases",
        ),
        KeyDescription(
            "repositories",
            mapping("folder → mapping", REPOSITORY_FORM.schema),
            "the folders of a release",
            needed=True,
            read_by="`plan`, `srpm`, `build`, `deps`, `release`, `verify`, `doctor`",
        ),
        KeyDescription(
            "components",
            mapping("name → mapping", COMPONENT),
            "what cannot be derived about components",
            default={},
            read_by="`plan`, `srpm`, `build`, `test`, `ci`, `release`",
        ),
        KeyDescription(
            "build",
            nested(BUILD),
            "how components are built",
            default={},
            read_by="`build`, `test`, `ci`, `release`, `rebuild`",
        ),
        KeyDescription(
            "release",
            nested(RELEASE),
            "where releases are, and how packages are numbered",
            needed=True,
            read_by="every command that reads or makes releases; `stamp` by `plan`, `srpm` and `build`",
        ),
        KeyDescription(
            "verify", nested(VERIFY), "settings of rules", default={}, read_by="`verify`, `release`"
        ),
        KeyDescription(
            "waivers",
            _list_of(WAIVER),
            "accepted findings. They stay visible",
            default=[],
            read_by="`verify`, `upgrade-check`, `release`, `promote`, `build`",
        ),
        KeyDescription(
            "profiles",
            mapping("name → list of packages", {"type": "array", "minItems": 1, "items": TEXT.schema}),
            "names of packages that are installed together on one kind of machine",
            {"master": ["openstack-nova-api", "mysql-server"], "compute": ["openstack-nova-compute"]},
            default={},
            read_by="`upgrade-check`, `release`, `promote`",
        ),
        KeyDescription(
            "allow_downgrades",
            _list_of(DOWNGRADE),
            "packages that may be older than in an earlier release, each with the reason; machines then need "
            "`distro-sync`",
            default=[],
            read_by="`upgrade-check`, `release`, `promote`",
        ),
        KeyDescription("ci", nested(CI), "settings of `ci`", default={}, read_by="`ci`"),
        KeyDescription(
            "test",
            nested(COMMON_TEST),
            "how unit tests of all components are run",
            usual="by the files of each component",
            read_by="`test`, `ci`, `bisect`",
        ),
        KeyDescription(
            "dask",
            nested(CLUSTER),
            "where `--executor dask` builds",
            usual="where the command line says",
            read_by="every command that builds",
        ),
    )
)
