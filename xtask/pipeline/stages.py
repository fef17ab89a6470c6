"""The stages of a build that make something: each takes values and calls one room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtask.diagnostics import Problems
from xtask.digest import canonical_json, hex_of
from xtask.errors import UntrustedError
from xtask.image.assemble import MAX_LAYERS, ImageConfig, assemble, bucket
from xtask.image.layout import Layout
from xtask.image.product import SITE, generated_layer, wheels_layer
from xtask.image.site import merge_sites
from xtask.manifest.entries import IndexSource
from xtask.manifest.project import written_project
from xtask.package import requirements
from xtask.package.check import check_imports
from xtask.package.declared import check_declared, providers
from xtask.package.wheels import Project, Wheel, WheelBuilder
from xtask.pipeline.surface import surfaces
from xtask.records.values import BuildModule
from xtask.resolve.lock import normalised

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xtask.image.assemble import Image
    from xtask.image.interpreter import Interpreter
    from xtask.image.product import ProductLayer
    from xtask.package.sources import SourceFile
    from xtask.records.values import Build
    from xtask.resolve.plan import Plan
    from xtask.settings import Workspace

# Names of the layers that are not a module; a module's name has no space.
THIRD_PARTY = "third party"
COMPOSITION = "the composition"
# Base, third party, composition.
_OTHER_LAYERS = 3
_PORT = 8000


def wheel_builder(
    plan: Plan, files: Mapping[str, tuple[SourceFile, ...]], workspace: Workspace
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
    return WheelBuilder(projects, plan.lock.builds, workspace.cache)


def package(plan: Plan, builder: WheelBuilder, workspace: Workspace) -> dict[str, Wheel]:
    """Return the wheels of modules by name, and of other distributions by `name==version`."""
    locked = requirements.applicable(plan.lock.packages, plan.base.python)
    paths = requirements.download(locked, workspace.cache)
    owners = _published(plan)
    downloaded = {
        owners.get(name, f"{name}=={distribution.version}"): Wheel(path, digest, cached=True)
        for distribution in locked
        for name, (path, digest) in [(distribution.name, paths[distribution.name])]
    }
    return downloaded | builder.build()


def _published(plan: Plan) -> dict[str, str]:
    """Return which module each published distribution is."""
    entries = plan.selection.composition.entries
    sources = {module.name: entries[module.name].source for module in plan.selection.modules}
    return {
        normalised(source.package): name
        for name, source in sources.items()
        if isinstance(source, IndexSource)
    }


def layers(
    plan: Plan, wheels: Mapping[str, Wheel], generated: Mapping[str, bytes], workspace: Workspace
) -> dict[str, ProductLayer]:
    """Return the layers above the base by what they hold, lowest and most stable first."""
    layout, cache, python = Layout(workspace.layout), workspace.cache, plan.base.python
    modules = {module.name: module for module in plan.selection.modules}
    own = [name for name in modules if name in wheels]
    groups = {THIRD_PARTY: sorted(wheels.keys() - modules.keys())}
    groups |= {" ".join(group): group for group in bucket(own, MAX_LAYERS - _OTHER_LAYERS)}
    found = {
        label: wheels_layer(
            layout,
            cache,
            {wheels[name].path: wheels[name].digest for name in group},
            python=python,
            third_party=not any(name in modules and modules[name].root for name in group),
        )
        for label, group in groups.items()
        if group
    }
    runtime = {name: data for name, data in generated.items() if not _is_for_a_bundler(name)}
    found[COMPOSITION] = generated_layer(layout, cache, runtime, python=python)
    return found


def _is_for_a_bundler(name: str) -> bool:
    return name.endswith(".ts") or name == "package.json"


def check(
    plan: Plan,
    wheels: Mapping[str, Wheel],
    layers: Mapping[str, ProductLayer],
    workspace: Workspace,
) -> None:
    """Import all that the registry names, from exactly the files that the layers hold.

    Raises:
        InvalidError: something cannot be imported, or is used without being declared.
        XtaskError: two layers write one path.
    """
    from xtask.image.contents import refuse_overlap  # noqa: PLC0415 - start-up
    from xtask.image.layer import Entry  # noqa: PLC0415

    refuse_overlap(
        {label: [Entry(path, b"") for path in part.paths] for label, part in layers.items()}
    )
    problems = Problems()
    site = workspace.cache / "site"
    merge_sites([part.site for part in layers.values()], site)
    check_imports(plan.selection, site, problems)
    uses = {name: wheel.imports for name, wheel in wheels.items()}
    if THIRD_PARTY in layers:
        check_declared(plan.selection, uses, providers(layers[THIRD_PARTY].site), problems)
    problems.raise_if_any()


def assemble_image(
    plan: Plan,
    interpreter: Interpreter,
    layers: Mapping[str, ProductLayer],
    workspace: Workspace,
    *,
    before: Build | None,
) -> Image:
    """Put base and layers together; the reference is `repository:<start of the manifest hash>`.

    Raises:
        UntrustedError: `before`, a build of the same plan, has another image.
    """
    if before:
        _require_same_layers(before, layers)
    composition = plan.selection.composition
    env = {
        "PATH": "/usr/local/bin",
        "PYTHONPATH": f"/{SITE}",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if composition.profile == "debug":
        env["PYTHONFAULTHANDLER"] = "1"
    config = ImageConfig(
        entrypoint=(interpreter.executable, "-m", "generated"),
        env=env,
        labels={
            "org.opencontainers.image.title": composition.app,
            "xtask.manifest-hash": plan.manifest_hash,
        },
        port=_PORT,
        platform=composition.platform,
    )
    return assemble(
        Layout(workspace.layout),
        layers=[interpreter.layer, *(part.layer for part in layers.values())],
        config=config,
        annotations=dict(config.labels),
        reference=f"{composition.repository}:{hex_of(plan.manifest_hash)[:16]}",
        expected=before.image_digest if before else None,
    )


def _require_same_layers(before: Build, layers: Mapping[str, ProductLayer]) -> None:
    """Refuse a module whose layer is another one than the same plan gave before, by its name."""
    now = _by_module(layers)
    for module in before.modules:
        made = now.get(module.id)
        if made and module.layer_digest and made.layer.digest != module.layer_digest:
            raise UntrustedError(
                f"module `{module.id}` gives another layer than in build {before.id[:8]}, "
                "from the same files",
                help="its build is not reproducible: look for times, random values and paths in "
                "what its build back end writes",
            )


def bundle(plan: Plan, generated: Mapping[str, bytes], image: Image) -> dict[str, bytes]:
    """Return the files of a bundle by path: what was made, and from what."""
    described = {
        "schema": 1,
        "app": plan.selection.composition.app,
        "manifest_hash": plan.manifest_hash,
        "image_digest": image.digest,
        "config_digest": image.config_digest,
        "reference": image.reference,
        "diff_ids": [layer.diff_id for layer in image.layers],
    }
    return {
        "image.json": canonical_json(described),
        "plan.json": canonical_json(plan.document()),
        "surface.json": canonical_json(surfaces(plan.selection.modules)),
        **{f"generated/{name}": data for name, data in generated.items()},
    }


def recorded_modules(plan: Plan, layers: Mapping[str, ProductLayer]) -> list[BuildModule]:
    """Return the modules as a build's row names them, with the layer that each one is in."""
    digests = {name: part.layer.digest for name, part in _by_module(layers).items()}
    return [
        BuildModule(
            id=module.name,
            version=module.version or "",
            source_digest=plan.sources[module.name],
            layer_digest=digests.get(module.name),
        )
        for module in plan.selection.modules
    ]


def cached_modules(layers: Mapping[str, ProductLayer]) -> frozenset[str]:
    """Return the modules whose layer did not have to be made."""
    return frozenset(name for name, part in _by_module(layers).items() if part.cached)


def _by_module(layers: Mapping[str, ProductLayer]) -> dict[str, ProductLayer]:
    """Return the layer of each module; several share one when there are many."""
    return {
        name: part
        for label, part in layers.items()
        if label not in {THIRD_PARTY, COMPOSITION}
        for name in label.split(" ")
    }
