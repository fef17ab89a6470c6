"""What was built against what is made now, in the order in which one follows from the other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.digest import sha256
from xtask.errors import UntrustedError
from xtask.image.difference import (
    COMPILED,
    Difference,
    content_difference,
    layer_difference,
    value_difference,
)
from xtask.pipeline.building import layering

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from xtask.image.assemble import Image
    from xtask.image.layout import Layout
    from xtask.image.product import ProductLayer
    from xtask.pipeline.building.planning import Planned


class Shipped(NamedTuple):
    """What was built: its identity, and the folder with its bundle."""

    manifest_hash: str
    image_digest: str
    bundle: Path


class Made(NamedTuple):
    """What is made now: plan, layers by platform and name, image.

    `as_stored` says that the layers went through the compressor that the plan names.
    """

    planned: Planned
    layers: Mapping[str, Mapping[str, ProductLayer]]
    image: Image
    as_stored: bool


class Differs(Exception):  # noqa: N818 - the end of a comparison, no error
    """The first part that differs."""

    def __init__(self, part: str, difference: Difference) -> None:
        super().__init__(part)
        self.part = part
        self.difference = difference


def read_plan(built: Shipped) -> dict[str, Any]:
    """Return the plan that was built.

    Raises:
        UntrustedError: it is gone, or not the one of its hash.
    """
    data = _bundled(built.bundle, "plan.json")
    if sha256(data) != built.manifest_hash:
        raise UntrustedError(
            "the plan in the bundle is not the one of the manifest hash",
            help=f"remove {built.bundle / 'plan.json'}, then `xtask build`",
        )
    plan: dict[str, Any] = json.loads(data)  # its hash says that xtask has written it
    return plan


def compare_plans(planned: Planned, built: Shipped) -> None:
    """Compare manifest hashes, and where they differ the plans.

    Raises:
        Differs: with the first value that differs.
        UntrustedError: the plan that was built is not the one of its hash.
    """
    if planned.plan.manifest_hash == built.manifest_hash:
        return
    if found := value_difference(read_plan(built), planned.plan.document()):
        raise Differs("plan", found)


def compare_generated(generated: Mapping[str, bytes], bundle: Path) -> None:
    """Compare generated files with those in the bundle.

    Raises:
        Differs: with the first line that differs.
    """
    folder = bundle / "generated"
    before = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    for name in sorted(before | generated.keys()):
        if name not in before or name not in generated:
            there = ("a file" if name in some else "nothing" for some in (before, generated))
            raise Differs("generated", Difference(name, "existence", *there))
        data = _bundled(folder, name)
        if data != generated[name]:
            raise Differs("generated", content_difference(name, data, generated[name]))


def _bundled(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise UntrustedError(f"{name} in the bundle is gone", help="build again") from error


def compare_images(made: Made, built: Shipped, before: Layout, now: Layout) -> None:
    """Compare layers, config and manifest of each platform, then their index.

    Manifests name the blobs that layers are stored as: of layers that are not, the config is all.

    Raises:
        Differs: with the first entry or value that differs.
    """
    if made.image.digest == built.image_digest:
        return
    for platform, base in made.planned.bases.items():
        old, config = before.read_image(built.image_digest, platform)
        new, new_config = now.read_image(made.image.digest, platform)
        below = [f"layer {number} of the base" for number in range(len(base.layers))]
        names = [*below, *made.layers[platform]]
        diff_ids = [one["rootfs"]["diff_ids"] for one in (config, new_config)]
        if len(diff_ids[0]) == len(diff_ids[1]) == len(names):
            _compare_layers(names, diff_ids, [old, new], (before, now))
        _require_same("config", config, new_config)
        if made.as_stored:
            _require_same("manifest", old, new)
    if made.as_stored:
        index = before.read_json(built.image_digest), now.read_json(made.image.digest)
        _require_same("index", *index)


def _compare_layers(
    names: list[str],
    diff_ids: list[list[str]],
    manifests: list[dict[str, Any]],
    layouts: tuple[Layout, Layout],
) -> None:
    """Name the first entry that differs in what a module's own build gave, else in any layer."""
    found: list[tuple[str, Difference]] = []
    for number, name in enumerate(names):
        if diff_ids[0][number] == diff_ids[1][number]:
            continue
        digests = [str(manifest["layers"][number]["digest"]) for manifest in manifests]
        paths = [layout.path(digest) for layout, digest in zip(layouts, digests, strict=True)]
        where = f"layer `{name}`"
        if not all(path.is_file() for path in paths):
            found.append(("layers", Difference(where, "digest", *digests)))
        elif entry := layer_difference(*paths):
            from_wheel = name != layering.COMPOSITION and not entry.name.endswith(COMPILED)
            part = "wheels" if from_wheel else "layers"
            found.append((part, entry._replace(name=f"{where}: {entry.name}")))
    for part, entry in sorted(found, key=lambda each: each[0] != "wheels"):
        raise Differs(part, entry)


def _require_same(part: str, before: dict[str, Any], now: dict[str, Any]) -> None:
    if found := value_difference(before, now):
        raise Differs(part, found)
