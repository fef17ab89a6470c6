"""From wheels and generated files to the layers of a product, and why each had to be made."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from xtask.image.assemble import MAX_LAYERS, bucket
from xtask.image.layout import Layout
from xtask.image.product import Label, generated_layer, wheels_layer
from xtask.image.workers import workers
from xtask.receipts import Receipts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from xtask.image.base.values import Base
    from xtask.image.product import ProductLayer
    from xtask.manifest.module import Module
    from xtask.package.wheels import Wheel
    from xtask.pipeline.building.planning import Planned
    from xtask.pipeline.building.secrecy import Watch
    from xtask.settings import Workspace

# Names of the layers that are not a module; a module's name has no space.
THIRD_PARTY = "third party"
COMPOSITION = "the composition"
# Third party, composition.
_OTHER_LAYERS = 2
_WRITERS = 4


def layers(
    planned: Planned,
    wheels: Mapping[str, Mapping[str, Wheel]],
    generated: Mapping[str, bytes],
    workspace: Workspace,
    watch: Watch | None,
) -> dict[str, dict[str, ProductLayer]]:
    """Return for each platform the layers above its base by what they hold, most stable first.

    What is the same for several platforms is one layer. Without a `watch` nobody looks for secrets.

    Raises:
        InvalidError: something in a module's wheel looks like a secret (XT0404).
    """
    below = max(len(base.layers) for base in planned.bases.values())
    room = MAX_LAYERS - _OTHER_LAYERS - below
    compressor, cache, layout = planned.plan.compressor, workspace.cache, tars(planned, workspace)
    made = {
        platform: _layers(planned, base, wheels[platform], generated, layout, cache, room, watch)
        for platform, base in planned.bases.items()
    }
    return made if compressor == "none" else _compressed(made, compressor, workspace)


def tars(planned: Planned, workspace: Workspace) -> Layout:
    """Return where the tars of layers are: in the image, unless that has them compressed."""
    return Layout(workspace.layout if planned.plan.compressor == "none" else workspace.tars)


def _compressed(
    made: Mapping[str, Mapping[str, ProductLayer]], compressor: str, workspace: Workspace
) -> dict[str, dict[str, ProductLayer]]:
    """Return the layers as they are stored; each is compressed once, whoever shares it."""
    from xtask.image.compression import compress  # noqa: PLC0415 - start-up

    tars = {part.layer for parts in made.values() for part in parts.values()}
    layout = Layout(workspace.layout)
    stored = compress(tars, Layout(workspace.tars), layout, workspace.cache, compressor)
    return {
        platform: {
            label: replace(part, layer=stored[part.layer.diff_id]) for label, part in parts.items()
        }
        for platform, parts in made.items()
    }


def _layers(  # noqa: PLR0913, PLR0917 - what the story has gathered so far
    planned: Planned,
    base: Base,
    wheels: Mapping[str, Wheel],
    generated: Mapping[str, bytes],
    layout: Layout,
    cache: Path,
    room: int,
    watch: Watch | None,
) -> dict[str, ProductLayer]:
    python = base.python if base.has_bytecode else None
    receipts = Receipts(cache / "layers")
    modules = {module.name: module for module in planned.plan.selection.modules}
    own = [name for name in modules if name in wheels]
    groups = {THIRD_PARTY: sorted(wheels.keys() - modules.keys())}
    groups |= {" ".join(group): group for group in bucket(own, room)}
    ours = {
        label for label, group in groups.items() if any(_is_ours(modules, name) for name in group)
    }
    jobs: dict[str, Callable[[], ProductLayer]] = {
        label: partial(
            wheels_layer,
            layout,
            cache,
            {wheels[name].path: wheels[name].digest for name in group},
            python=python,
            third_party=label not in ours,
            guard=watch.guard(f"module `{label}`") if watch and label in ours else None,
            label=Label(f"{base.platform} {label}", receipts),
        )
        for label, group in groups.items()
        if group
    }
    runtime = {name: data for name, data in generated.items() if not _is_for_a_bundler(name)}
    label = Label(f"{base.platform} {COMPOSITION}", receipts)
    jobs[COMPOSITION] = partial(generated_layer, layout, cache, runtime, python=python, label=label)
    found = _made(jobs, cache / "layers")
    if not all(layer.cached for layer in found.values()):
        layout.sync()
    receipts.keep()
    return found


def _made(jobs: Mapping[str, Callable[[], ProductLayer]], kept: Path) -> dict[str, ProductLayer]:
    """Do jobs, several at the same time when many are new: half of the time goes to the disk."""
    if kept.is_dir() and sum(1 for _ in kept.iterdir()) > len(jobs):
        return {label: job() for label, job in jobs.items()}
    with workers(_WRITERS) as threads:
        started = {label: threads.submit(job) for label, job in jobs.items()}
        return {label: future.result() for label, future in started.items()}


def _is_ours(modules: Mapping[str, Module], name: str) -> bool:
    return name in modules and modules[name].root is not None


def _is_for_a_bundler(name: str) -> bool:
    return name.endswith(".ts") or name == "package.json"


def reasons(made: Mapping[str, Mapping[str, Wheel] | Mapping[str, ProductLayer]]) -> dict[str, str]:
    """Return by name why wheels or layers had to be made, of all platforms."""
    found = {name: one.reason for some in made.values() for name, one in some.items()}
    return {name: reason for name, reason in found.items() if reason}


def reasons_of_modules(
    wheels: Mapping[str, Mapping[str, Wheel]], layers: Mapping[str, Mapping[str, ProductLayer]]
) -> dict[str, str]:
    """Return by name why modules had to be made: their wheels, else only their layers."""
    of_layers = {name: part.reason for name, part in by_module(layers).items()}
    found = of_layers | reasons(wheels)
    return {name: found[name] for name in of_layers if found[name]}


def cached_modules(layers: Mapping[str, Mapping[str, ProductLayer]]) -> frozenset[str]:
    """Return the modules whose layer did not have to be made."""
    return frozenset(name for name, part in by_module(layers).items() if part.cached)


def by_module(layers: Mapping[str, Mapping[str, ProductLayer]]) -> dict[str, ProductLayer]:
    """Return the layer of each module on the first platform; many modules share layers."""
    first: Mapping[str, ProductLayer] = next(iter(layers.values()), {})
    return {
        name: part
        for label, part in first.items()
        if label not in {THIRD_PARTY, COMPOSITION}
        for name in label.split(" ")
    }
