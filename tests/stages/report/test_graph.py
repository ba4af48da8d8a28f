"""The picture of dependencies: components and third-party packages, what they need, and where they lead."""

from __future__ import annotations

from dataclasses import replace

from altai_build.model.bill_of_materials import PackageDescription
from altai_build.model.release import BuildRecord, Manifest, MirrorOrigin
from altai_build.model.unknown import Unknown
from altai_build.stages.report.graph import MAX_GRAPH_NODES, GraphPicture, draw_dependencies
from altai_build.stages.report.inputs import Descriptions
from tests.kit.manifests import component, manifest, package
from tests.kit.reports import make_inputs

NOVA = component("repos/nova", "c" * 40)
ERLANG = MirrorOrigin("https://example.org/erlang.rpm", "f" * 64, ("python-nova",))


def build(name: str, *needs: str, key: str = "") -> BuildRecord:
    return BuildRecord(name, "built", "", 1.0, "b", "", needs=needs, key=key)


def draw(release: Manifest, descriptions: Descriptions | Unknown) -> GraphPicture | Unknown:
    return draw_dependencies(
        replace(make_inputs(1), manifest=release, descriptions=descriptions), release.packages
    )


def needs(picture: GraphPicture | Unknown) -> set[tuple[str, str]]:
    """(needed, by) of each line."""
    assert isinstance(picture, GraphPicture)
    labels = {box.number: box.label for box in picture.boxes}
    return {(labels[line.needed], labels[line.by]) for line in picture.lines}


def make_release() -> Manifest:
    packages = [
        package("nova-1-1.noarch", NOVA),
        package("python-nova-1-1.noarch", NOVA),
        package("erlang-1-1.noarch", ERLANG),
    ]
    builds = (build("nova", "oslo", key="key"), build("oslo"))
    return replace(manifest("1", packages), builds=builds)


def test_needs_of_builds_and_of_packages_are_lines() -> None:
    release = make_release()
    nova, python, erlang = (one.path for one in release.packages)
    described = {python: PackageDescription(needs=(erlang, nova)), nova: PackageDescription(needs=(python,))}
    picture = draw(release, described)
    assert needs(picture) == {("oslo", "nova"), ("erlang", "nova")}
    assert isinstance(picture, GraphPicture)
    boxes = {box.label: (box.kind, box.row) for box in picture.boxes}
    assert boxes == {"nova": ("component", 0), "erlang": ("mirror", 2), "oslo": ("component", None)}


def test_without_metadata_the_manifest_says_what_mirrored_packages_are_needed_by() -> None:
    assert needs(draw(make_release(), Unknown("-"))) == {("oslo", "nova"), ("erlang", "nova")}


def test_a_mirrored_package_with_the_name_of_a_component_is_another_node() -> None:
    release = replace(manifest("1", [package("nova-1-1.noarch", ERLANG)]), builds=(build("nova"),))
    picture = draw(release, {})
    assert isinstance(picture, GraphPicture)
    assert sorted(box.label for box in picture.boxes) == ["nova", "nova (mirrored)"]


def test_nothing_and_too_much_are_not_drawn() -> None:
    assert isinstance(draw(manifest("1", []), {}), Unknown)
    many = replace(manifest("1", []), builds=tuple(build(f"c{n}") for n in range(MAX_GRAPH_NODES + 1)))
    unknown = draw(many, {})
    assert isinstance(unknown, Unknown) and f"it would have {MAX_GRAPH_NODES + 1} nodes" in unknown.reason
