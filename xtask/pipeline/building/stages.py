"""The stages of a build that make something: each takes values and calls one room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xtask.diagnostics import Problems
from xtask.digest import canonical_json, hex_of
from xtask.errors import UntrustedError
from xtask.image.assemble import ImageConfig, assemble, assemble_index
from xtask.image.layout import Layout
from xtask.image.product import SITE
from xtask.manifest.entries import IndexSource
from xtask.manifest.project import written_project
from xtask.package import requirements
from xtask.package.shadowing import refuse_shadowing
from xtask.package.target import Target
from xtask.package.wheels import Project, Wheel, WheelBuilder
from xtask.pipeline.building.layering import by_module
from xtask.pipeline.composing.bases import base_name
from xtask.records.values import BuildModule
from xtask.release.deployment import PORT
from xtask.resolve.lock import normalised

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xtask.image.assemble import Image
    from xtask.image.base.values import Base
    from xtask.image.product import ProductLayer
    from xtask.package.hooks import EarlyWorker
    from xtask.package.sources import SourceFile
    from xtask.pipeline.building.planning import Planned
    from xtask.records.values import Build
    from xtask.resolve.plan import Plan
    from xtask.settings import Workspace


def wheel_builder(
    plan: Plan,
    files: Mapping[str, tuple[SourceFile, ...]],
    workspace: Workspace,
    early: EarlyWorker | None = None,
) -> WheelBuilder:
    """Return what builds the wheels of all modules that have code here."""
    projects = [
        Project(
            name=module.name,
            root=module.root,
            files=files[module.name],
            digest=plan.sources[module.name],
            back_end=module.build_back_end,
            requires=module.build_requires,
            package=module.package.replace(".", "/") if module.is_package else "",
            written=written_project(module) if module.is_package else "",
        )
        for module in plan.selection.modules
        if module.root is not None and module.distribution is not None
    ]
    return WheelBuilder(projects, plan.lock.builds, workspace.cache, early)


def package(
    planned: Planned, builder: WheelBuilder, workspace: Workspace
) -> dict[str, dict[str, Wheel]]:
    """Return for each platform the wheels of modules by name, and of others by `name==version`.

    Raises:
        InvalidError: a module has a wheel for this machine's Python, and the base is another one;
            its package has the name of a third-party one (XT0213).
        XtaskError: a module cannot be built, or a third-party package has no wheel that fits.
    """
    plan = planned.plan
    found = {
        platform: _downloaded(plan, base, workspace) for platform, base in planned.bases.items()
    }
    _refuse_shadowing(plan, found)
    own = builder.build(_load_reader)
    if not all(base.has_bytecode for base in planned.bases.values()):
        _require_pure(plan, own)
    return {platform: wheels | own for platform, wheels in found.items()}


def _refuse_shadowing(plan: Plan, found: Mapping[str, Mapping[str, Wheel]]) -> None:
    """Refuse packages that third-party ones would hide: first known of what was downloaded."""
    wheels = {name: wheel.path for each in found.values() for name, wheel in each.items()}
    problems = Problems()
    refuse_shadowing(plan.selection.modules, wheels, problems)
    problems.raise_if_any()


def _load_reader() -> None:
    """Import what reads the wheel that is being built."""
    import installer.sources  # noqa: F401, PLC0415 - start-up
    import packaging.version  # noqa: F401, PLC0415

    import xtask.image.contents  # noqa: F401, PLC0415


def _downloaded(plan: Plan, base: Base, workspace: Workspace) -> dict[str, Wheel]:
    locked = requirements.applicable(plan.lock.packages, base.python, base.platform)
    paths = requirements.download(locked, workspace.cache, target_of(base))
    owners = _published(plan)
    return {
        owners.get(name, f"{name}=={distribution.version}"): Wheel(path, digest, cached=True)
        for distribution in locked
        for name, (path, digest) in [(distribution.name, paths[distribution.name])]
    }


def target_of(base: Base) -> Target | None:
    """Return which Python wheels are chosen for; None for the one that runs xtask."""
    return None if base.has_bytecode else Target(base.python, base.platform, base.libc)


def _require_pure(plan: Plan, own: Mapping[str, Wheel]) -> None:
    """Refuse wheels that only the Python which runs xtask can use (XT0406)."""
    problems = Problems()
    for module in plan.selection.modules:
        wheel = own.get(module.name)
        if wheel and not wheel.path.name.endswith("-none-any.whl"):
            problems.add(
                "XT0406",
                f"the wheel of module `{module.name}` is for this machine's Python, "
                f"and base `{plan.lock.base}` has its own",
                module.place,
                wheel.path.name,
                help="keep compiled code in a package of its own with a wheel for each platform, "
                "or use base `interpreter`",
            )
    problems.raise_if_any()


def _published(plan: Plan) -> dict[str, str]:
    """Return which module each published distribution is."""
    entries = plan.selection.composition.entries
    sources = {module.name: entries[module.name].source for module in plan.selection.modules}
    return {
        normalised(source.package): name
        for name, source in sources.items()
        if isinstance(source, IndexSource)
    }


def assemble_image(
    planned: Planned,
    layers: Mapping[str, Mapping[str, ProductLayer]],
    workspace: Workspace,
    *,
    before: Build | None,
) -> Image:
    """Put bases and layers together; the reference is `repository:<start of the manifest hash>`.

    Several platforms have an image each, and their index is the image of the product.

    Raises:
        UntrustedError: `before`, a build of the same plan, has another image.
    """
    if before:
        _require_same_layers(before, layers)
    plan, layout = planned.plan, Layout(workspace.layout)
    reference = f"{plan.selection.composition.repository}:{hex_of(plan.manifest_hash)[:16]}"
    expected = before.image_digest if before else None
    alone = len(planned.bases) == 1
    images = {
        platform: assemble(
            layout,
            layers=[*base.layers, *(part.layer for part in layers[platform].values())],
            config=_config(plan, base),
            annotations=_labels(plan) | _base_annotations(plan, base),
            reference=reference if alone else "",
            expected=expected if alone else None,
        )
        for platform, base in planned.bases.items()
    }
    if alone:
        return next(iter(images.values()))
    return assemble_index(
        layout, images, annotations=_labels(plan), reference=reference, expected=expected
    )


def _config(plan: Plan, base: Base) -> ImageConfig:
    env = {
        **dict(base.env),
        "PYTHONPATH": f"/{SITE}",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if plan.selection.composition.profile == "debug":
        env["PYTHONFAULTHANDLER"] = "1"
    return ImageConfig(
        entrypoint=(base.executable, "-m", "generated"),
        env=env,
        labels=_labels(plan) | _base_annotations(plan, base),
        port=PORT,
        platform=base.platform,
    )


def _labels(plan: Plan) -> dict[str, str]:
    return {
        "org.opencontainers.image.title": plan.selection.composition.app,
        "xtask.manifest-hash": plan.manifest_hash,
    }


def _base_annotations(plan: Plan, base: Base) -> dict[str, str]:
    """Return what names an image below ours (OCI Image Specification 1.1, "Annotations")."""
    if base.machine_local:
        return {}
    name = base_name(plan.lock.base)
    prefix = "org.opencontainers.image.base"
    return {f"{prefix}.digest": base.digest, **({f"{prefix}.name": name} if name else {})}


def _require_same_layers(before: Build, layers: Mapping[str, Mapping[str, ProductLayer]]) -> None:
    """Refuse a module whose layer is another one than the same plan gave before, by its name."""
    now = by_module(layers)
    for module in before.modules:
        made = now.get(module.id)
        if made and module.layer_digest and made.layer.digest != module.layer_digest:
            raise UntrustedError(
                f"module `{module.id}` gives another layer than in build {before.id[:8]}, "
                "from the same files",
                help="its build is not reproducible: look for times, random values and paths in "
                "what its build back end writes",
            )


def bundle(
    plan: Plan, generated: Mapping[str, bytes], image: Image, surfaces: Mapping[str, Any]
) -> dict[str, bytes]:
    """Return the files of a bundle by path: what was made, and from what."""
    described = {
        "schema": 1,
        "app": plan.selection.composition.app,
        "manifest_hash": plan.manifest_hash,
        "image_digest": image.digest,
        "config_digest": image.config_digest,
        "reference": image.reference,
        "compressor": plan.compressor,
        "diff_ids": [layer.diff_id for layer in image.layers],
    }
    if image.platforms:
        described["platforms"] = {
            platform: {
                "image_digest": one.digest,
                "config_digest": one.config_digest,
                "diff_ids": [layer.diff_id for layer in one.layers],
            }
            for platform, one in image.platforms
        }
    return {
        "image.json": canonical_json(described),
        "plan.json": canonical_json(plan.document()),
        "surface.json": canonical_json(surfaces),
        **{f"generated/{name}": data for name, data in generated.items()},
    }


def recorded_modules(
    plan: Plan, layers: Mapping[str, Mapping[str, ProductLayer]]
) -> list[BuildModule]:
    """Return the modules as a build's row names them, with the layer that each one is in.

    Of several platforms it is the layer for the first by name.
    """
    digests = {name: part.layer.digest for name, part in by_module(layers).items()}
    return [
        BuildModule(
            id=module.name,
            version=module.version or "",
            source_digest=plan.sources[module.name],
            layer_digest=digests.get(module.name),
        )
        for module in plan.selection.modules
    ]
