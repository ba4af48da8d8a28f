"""Components with durations: those of a real release, and graphs that are generated from them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from altai_build.config import load_config
from altai_build.model.order import OrderedComponent
from altai_build.pipeline.build.plan import plan_build
from altai_build.pipeline.run import Run
from altai_build.tools.progress import SilentReporter
from altai_build.workspace import Workspace

SAMPLE = Path(__file__).with_name("sample-builds.json")

Graph = tuple[OrderedComponent, ...]


def load_sample(path: Path) -> Graph:
    """The components of a file that `--save` wrote: the builds and durations of a real release."""
    rows = json.loads(path.read_text(encoding="utf-8"))["components"]
    return tuple(make_component(row["component"], row["needs"], row["seconds"]) for row in rows)


def make_component(name: str, needs: Sequence[str], seconds: float | None) -> OrderedComponent:
    """A component that needs the packages of others to be built."""
    return OrderedComponent(
        name=name, provides=frozenset([name]), build_requires=tuple(needs), requires=(), seconds=seconds
    )


def read_superproject(path: Path) -> Graph:
    """The components of a superproject's HEAD with their last durations; those never built here are left out."""
    config = load_config(path / "repos.yaml")
    workspace = Workspace(path / ".altai-build")
    run = Run(config=config, workspace=workspace, jobs=1, builder="auto", reporter=SilentReporter(print))
    order = plan_build(run, "HEAD", (), None).order
    records = {name: run.ledger.latest("build", name) for name in order.remaining_seconds}
    built = {name: record.seconds for name, record in records.items() if record is not None}
    for name in sorted(records.keys() - built.keys()):
        print(f"left out: {name} was never built in {workspace.root}")
    if not built:
        raise SystemExit(f"nothing was ever built in {workspace.root}: run altai-build build there")
    return tuple(
        make_component(name, [needed for needed in order.needs[name] if needed in built], seconds)
        for name, seconds in built.items()
    )


def save_graph(path: Path, graph: Graph) -> None:
    """Write the components for `load_sample`."""
    rows = [
        {"component": one.name, "seconds": round(one.seconds or 0.0, 3), "needs": list(one.build_requires)}
        for one in sorted(graph, key=lambda one: one.name)
    ]
    text = ",\n    ".join(json.dumps(row) for row in rows)
    path.write_text(f'{{\n  "components": [\n    {text}\n  ]\n}}\n', encoding="utf-8")


def copy_side_by_side(sample: Graph, size: int, chance: random.Random) -> Graph:
    """The sample again and again, each time with durations of other components."""
    durations = _list_durations(sample)
    copies = -(-size // len(sample))
    return tuple(
        make_component(
            f"{one.name}-{copy}",
            [f"{needed}-{copy}" for needed in one.build_requires],
            chance.choice(durations),
        )
        for copy in range(copies)
        for one in sample
    )


def make_layers(sample: Graph, size: int, chance: random.Random) -> Graph:
    """Ten layers; each component needs one to three of the layer before."""
    durations = _list_durations(sample)
    width = -(-size // 10)
    layers = [[f"layer{layer}-{number}" for number in range(width)] for layer in range(10)]
    return tuple(
        make_component(
            name,
            chance.sample(layers[layer - 1], min(width, chance.randint(1, 3))) if layer else [],
            chance.choice(durations),
        )
        for layer, names in enumerate(layers)
        for name in names
    )


def make_random(sample: Graph, size: int, chance: random.Random) -> Graph:
    """Each component needs up to three of all before it, as in a distribution; few builds take very long."""
    durations = _list_durations(sample)
    names = [f"component{number}" for number in range(size)]
    return tuple(
        make_component(
            name,
            chance.sample(names[:number], min(number, chance.randint(0, 3))),
            chance.choice(durations) * chance.lognormvariate(0, 1.2),
        )
        for number, name in enumerate(names)
    )


def make_chain_and_crowd(sample: Graph, size: int, chance: random.Random) -> Graph:
    """One chain of a tenth of the components; nothing needs the others: a late start of the chain costs most."""
    durations = _list_durations(sample)
    length = max(1, size // 10)
    return tuple(
        make_component(
            f"component{number}",
            [f"component{number - 1}"] if 0 < number < length else [],
            chance.choice(durations),
        )
        for number in range(size)
    )


def make_neck(sample: Graph, size: int, chance: random.Random) -> Graph:
    """Half of the components are needed by one toolchain, which the other half needs: slots wait while it is built."""
    durations = _list_durations(sample)
    half = size // 2
    return tuple(
        make_component(
            f"component{number}",
            [f"component{other}" for other in range(half)]
            if number == half
            else [f"component{half}"] * (number > half),
            chance.choice(durations),
        )
        for number in range(size)
    )


def _list_durations(sample: Graph) -> list[float]:
    return [one.seconds for one in sample if one.seconds is not None]


SHAPES: dict[str, Callable[[Graph, int, random.Random], Graph]] = {
    "the sample side by side": copy_side_by_side,
    "ten layers": make_layers,
    "random needs, few very long builds": make_random,
    "a chain and a crowd": make_chain_and_crowd,
    "a toolchain in the middle": make_neck,
}
