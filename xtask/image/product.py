"""The layers of a product above its base: wheels and generated files, each made once."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from xtask.digest import canonical_json, hex_of, sha256_file, sha256_of, sha256_of_files
from xtask.errors import UntrustedError
from xtask.files import write_atomic
from xtask.image.layer import Entry, Layer, write_layer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from xtask.image.layout import Layout

SITE = "app/site"
# What decides which bytes the layers have: another version of them makes other layers.
_RECIPE = ("bytecode", "contents", "layer", "product", "ustar")


@dataclass(frozen=True, slots=True)
class ProductLayer:
    """A layer, the paths in it, and a folder with its part of the module path; `cached` or new."""

    layer: Layer
    paths: tuple[str, ...]
    site: Path
    cached: bool


def wheels_layer(
    layout: Layout, cache: Path, wheels: Mapping[Path, str], *, python: str, third_party: bool
) -> ProductLayer:
    """Return the layer that holds the given wheels, made only when they are new.

    Args:
        layout: where the layer goes.
        cache: folder for what can be thrown away.
        wheels: path and digest of each.
        python: version of the Python that its bytecode is for.
        third_party: not ours: what does not compile stays source.
    """
    key = sha256_of([_recipe(), sorted(wheels.values()), python, third_party])

    def entries() -> list[Entry]:
        from xtask.image.contents import refuse_overlap, wheel_entries  # noqa: PLC0415 - start-up

        for wheel, digest in wheels.items():
            if sha256_file(wheel) != digest:
                raise UntrustedError(f"{wheel} has changed", help="delete it and build again")
        found = {
            wheel.name: wheel_entries(wheel, SITE, third_party=third_party) for wheel in wheels
        }
        refuse_overlap(found)
        return [entry for part in found.values() for entry in part]

    return _made_once(layout, cache, key, entries)


def generated_layer(
    layout: Layout, cache: Path, files: Mapping[str, bytes], *, python: str
) -> ProductLayer:
    """Return the layer with the generated package, made only when it is new."""
    key = sha256_of([_recipe(), {name: data.decode() for name, data in files.items()}, python])

    def entries() -> list[Entry]:
        from xtask.image.bytecode import compile_module, compiled_path  # noqa: PLC0415 - start-up

        found = []
        for name, data in files.items():
            path = f"{SITE}/generated/{name}"
            found.append(Entry(path, data))
            if name.endswith(".py"):
                found.append(Entry(compiled_path(path), compile_module(data, path)))
        return found

    return _made_once(layout, cache, key, entries)


@lru_cache(maxsize=1)
def _recipe() -> str:
    return sha256_of_files(Path(__file__).with_name(f"{module}.py") for module in _RECIPE)


def _made_once(
    layout: Layout, cache: Path, key: str, entries: Callable[[], Sequence[Entry]]
) -> ProductLayer:
    folder = cache / "layers" / hex_of(key)
    if (known := _recall(folder)) and layout.has(known.layer.digest):
        return known
    made = entries()
    layer = write_layer(layout, made)
    paths = sorted(entry.path for entry in made)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as temporary:
        for entry in made:
            _unpack(entry, Path(temporary) / "new")
        receipt = canonical_json({"layer": asdict(layer), "paths": paths})
        write_atomic(Path(temporary) / "new" / "receipt.json", receipt)
        shutil.rmtree(folder, ignore_errors=True)
        (Path(temporary) / "new").rename(folder)
    return ProductLayer(layer, tuple(paths), folder / SITE, cached=False)


def _recall(folder: Path) -> ProductLayer | None:
    try:
        receipt = json.loads((folder / "receipt.json").read_bytes())
    except (OSError, ValueError):
        return None
    layer = Layer(**receipt["layer"])
    return ProductLayer(layer, tuple(receipt["paths"]), folder / SITE, cached=True)


def _unpack(entry: Entry, root: Path) -> None:
    """Write one entry as a file, for the import check to read."""
    if not isinstance(entry.content, bytes):
        return
    path = root / entry.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(entry.content)
