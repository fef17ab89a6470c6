"""Base `interpreter`: the CPython that runs xtask as a layer that needs nothing below it.

A build that finds nothing changed takes this module's path through the cache, and so it imports
what is needed for packing only when it packs.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtask.digest import canonical_json, hex_of, sha256_of, sha256_of_files
from xtask.files import signature, write_atomic
from xtask.image.base.installation import Installation, machine_platform, running_installation
from xtask.image.base.values import Base, read_base
from xtask.image.layer import EXECUTABLE, FILE, Entry, symlink, write_layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from xtask.image.layout import Layout

_PREFIX = "usr/local"
# Where the loader looks libraries up; another order of them can mean another library.
_LOADER_CACHE = "/etc/ld.so.cache"
# What decides which bytes the layer has: another version of them is another layer.
_RECIPE = ("bytecode", "layer", "ustar")
_RECIPE_HERE = ("elf", "installation", "interpreter", "libraries", "rootfs", "values")


def pack(layout: Layout, cache: Path) -> Base:
    """Return the running CPython as a layer in the layout, packing it only when it has changed.

    Args:
        layout: where the layer goes.
        cache: folder for what can be thrown away.

    Raises:
        XtaskError: this Python cannot run elsewhere: other system, other C library, static.
    """
    installation = running_installation()
    record = _record(installation, cache)
    base = _recall(record, layout)
    if base is None:
        libraries = _libraries(installation)
        layer = write_layer(layout, _entries(installation, libraries))
        base = Base(
            digest=layer.diff_id,
            platform=machine_platform(),
            python=installation.version,
            executable=f"/{_PREFIX}/bin/{installation.tag}",
            libc="",
            layers=(layer,),
            env=(("PATH", f"/{_PREFIX}/bin"),),
            machine_local=True,
            has_bytecode=True,
        )
        # A file that changed meanwhile has made a layer that no fingerprint describes.
        if _record(installation, cache) == record:
            _remember(record, base, libraries.values())
    return base


def packed(cache: Path, *layouts: Layout) -> Base | None:
    """Return what `pack` would, if it is in one of the layouts already."""
    return _recall(_record(running_installation(), cache), *layouts)


def _record(installation: Installation, cache: Path) -> Path:
    """Return the file that is named by everything the layer is made from, libraries excepted."""
    here = Path(__file__).parent
    files = [here / f"{module}.py" for module in _RECIPE_HERE]
    recipe = sha256_of_files([*files, *(here.parent / f"{module}.py" for module in _RECIPE)])
    search = os.environ.get("LD_LIBRARY_PATH", "")
    key = hex_of(sha256_of([installation.fingerprint(), search, recipe]))
    return cache / "interpreter" / f"{key}.json"


def _recall(record: Path, *layouts: Layout) -> Base | None:
    """Return what was packed, unless a library has changed since or the layer is gone."""
    try:
        known: dict[str, Any] = json.loads(record.read_bytes())
        for path, then in known["libraries"].items():
            now = signature(path)
            if (list(now) if now else None) != then:
                return None
        base = read_base(known["base"])
        if any(layout.has(base.digest) for layout in layouts):
            return base
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


def _remember(record: Path, base: Base, libraries: Iterable[Path]) -> None:
    paths = {str(library) for library in libraries} | {_LOADER_CACHE}
    signatures = {path: signature(path) for path in sorted(paths)}
    value = {"base": base.document(), "libraries": signatures}
    write_atomic(record, canonical_json(value))


def _libraries(installation: Installation) -> dict[str, Path]:
    from xtask.image.base.libraries import shared_libraries  # noqa: PLC0415 - starts processes

    modules = sorted(Path(entry.path) for path, entry in installation.files() if _is_binary(path))
    return shared_libraries(installation.executable, modules)


def _entries(installation: Installation, libraries: Mapping[str, Path]) -> Iterator[Entry]:
    from xtask.image.base.rootfs import rootfs_entries  # noqa: PLC0415 - for packing only

    yield Entry(f"{_PREFIX}/bin/{installation.tag}", installation.executable, EXECUTABLE)
    yield symlink(f"{_PREFIX}/bin/python3", installation.tag)
    for path, library in libraries.items():
        yield Entry(path, library, EXECUTABLE)
    yield from _stdlib(installation)
    yield from rootfs_entries()


def _stdlib(installation: Installation) -> Iterator[Entry]:
    """Yield the standard library and its compiled modules; templates in old Python stay sources."""
    from xtask.image.bytecode import CompileError, compile_module, compiled_path  # noqa: PLC0415

    root = f"{_PREFIX}/{installation.library}/{installation.tag}"
    for relative, file in installation.files():
        path = f"{root}/{relative}"
        yield Entry(path, Path(file.path), EXECUTABLE if _is_binary(path) else FILE)
        if path.endswith(".py"):
            try:
                compiled = compile_module(Path(file.path).read_bytes(), path)
            except CompileError:
                continue
            yield Entry(compiled_path(path), compiled)


def _is_binary(path: str) -> bool:
    return path.endswith(".so")
