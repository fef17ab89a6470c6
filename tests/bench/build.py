"""`xtask build` against `docker build`, and against wheels by `python -m build` before it."""

from __future__ import annotations

import json
import shutil
import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.bench.engine import engine, is_installed, python_build, write_dockerfile
from tests.bench.measure import BenchError, Series, copy_xtask, milliseconds, nothing, series
from tests.bench.report import header, table, verdict
from tests.bench.workspaces import edit_module, write_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.bench.engine import Engine
    from tests.bench.measure import Run, Xtask

COLD, PACKED = "cold, base not packed", "cold, base packed"
SAME, ONE = "no change", "one module changed"
_COLD_STEPS = (COLD, PACKED)
STEPS = (COLD, PACKED, SAME, ONE)
_WHEELS_MEASURED = 3
_MAX_COLD = 0.25
_MAX_WARM = 1.0


class Product(NamedTuple):
    """One measured size: our steps, the peer's (none: no engine), seconds of all wheels."""

    size: int
    ours: dict[str, Series]
    peer: dict[str, Series]
    wheels: float
    share: int


def measure(scratch: Path, counts: Sequence[int], *, seed: int, runs: int, alone: bool) -> str:
    """Return the report for products of the given numbers of modules; `alone`: without the peer.

    Raises:
        BenchError: a build failed, or did more or less than its step says.
    """
    title = header("xtask build against docker build", seed=seed, runs=runs)
    xtask = copy_xtask(scratch / "tool")
    products = []
    for count in counts:
        root = scratch / f"product-{count}"
        names = write_workspace(root, count, seed=seed)
        changed = names[len(names) // 2]
        ours = _ours(xtask, root, changed, runs)
        peer, share, wheels = {}, 1, 0.0
        if is_installed() and not alone:
            wheels = _wheels(root, names)
            share = write_dockerfile(root, names)
            with engine(scratch / f"engine-{count}") as running:
                peer = _peer(running, root, changed, runs)
        products.append(Product(count, ours, peer, wheels, share))
        shutil.rmtree(root)
    return "\n".join([title, *_report(products)])


def _ours(xtask: Xtask, root: Path, changed: str, runs: int) -> dict[str, Series]:
    """Measure our four steps; the first build, which also locks, is not measured."""
    numbers = iter(range(1, runs + 1))

    def once(*, cached: bool) -> Run:
        done = xtask.run(root, "build", "--json")
        _check(done, cached=cached)
        return done

    def one() -> Run:
        done = once(cached=False)
        before, now = layers.pop(), _layers(done)
        layers.append(now)
        made = {name for name in now if now[name] != before[name]}
        if made != {name for name in now if now[name] == now[changed]}:
            raise BenchError(f"{changed} was edited, and the layers of {sorted(made)} changed")
        return done

    def cold(forget: Callable[[Path], None]) -> Series:
        return series(lambda: once(cached=False), runs, before=lambda: forget(root))

    layers = [_layers(once(cached=False))]
    return {
        COLD: cold(_forget_all),
        PACKED: cold(_forget_product),
        SAME: series(lambda: once(cached=True), runs, before=nothing),
        ONE: series(one, runs, before=lambda: edit_module(root, changed, next(numbers))),
    }


def _peer(running: Engine, root: Path, changed: str, runs: int) -> dict[str, Series]:
    """Measure the peer's steps, from the base layer of our own image."""
    running.import_base(_base_layer(root))
    numbers = iter(range(runs + 1, 2 * runs + 1))
    running.build(root)
    cold = series(lambda: running.build(root, "--no-cache"), runs, before=nothing)
    return {
        COLD: cold,
        PACKED: cold,
        SAME: series(lambda: running.build(root), runs, before=nothing),
        ONE: series(
            lambda: running.build(root),
            runs,
            before=lambda: edit_module(root, changed, next(numbers)),
        ),
    }


def _wheels(root: Path, names: Sequence[str]) -> float:
    """Return the seconds that `python -m build` takes for all modules: a few, scaled up."""
    some = names[:_WHEELS_MEASURED]
    python_build(root / "modules" / some[0], root / "wheels")  # the download is not measured
    walls = [python_build(root / "modules" / name, root / "wheels").wall for name in some]
    return statistics.median(walls) * (len(names) + 1)


def _forget_all(root: Path) -> None:
    shutil.rmtree(root / "releases")


def _forget_product(root: Path) -> None:
    """Leave of `releases/` only the packed interpreter."""
    releases = root / "releases"
    kept = root / "kept"
    for path in (_record(root), _base_layer(root)):
        target = kept / path.relative_to(releases)
        target.parent.mkdir(parents=True)
        path.rename(target)
    shutil.rmtree(releases)
    kept.rename(releases)


def _record(root: Path) -> Path:
    return next((root / "releases" / "cache" / "interpreter").glob("*.json"))


def _base_layer(root: Path) -> Path:
    digest = json.loads(_record(root).read_bytes())["interpreter"]["layer"]["digest"]
    found: Path = root / "releases" / "oci" / "blobs" / "sha256" / digest.removeprefix("sha256:")
    return found


def _document(done: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.output)
    return found


def _layers(done: Run) -> dict[str, str]:
    """Return the layer of each module; small modules of a large product share layers."""
    return {part["id"]: part["layer_digest"] for part in _document(done)["modules"]}


def _check(done: Run, *, cached: bool) -> None:
    said = _document(done)
    if (said["status"], said["cached"]) != ("succeeded", cached):
        raise BenchError(f"a build that should be cached={cached} says {done.output.decode()}")


def _report(products: Sequence[Product]) -> list[str]:
    lines = [
        "",
        "The peer is `docker build` with BuildKit, one COPY per module, with the same base layer;",
        "`--no-cache` when cold, and then after `python -m build --wheel` for each module.",
        f"wheels*: measured on {_WHEELS_MEASURED} modules and scaled, without their cpu.",
        "The peer's cpu is that of client and engine, the engine's counted in 10 ms.",
    ]
    for product in products:
        lines += ["", f"## {product.size} modules", "", _against(product), *_notes(product)]
        lines += ["", *_targets(product), "", "Stages of xtask, ms:", "", _stages(product)]
    return lines


def _against(product: Product) -> str:
    head = ["step", "xtask", "cpu", "wheels*", "docker build", "cpu", "ratio"]
    return table(head, [_row(product, step) for step in STEPS])


def _notes(product: Product) -> list[str]:
    if product.share == 1:
        return []
    shared = f"Each COPY takes {product.share} modules: the engine allows 127 layers in an image."
    return ["", shared]


def _row(product: Product, step: str) -> list[str]:
    ours = product.ours[step]
    cells = [step, str(ours), milliseconds(ours.cpu)]
    if not product.peer:
        return [*cells, "", "not here", "", ""]
    peer = product.peer[step]
    wheels = milliseconds(product.wheels) if step in _COLD_STEPS else ""
    return [*cells, wheels, str(peer), milliseconds(peer.cpu), f"{_ratio(product, step):.2f}"]


def _ratio(product: Product, step: str) -> float:
    wheels = product.wheels if step in _COLD_STEPS else 0.0
    return product.ours[step].wall / (product.peer[step].wall + wheels)


def _targets(product: Product) -> list[str]:
    if not product.peer:
        return []
    limits = {COLD: _MAX_COLD, PACKED: _MAX_COLD, SAME: _MAX_WARM, ONE: _MAX_WARM}
    return [f"- {step}: {verdict(_ratio(product, step), limits[step])}" for step in STEPS]


def _stages(product: Product) -> str:
    found: dict[str, dict[str, float]] = {}
    for step in STEPS:
        for name, seconds in _stage_medians(product.ours[step]).items():
            found.setdefault(name, {})[step] = seconds
    rows = [
        [name, *(milliseconds(times[step]) if step in times else "" for step in STEPS)]
        for name, times in found.items()
    ]
    rest = [
        product.ours[step].wall - sum(times.get(step, 0) for times in found.values())
        for step in STEPS
    ]
    rows.append(["start and end", *(milliseconds(seconds) for seconds in rest)])
    return table(["stage", *STEPS], rows)


def _stage_medians(measured: Series) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for run in measured.runs:
        for stage in _document(run)["stages"]:
            found.setdefault(stage["name"], []).append(stage["seconds"])
    return {name: statistics.median(seconds) for name, seconds in found.items()}
