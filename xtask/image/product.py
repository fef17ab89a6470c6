"""The layers of a product above its base: wheels and generated files, each made once.

Several may be made at the same time. Whoever lets something refer to them calls `Layout.sync`
before, once for all.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.digest import canonical_json, hex_of, sha256, sha256_file, sha256_of, sha256_of_files
from xtask.errors import UntrustedError
from xtask.files import write_cache
from xtask.image.base.rootfs import APP_ID
from xtask.image.layer import Entry, Layer, directory, write_layer
from xtask.image.secrets.rules import version as secret_rules
from xtask.image.workers import require_going
from xtask.receipts import write_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from xtask.image.layout import Layout
    from xtask.image.secrets.search import Finding
    from xtask.receipts import Inputs, Receipts

SITE = "app/site"
_RECEIPT, _UNPACKED = "receipt.json", "unpacked"
_LAYER = {"diff_id": str, "digest": str, "size": int, "media_type": str}
# What decides which bytes the layers have: another version of them makes other layers.
_RECIPE = ("bytecode", "contents", "layer", "product", "ustar")


class Guard(NamedTuple):
    """Who looks for secrets: `seen` are the digests of files that were looked through before.

    `refuse` is told what looks like a secret; when it raises, no layer is written.
    """

    seen: Collection[str]
    refuse: Callable[[Sequence[Finding]], None]


class Label(NamedTuple):
    """What people call a layer, and what those of that name were made from before."""

    name: str
    receipts: Receipts


@dataclass(frozen=True, slots=True)
class ProductLayer:
    """A layer, the bytes of each file in it by path, and what else is kept of it; `cached` or new.

    `unpacked` is a folder for its files, see `xtask.image.site`.
    """

    layer: Layer
    sizes: Mapping[str, int]
    unpacked: Path
    cached: bool
    findings: tuple[Finding, ...] = ()
    """What in it looks like a secret, and was not refused."""
    reason: str = ""
    """Why it had to be made."""

    @property
    def site(self) -> Path:
        """Its part of the module path, once it is unpacked."""
        return self.unpacked / SITE


def wheels_layer(  # noqa: PLR0913 - what decides its bytes, and who looks at them
    layout: Layout,
    cache: Path,
    wheels: Mapping[Path, str],
    *,
    python: str | None,
    third_party: bool,
    guard: Guard | None = None,
    label: Label | None = None,
) -> ProductLayer:
    """Return the layer that holds the given wheels, made only when they are new.

    Args:
        layout: where the layer goes.
        cache: folder for what can be thrown away.
        wheels: path and digest of each.
        python: version of the Python that its bytecode is for; without it there is no bytecode.
        third_party: not ours: what does not compile stays source.
        guard: who looks for secrets in it, also when it was made before; default nobody.
        label: who says why it has to be made; default nobody.
    """
    rules = secret_rules() if guard else ""
    key = sha256_of([_recipe(), rules, sorted(wheels.values()), python, third_party])

    def entries() -> list[Entry]:
        from xtask.image.contents import refuse_overlap, wheel_entries  # noqa: PLC0415 - start-up

        for wheel, digest in wheels.items():
            if sha256_file(wheel) != digest:
                raise UntrustedError(f"{wheel} has changed", help="delete it and build again")
        found = {
            wheel.name: wheel_entries(
                wheel, SITE, third_party=third_party, bytecode=python is not None
            )
            for wheel in wheels
        }
        if len(found) > 1:
            refuse_overlap(found)
        return [entry for part in found.values() for entry in part]

    inputs = {
        "wheel": {path.name: digest for path, digest in wheels.items()},
        "format": {"layers": _recipe()},
        "rules for secrets": {"detect-secrets": rules},
        "Python": {"version": python or ""},
    }
    return _made_once(layout, cache, hex_of(key), entries, _Why(inputs, label), guard)


def generated_layer(
    layout: Layout,
    cache: Path,
    files: Mapping[str, bytes],
    *,
    python: str | None,
    label: Label | None = None,
) -> ProductLayer:
    """Return the layer with the generated package, made only when it is new.

    Where there is no bytecode the base is not ours, and the folder for data is here.
    """
    key = sha256_of([_recipe(), {name: data.decode() for name, data in files.items()}, python])

    def entries() -> list[Entry]:
        from xtask.image.bytecode import compile_module, compiled_path  # noqa: PLC0415 - start-up

        found = [] if python is not None else [directory("data", uid=APP_ID, gid=APP_ID)]
        for name, data in files.items():
            path = f"{SITE}/generated/{name}"
            found.append(Entry(path, data))
            if name.endswith(".py") and python is not None:
                found.append(Entry(compiled_path(path), compile_module(data, path)))
        return found

    inputs = {
        "generated file": {name: sha256(data) for name, data in files.items()},
        "format": {"layers": _recipe()},
        "Python": {"version": python or ""},
    }
    return _made_once(layout, cache, hex_of(key), entries, _Why(inputs, label))


@lru_cache(maxsize=1)
def _recipe() -> str:
    return sha256_of_files(Path(__file__).with_name(f"{module}.py") for module in _RECIPE)


class _Why(NamedTuple):
    """What a layer is made from, and who compares that with what it was made from before."""

    inputs: Inputs
    label: Label | None

    def reason(self, key: str) -> str:
        if self.label is None:
            return ""
        return self.label.receipts.reason(self.label.name, key, self.inputs)


def _made_once(  # noqa: PLR0913, PLR0917 - what decides a layer, and who is asked
    layout: Layout,
    cache: Path,
    key: str,
    entries: Callable[[], Sequence[Entry]],
    why: _Why,
    guard: Guard | None = None,
) -> ProductLayer:
    folder = cache / "layers" / key
    if why.label:
        why.label.receipts.is_now(why.label.name, key)
    if known := _recall(folder, layout):
        if guard:
            guard.refuse(known.findings)
        return known
    made = entries()
    findings = _look_through(made, guard.seen, cache) if guard else ()
    if guard:
        guard.refuse(findings)
    layer = write_layer(layout, made, sync=False)
    sizes = {entry.path: len(entry.content) for entry in made if isinstance(entry.content, bytes)}
    write_inputs(folder, why.inputs)
    receipt = {"layer": asdict(layer), "sizes": sizes, "findings": findings}
    write_cache(folder / _RECEIPT, canonical_json(receipt))
    return ProductLayer(layer, sizes, folder / _UNPACKED, False, findings, why.reason(key))  # noqa: FBT003


def _look_through(
    entries: Sequence[Entry], seen: Collection[str], cache: Path
) -> tuple[Finding, ...]:
    """Return what looks like a secret in the entries; compiled modules say what sources say."""
    from xtask.image.secrets.names import is_secret_by_name  # noqa: PLC0415 - start-up
    from xtask.image.secrets.rules import rules  # noqa: PLC0415
    from xtask.image.secrets.search import search  # noqa: PLC0415

    known = rules(cache)

    def searched(path: str, data: bytes) -> list[Finding]:
        require_going()
        return search(path, data, known)

    return tuple(
        finding
        for entry in entries
        if isinstance(entry.content, bytes)
        and not entry.path.endswith(".pyc")
        and (is_secret_by_name(entry.path) or sha256(entry.content) not in seen)
        for finding in searched(entry.path, entry.content)
    )


def _recall(folder: Path, layout: Layout) -> ProductLayer | None:
    from xtask.image.secrets.search import read_findings  # noqa: PLC0415 - start-up

    try:
        receipt = json.loads((folder / _RECEIPT).read_bytes())
        layer, sizes = _read_layer(receipt["layer"]), _read_sizes(receipt["sizes"])
        findings = tuple(read_findings(receipt["findings"]))
        is_there = layout.has(layer.digest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, UntrustedError):
        return None
    known = ProductLayer(layer, sizes, folder / _UNPACKED, cached=True, findings=findings)
    return known if is_there else None


def _read_layer(document: Mapping[str, Any]) -> Layer:
    if {name: type(value) for name, value in document.items()} != _LAYER:
        raise ValueError("this is no layer")
    return Layer(**document)


def _read_sizes(document: Mapping[str, Any]) -> dict[str, int]:
    if {type(value) for value in document.values()} - {int}:
        raise ValueError("these are no sizes")
    return dict(document)
