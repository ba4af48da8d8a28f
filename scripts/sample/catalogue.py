"""The content of the sample superproject: upstream archives, component histories, superproject commits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sdist:
    """One source archive on PyPI; the digest decides whether a download is right."""

    project: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        """The name in the cache; an index may spell the name of the same archive in two ways."""
        return f"{self.project}-{self.version}.tar.gz"


@dataclass(frozen=True)
class ComponentCommit:
    """One commit of a component: the files of an archive, overlaid with packaging folders in order."""

    subject: str
    sdist: Sdist
    overlays: tuple[str, ...] = ()


@dataclass(frozen=True)
class Component:
    """One submodule: `name` is its repository, `path` its path, `label` its section in .gitmodules."""

    name: str
    path: str
    commits: tuple[ComponentCommit, ...]
    label: str


@dataclass(frozen=True)
class Pin:
    """A component at one of its commits, counted from 0."""

    component: str
    commit: int


@dataclass(frozen=True)
class SuperCommit:
    """One commit of the superproject; `release_version` is the new version in altai-release.spec."""

    subject: str
    pins: tuple[Pin, ...] = ()
    removed: tuple[str, ...] = ()
    release_version: str | None = None
    releases: str | None = None


def _component(folder: str, name: str, *sdists: Sdist) -> Component:
    """A packaged component: the first archive alone, then with packaging, then each later archive with packaging."""
    first = sdists[0]
    commits = [
        ComponentCommit(f"Import {first.project} {first.version}", first),
        ComponentCommit(f"Package {first.project} {first.version} for Altai", first, (name,)),
    ]
    commits += [ComponentCommit(f"Update to {s.project} {s.version}", s, (name,)) for s in sdists[1:]]
    path = f"repos/{folder}/{name}"
    return Component(name=name, path=path, commits=tuple(commits), label=path)


WEBSOCKIFY_0_10_0 = Sdist(
    "websockify", "0.10.0", "6c4cc1bc132abb4a99834bcb1b4bd72f51d35a08d08093a817646ecc226ac44e"
)
WEBSOCKIFY_0_11_0 = Sdist(
    "websockify", "0.11.0", "ef10ed32fa2abea2af6fd068de63d8bc3c5b780af8c128e9460d91173003cf8f"
)
BUNCH_1_0_0 = Sdist("bunch", "1.0.0", "c3c0ee685431ae2a624e28107a2cf50ee84edfbd97297b1af207b938248eb54a")
BUNCH_1_0_1 = Sdist("bunch", "1.0.1", "50c77a0fc0cb372dfe48b5e11937d5f70e743adbf42683f3a6d2857645a76aaa")

COMPONENTS = (
    _component(
        "altai",
        "bottle",
        Sdist("bottle", "0.12.23", "683de3aa399fb26e87b274dbcf70b1a651385d459131716387abdc3792e04167"),
        Sdist("bottle", "0.12.25", "e1a9c94970ae6d710b3fb4526294dfeb86f2cb4a81eff3a4b98dc40fb0e5e021"),
    ),
    # This one has no spec: a superproject may pin components that are not released.
    Component(
        name="bunch",
        path="repos/altai/bunch",
        commits=(
            ComponentCommit("Import bunch 1.0.0", BUNCH_1_0_0),
            ComponentCommit("Update to bunch 1.0.1", BUNCH_1_0_1),
        ),
        label="repos/altai/bunch",
    ),
    _component(
        "altai",
        "python-netifaces",
        Sdist("netifaces", "0.10.9", "2dee9ffdd16292878336a58d04a20f0ffe95555465fee7c9bd23b3490ef2abf3"),
        Sdist("netifaces", "0.11.0", "043a79146eb2907edf439899f262b3dfe41717d34124298ed281139a8b93ca32"),
    ),
    _component(
        "altai",
        "python-zabbix-api",
        Sdist("zabbix-api", "0.5.4", "2d6c62001cb79a7de6fe286424967276edaca09d3833b72fb04f7863f29fce4b"),
        Sdist("zabbix-api", "0.5.5", "7e7b84792090bd3aa546fccb0e13c830dbfe0431303509b009f6d2783ca2418d"),
    ),
    # Its label is not its path: a submodule keeps the name that it was added with.
    Component(
        name="websockify",
        path="repos/altai/websockify",
        commits=(
            ComponentCommit("Import websockify 0.10.0", WEBSOCKIFY_0_10_0),
            ComponentCommit("Package websockify 0.10.0 for Altai", WEBSOCKIFY_0_10_0, ("websockify",)),
            ComponentCommit(
                "Run the proxy without new privileges",
                WEBSOCKIFY_0_10_0,
                ("websockify", "websockify.hardened"),
            ),
            ComponentCommit(
                "Update to websockify 0.11.0", WEBSOCKIFY_0_11_0, ("websockify", "websockify.hardened")
            ),
        ),
        label="repos/altai/novnc-proxy",
    ),
    _component(
        "altai",
        "wrapt",
        Sdist("wrapt", "1.14.1", "380a85cf89e0e69b7cfbe2ea9f765f004ff419f34194018a6827ac0e3edfed4d"),
        Sdist("wrapt", "1.15.0", "d06730c6aed78cee4126234cf2d071e01b44b915e725a6cb439a879ec9754a3a"),
    ),
    _component(
        "openstack",
        "debtcollector",
        Sdist("debtcollector", "2.4.0", "1bc03e2d9017de480c41cf3e5a0d8cc95f1b0c8f1339281b4eca8a22acf76a23"),
        Sdist("debtcollector", "2.5.0", "dc9d1ad3f745c43f4bbedbca30f9ffe8905a8c028c9926e61077847d5ea257ab"),
    ),
    _component(
        "openstack",
        "keystoneauth",
        Sdist("keystoneauth1", "5.0.0", "6ebb5f044c9dfd263087a328d51d479947d1ddc90c09daf4191df7dc71334323"),
        Sdist("keystoneauth1", "5.1.2", "d9f7484ad5fc9b0bbb7ecc3cbf3795a170694fbd848251331e54ba48bbeecc72"),
    ),
    _component(
        "openstack",
        "os-service-types",
        Sdist(
            "os-service-types", "1.6.0", "b7713b21cd27fdd9d5ee6683dac507cb2c5b323decfa78bb0e21b7d3661cb8e2"
        ),
        Sdist(
            "os-service-types", "1.7.0", "31800299a82239363995b91f1ebf9106ac7758542a1e4ef6dc737a5932878c6c"
        ),
    ),
    _component(
        "openstack",
        "oslo-i18n",
        Sdist("oslo.i18n", "5.1.0", "6bf111a6357d5449640852de4640eae4159b5562bbba4c90febb0034abc095d0"),
        Sdist("oslo.i18n", "6.0.0", "ed10686b75f7c607825177a669155f4e259ce39f6143a375f6359bbcaa4a35cd"),
    ),
    _component(
        "openstack",
        "oslo-serialization",
        Sdist(
            "oslo.serialization", "5.0.0", "2845328d0f47dc8a23fed2a82253e90acff0aa731dbd24f379cf8e50e6cc66ba"
        ),
        Sdist(
            "oslo.serialization", "5.1.1", "8abbda8b1763a06071fc28c5d8a9be547ba285f4830e68a70ff88fe11f16bf43"
        ),
    ),
    _component(
        "openstack",
        "oslo-utils",
        Sdist("oslo.utils", "6.0.1", "9b0454f99415d0caac5c86053716d746d198ecec66e672d8e5e6386b6fbaa2b6"),
        Sdist("oslo.utils", "6.1.0", "76bc0108d50aca972b68fec8298e791b5fbcbeb9a51a27c6986b41b0a6a62eeb"),
    ),
    _component(
        "openstack",
        "python-novaclient",
        Sdist(
            "python-novaclient", "18.2.0", "185bbf2cafb5f3d761f272e3e184a700cc7ba5cf7d51619065be7f5c4b5b7cf4"
        ),
        Sdist(
            "python-novaclient", "18.3.0", "50f7587c7a2b2528f73505817f9437ac5c1d04d576e9be264d2deeffdb745a76"
        ),
    ),
    _component(
        "openstack",
        "python-swiftclient",
        Sdist(
            "python-swiftclient", "4.1.0", "f82298e4a48f7cbdd680f2638c85d1ca7ae1a76edbe30036d21b4cd7a29c09eb"
        ),
        Sdist(
            "python-swiftclient", "4.2.0", "a3f627ce9fb54b57d30fdb41dc305bd5e60533eeb69ae79e496ad4ec5e848c85"
        ),
    ),
    _component(
        "openstack",
        "stevedore",
        Sdist("stevedore", "4.1.0", "02518a8f0d6d29be8a445b7f2ac63753ff29e8f2a2faa01777568d5500d777a6"),
        Sdist("stevedore", "4.1.1", "7f8aeb6e3f90f96832c301bff21a7eb5eefbe894c88c506483d355565d88cc1a"),
    ),
)

HISTORY = (
    SuperCommit("Lay out the Altai superproject", release_version="1.0.0"),
    SuperCommit(
        "Pin the libraries",
        pins=tuple(
            Pin(name, 1)
            for name in (
                "bottle",
                "debtcollector",
                "keystoneauth",
                "os-service-types",
                "oslo-i18n",
                "oslo-serialization",
                "oslo-utils",
                "python-netifaces",
                "stevedore",
                "wrapt",
            )
        ),
    ),
    SuperCommit(
        "Pin the clients and services",
        pins=(
            Pin("bunch", 0),
            Pin("python-novaclient", 1),
            Pin("python-zabbix-api", 1),
            Pin("websockify", 1),
        ),
        releases="1.0.0",
    ),
    SuperCommit("Take python-novaclient 18.3.0", pins=(Pin("python-novaclient", 2),)),
    SuperCommit(
        "Take oslo.i18n 6.0.0 and oslo.utils 6.1.0", pins=(Pin("oslo-i18n", 2), Pin("oslo-utils", 2))
    ),
    SuperCommit("Run the console proxy without new privileges", pins=(Pin("websockify", 2),)),
    SuperCommit("Add python-swiftclient", pins=(Pin("python-swiftclient", 1),)),
    SuperCommit("Take netifaces 0.11.0 and bunch 1.0.1", pins=(Pin("python-netifaces", 2), Pin("bunch", 1))),
    SuperCommit("Remove python-zabbix-api: nothing calls it any more", removed=("python-zabbix-api",)),
    SuperCommit("Prepare 1.0.1", release_version="1.0.1", releases="1.0.1"),
)
