"""`releases`, `audit` and `verify`: what is published, what is in it, whether it is sound."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from altai_build.cli.app import App, json_option, print_json, print_table
from altai_build.errors import VerificationFailed
from altai_build.model.release import LATEST, ComponentOrigin, Manifest, MirrorOrigin, Origin, SpecOrigin


@click.command()
@json_option
@click.pass_obj
def releases(app: App, as_json: bool) -> None:
    """List the published releases, oldest first.

    \b
    Example:
      altai-build releases --json
    """
    from altai_build.pipeline.earlier import load_manifest
    from altai_build.pipeline.release import settings_of
    from altai_build.stages.publish import list_releases

    directory = settings_of(app.config()).directory
    manifests = [load_manifest(directory / name) for name in list_releases(directory)]
    latest = directory / LATEST
    newest = latest.readlink().name if latest.is_symlink() else None
    if as_json:
        print_json([{**_summary(one), "latest": one.version == newest} for one in manifests])
        return
    print_table(
        ("release", "created", "commit", "follows", "packages", "size", ""),
        [
            (
                one.version,
                one.created[:10],
                one.superproject.commit[:12],
                one.previous or "-",
                str(len(one.packages)),
                f"{sum(package.size for package in one.packages) / 1e6:.1f} MB",
                "latest" if one.version == newest else "",
            )
            for one in manifests
        ],
    )


def _summary(manifest: Manifest) -> dict[str, object]:
    return {
        "release": manifest.version,
        "created": manifest.created,
        "commit": manifest.superproject.commit,
        "previous": manifest.previous,
        "target": manifest.target,
        "packages": len(manifest.packages),
        "size": sum(package.size for package in manifest.packages),
    }


@click.command()
@click.argument("version")
@json_option
@click.pass_obj
def audit(app: App, version: str, as_json: bool) -> None:
    """List every package of release VERSION: identity, repository, signer, source, origin.

    \b
    Example:
      altai-build audit 1.0.2
    """
    from altai_build.pipeline.earlier import load_manifest
    from altai_build.pipeline.release import settings_of

    manifest = load_manifest(_directory(settings_of(app.config()).directory, version))
    if as_json:
        rows = [
            {"nevra": str(one.nevra), **asdict(one), "origin": _origin(one.origin)}
            for one in manifest.packages
        ]
        print_json(rows)
        return
    print_table(
        ("package", "repository", "size", "signer", "source package", "origin"),
        [
            (
                str(one.nevra),
                one.repository,
                f"{one.size / 1e3:.0f} kB",
                one.signer.key_id,
                one.sourcerpm or "-",
                _origin_line(one.origin),
            )
            for one in manifest.packages
        ],
    )


def _directory(releases_dir: Path, version: str) -> Path:
    """A release by its version, `latest`, or the path of its directory; a link is followed to the release it names."""
    return (Path(version) if "/" in version else releases_dir / version).resolve()


def _origin(origin: Origin) -> dict[str, object]:
    kind = {ComponentOrigin: "component", SpecOrigin: "spec", MirrorOrigin: "mirror"}[type(origin)]
    return {"kind": kind, **asdict(origin)}


def _origin_line(origin: Origin) -> str:
    if isinstance(origin, MirrorOrigin):
        return origin.url
    return f"{origin.path} at {origin.commit[:12]}"


@click.command()
@click.argument("version")
@json_option
@click.pass_obj
def verify(app: App, version: str, as_json: bool) -> None:
    """Check release VERSION (or a release's directory) as a client would see it, trusting nothing this tool wrote.

    \b
    Example:
      altai-build verify 1.0.2
    """
    from altai_build.pipeline.release import settings_of, trusted_keys
    from altai_build.stages.verify import verify_release

    config = app.config()
    directory = _directory(settings_of(config).directory, version)
    verification = verify_release(directory, trusted=trusted_keys(config))
    if as_json:
        print(verification.to_json(), end="")
    else:
        print_table(
            ("severity", "rule", "subject", "message"),
            [(one.severity.value, one.rule, one.subject, one.message) for one in verification.findings],
        )
    if not verification.ok:
        raise VerificationFailed(
            f"release {verification.release} is not sound", why=f"{len(verification.findings)} findings"
        )
