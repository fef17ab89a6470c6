"""`xtask build` against `docker build`, `buildah bud`, and wheels by `python -m build` before."""

from __future__ import annotations

import json
import shutil
import statistics
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.bench import buildah
from tests.bench.engine import engine, is_installed, python_build, write_dockerfile
from tests.bench.measure import BenchError, Run, Series, copy_xtask, milliseconds, nothing, rounds
from tests.bench.report import header, table, verdict
from tests.bench.workspaces import edit_module, write_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Protocol

    from tests.bench.measure import Xtask

    class Peer(Protocol):
        """A tool that builds the Dockerfile of a workspace."""

        def import_base(self, layer: Path) -> None:
            """Make the image that the Dockerfile starts from."""

        def build(self, workspace: Path, *words: str) -> Run:
            """Build it."""


COLD, PACKED, IMAGE = "cold with the base", "cold", "wheels made"
SAME, ONE = "no change", "one module"
STEPS = (COLD, PACKED, IMAGE, SAME, ONE)
_AFTER_WHEELS = (COLD, PACKED)
OURS, DOCKER, BUILDAH = "xtask", "docker build", "buildah bud"
STAGES = "cold image stages"
_IMAGE_STAGES = ("layers", "image")
_WHEELS_MEASURED = 10
_MOST = {SAME: 1.0, ONE: 0.5, STAGES: 0.3, IMAGE: 0.3, PACKED: 0.1}


class Product(NamedTuple):
    """One measured size: each tool's steps by its name, seconds of all wheels, modules per COPY."""

    size: int
    tools: dict[str, dict[str, Series]]
    wheels: float
    share: int

    @property
    def ours(self) -> dict[str, Series]:
        """Our own steps."""
        return self.tools[OURS]


def measure(scratch: Path, counts: Sequence[int], *, seed: int, runs: int, alone: bool) -> str:
    """Return the report for products of the given numbers of modules; `alone`: without peers.

    Raises:
        BenchError: a build failed, or did more or less than its step says.
    """
    title = header("xtask build against docker build and buildah", seed=seed, runs=runs)
    xtask = copy_xtask(scratch / "tool")
    products = []
    for count in counts:
        root = scratch / f"product-{count}"
        names = write_workspace(root, count, seed=seed)
        with ExitStack() as stack:
            peers = {} if alone else dict(_peers(scratch / f"peers-{count}", stack))
            share = write_dockerfile(root, names) if peers else 1
            wheels = _wheels(root, names) if peers else 0.0
            tools = _Bench(xtask, root, names[len(names) // 2], peers).measured(runs)
        products.append(Product(count, tools, wheels, share))
        shutil.rmtree(root)
    return "\n".join([title, *_report(products)])


def _peers(folder: Path, stack: ExitStack) -> Iterator[tuple[str, Peer]]:
    folder.mkdir()
    if is_installed():
        yield DOCKER, stack.enter_context(engine(folder / "engine"))
    if buildah.is_installed():
        yield BUILDAH, stack.enter_context(buildah.storage(folder / "buildah"))


class _Bench:
    """The steps of one product, measured by turns with each tool."""

    def __init__(self, xtask: Xtask, root: Path, changed: str, peers: Mapping[str, Peer]) -> None:
        """Build once with each tool: what is locked and imported then is not measured."""
        self._xtask, self._root, self._changed, self._peers = xtask, root, changed, peers
        self._layers = _layers(self._build(cached=False))
        self._edits = 0
        for peer in peers.values():
            peer.import_base(_base_layer(root))
            peer.build(root)

    def measured(self, runs: int) -> dict[str, dict[str, Series]]:
        """Return the steps of each tool by its name."""
        new, cached = partial(self._build, cached=False), partial(self._build, cached=True)
        steps = {
            COLD: rounds({OURS: new}, runs, before=partial(_forget_all, self._root)),
            PACKED: rounds(
                {OURS: new, **self._each("--no-cache")},
                runs,
                before=partial(_forget_product, self._root),
            ),
            IMAGE: rounds({OURS: new}, runs, before=partial(_forget_image, self._root)),
        }
        for peer in self._peers.values():
            peer.build(self._root)
        steps[SAME] = rounds({OURS: cached, **self._each()}, runs, before=nothing)
        self._layers = _layers(self._build(cached=True))
        steps[ONE] = rounds({OURS: self._one, **self._each()}, runs, before=self._edit)
        for step in (COLD, IMAGE):  # a peer has one kind of cold build
            steps[step] |= {name: steps[PACKED][name] for name in self._peers}
        return {
            name: {step: found[name] for step, found in steps.items()}
            for name in (OURS, *self._peers)
        }

    def _each(self, *words: str) -> dict[str, Callable[[], Run]]:
        return {name: partial(peer.build, self._root, *words) for name, peer in self._peers.items()}

    def _build(self, *, cached: bool) -> Run:
        done = self._xtask.run(self._root, "build", "--json")
        _check(done, cached=cached)
        return done

    def _edit(self) -> None:
        self._edits += 1
        edit_module(self._root, self._changed, self._edits)

    def _one(self) -> Run:
        done = self._build(cached=False)
        before, now = self._layers, _layers(done)
        made = {name for name in now if now[name] != before[name]}
        if made != {name for name in now if now[name] == now[self._changed]}:
            raise BenchError(f"{self._changed} was edited, the layers of {sorted(made)} changed")
        self._layers = now
        return done


def _wheels(root: Path, names: Sequence[str]) -> float:
    """Return the seconds that `python -m build` takes for all modules: a few, scaled up."""
    some = names[:_WHEELS_MEASURED]
    python_build(root / "modules" / some[0], root / "wheels")  # the download is not measured
    walls = [python_build(root / "modules" / name, root / "wheels").wall for name in some]
    shutil.rmtree(root / "wheels")
    return statistics.median(walls) * (len(names) + 1)


def _forget_all(root: Path) -> None:
    shutil.rmtree(root / "releases")


def _forget_product(root: Path) -> None:
    """Leave of `releases/` only the packed interpreter."""
    _forget_but(root, [_record(root), _base_layer(root)])


def _forget_image(root: Path) -> None:
    """Leave of `releases/` only the packed interpreter, and wheels with what built them."""
    cache = root / "releases" / "cache"
    wheels = [cache / name for name in ("wheels", "build", "downloads") if (cache / name).exists()]
    _forget_but(root, [_record(root), _base_layer(root), *wheels])


def _forget_but(root: Path, paths: Sequence[Path]) -> None:
    releases, kept = root / "releases", root / "kept"
    for path in paths:
        target = kept / path.relative_to(releases)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    shutil.rmtree(releases)
    kept.rename(releases)


def _record(root: Path) -> Path:
    return next((root / "releases" / "cache" / "interpreter").glob("*.json"))


def _base_layer(root: Path) -> Path:
    (layer,) = json.loads(_record(root).read_bytes())["base"]["layers"]
    digest = str(layer["digest"]).removeprefix("sha256:")
    return root / "releases" / "oci" / "blobs" / "sha256" / digest


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
        "The peers are `docker build` with BuildKit and `buildah bud --layers`, with one COPY per",
        "module and the same base layer; `--no-cache` when cold, and then after `python -m build",
        "--wheel` for each module, unless wheels are made. Tools take turns. With `cold` the base",
        "is packed; `one module` has a line more in one of its files.",
        f"wheels*: the median of {_WHEELS_MEASURED} modules for each of all, without their cpu.",
        "docker's cpu is that of client and engine, the engine's counted in 10 ms.",
        "",
        "Ratios are of medians of whole processes. Only `cold image stages` compares a part, what",
        "the stages layers and image of `cold` take, with a whole process that does as much;",
        "`wheels made` is our whole process from there, with checks, evidence and records.",
    ]
    for product in products:
        lines += ["", f"## {product.size} modules"]
        for peer in (DOCKER, BUILDAH):
            lines += ["", _against(product, peer)]
        lines += [*_notes(product), *_targets(product)]
        lines += ["", "Stages of xtask, ms:", "", _stages(product)]
    return lines


def _against(product: Product, peer: str) -> str:
    head = ["step", OURS, "cpu", "wheels*", peer, "cpu", "ratio"]
    return table(head, [_row(product, peer, step) for step in STEPS])


def _notes(product: Product) -> list[str]:
    if product.share == 1:
        return []
    shared = f"Each COPY takes {product.share} modules: the engine allows 127 layers in an image."
    return ["", shared]


def _row(product: Product, peer: str, step: str) -> list[str]:
    ours = product.ours[step]
    cells = [step, str(ours), milliseconds(ours.cpu)]
    if peer not in product.tools:
        return [*cells, "", "not here", "", ""]
    theirs = product.tools[peer][step]
    wheels = milliseconds(product.wheels) if step in _AFTER_WHEELS else ""
    ratio = f"{_ratio(product, peer, step):.2f}"
    return [*cells, wheels, str(theirs), milliseconds(theirs.cpu), ratio]


def _ratio(product: Product, peer: str, step: str) -> float:
    if step == STAGES:
        times = _stage_medians(product.ours[PACKED])
        ours = sum(times[name] for name in _IMAGE_STAGES)
        return ours / product.tools[peer][PACKED].wall
    wheels = product.wheels if step in _AFTER_WHEELS else 0.0
    return product.ours[step].wall / (product.tools[peer][step].wall + wheels)


def _targets(product: Product) -> list[str]:
    """Return the ratios that were aimed at, and whether each is met."""
    peers = [peer for peer in (DOCKER, BUILDAH) if peer in product.tools]
    if not peers:
        return []
    rows = [
        [step, *(verdict(_ratio(product, peer, step), most) for peer in peers)]
        for step, most in _MOST.items()
    ]
    return ["", table(["ratio to", *peers], rows)]


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
