"""The check of a product before it is an image: what its layers hold is imported, and declared."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import TYPE_CHECKING

from xtask.diagnostics import Problems, listed
from xtask.errors import XtaskError
from xtask.image.base.installation import machine_platform
from xtask.image.layout import Layout
from xtask.image.site import merge_sites, unpack
from xtask.package.check import check_imports, start_probe
from xtask.package.declared import check_declared, installed
from xtask.package.unused import warn_of_unused
from xtask.pipeline.building.layering import THIRD_PARTY, tars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from xtask.diagnostics import Diagnostic
    from xtask.image.base.values import Base
    from xtask.image.product import ProductLayer
    from xtask.package.wheels import Wheel
    from xtask.pipeline.building.planning import Planned
    from xtask.process import Child
    from xtask.settings import Workspace


def check(  # noqa: PLR0913, PLR0917 - what the story has gathered so far
    planned: Planned,
    wheels: Mapping[str, Mapping[str, Wheel]],
    layers: Mapping[str, Mapping[str, ProductLayer]],
    workspace: Workspace,
    probe: Child,
    meanwhile: Iterable[Callable[[], object]] = (),
) -> tuple[Diagnostic, ...]:
    """Import all that the registry names, from exactly the files that the layers hold.

    It is done with the Python of the base wherever this machine can start it.

    Args:
        planned: what is built.
        wheels: by platform and name.
        layers: by platform and name.
        workspace: where.
        probe: what imports with this machine's Python.
        meanwhile: what else there is to do while another process imports.

    Returns:
        what is worth a look, and ends nothing.

    Raises:
        InvalidError: something cannot be imported, or is used without being declared.
        XtaskError: two layers write one path.
    """
    tried, problems = Problems(), Problems()

    layout = tars(planned, workspace)
    for parts in layers.values():
        _refuse_overlap(parts)
        for part in parts.values():
            unpack(part, layout)

    def rest() -> None:
        for platform, parts in layers.items():
            if THIRD_PARTY in parts:
                _check_declared(planned, wheels[platform], parts[THIRD_PARTY].site, problems)
                break  # what a module imports and declares is the same everywhere
        for other in meanwhile:
            other()

    # The imports are a child's work. This thread waits for it: it is the one that an interrupt
    # reaches, and then the child has to end.
    with ThreadPoolExecutor(1) as thread:
        doing = thread.submit(rest)
        _try_imports(planned, layers, workspace, tried, probe)
        doing.result()
    problems.found = tried.found + problems.found
    problems.raise_if_any()
    return problems.warnings


def _refuse_overlap(parts: Mapping[str, ProductLayer]) -> None:
    from xtask.image.contents import may_overlap, refuse_overlap  # noqa: PLC0415 - start-up
    from xtask.image.layer import Entry  # noqa: PLC0415

    if may_overlap(part.sizes for part in parts.values()):
        refuse_overlap(
            {label: [Entry(path, b"") for path in part.sizes] for label, part in parts.items()}
        )


def _check_declared(
    planned: Planned, wheels: Mapping[str, Wheel], site: Path, problems: Problems
) -> None:
    selection, third_party = planned.plan.selection, installed(site)
    uses = {name: wheel.imports for name, wheel in wheels.items()}
    check_declared(selection, uses, third_party, problems)
    files = {name: [file.path for file in found] for name, found in planned.files.items()}
    warn_of_unused(selection, uses, files, third_party, problems)


def _try_imports(
    planned: Planned,
    layers: Mapping[str, Mapping[str, ProductLayer]],
    workspace: Workspace,
    problems: Problems,
    probe: Child,
) -> None:
    """Import everything on each platform that this machine can run; XT0407 for the others."""
    untried: dict[str, str] = {}
    for platform, base in planned.bases.items():
        try:
            python = None if base.has_bytecode else _python_of(base, workspace)
        except XtaskError as error:
            untried[platform] = error.message
            continue
        site = _site(layers[platform], platform, workspace)
        with nullcontext(probe) if python is None else start_probe(python) as child:
            check_imports(planned.plan.selection, site, problems, child)
    if len(untried) == len(planned.bases):
        _try_with_ours(planned, layers, workspace, problems, probe)
    composition = planned.plan.selection.composition
    if untried and not problems.errors:
        problems.warn(
            "XT0407",
            f"what the product imports was not tried on {listed(untried)}",
            composition.place.at("image", "base"),
            help="; ".join(f"{platform}: {_line(why)}" for platform, why in untried.items()),
        )


def _python_of(base: Base, workspace: Workspace) -> list[str]:
    """Return the command that starts the Python that a base brings.

    Raises:
        XtaskError: this machine cannot start it; the message says why.
    """
    if base.platform != machine_platform():
        raise XtaskError(f"this machine is {machine_platform()}")
    if not base.libc.startswith("glibc"):
        raise XtaskError(f"its C library is {base.libc}, and this machine has another")
    from xtask.image.base.unpacked import own_python, unpacked  # noqa: PLC0415 - start-up

    root = unpacked(Layout(workspace.layout), workspace.cache, base)
    return own_python(root, base)


def _try_with_ours(
    planned: Planned,
    layers: Mapping[str, Mapping[str, ProductLayer]],
    workspace: Workspace,
    problems: Problems,
    probe: Child,
) -> None:
    """Import everything with this machine's Python, where it is of the same minor version.

    What is compiled for another machine or C library cannot be tried here.
    """
    ours = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for platform, base in planned.bases.items():
        site = _site(layers[platform], platform, workspace)
        if base.minor == ours and not _has_binaries(layers[platform]):
            check_imports(planned.plan.selection, site, problems, probe)
            return


def _site(parts: Mapping[str, ProductLayer], platform: str, workspace: Workspace) -> Path:
    name = "site" if platform == machine_platform() else f"site-{platform.replace('/', '-')}"
    site = workspace.cache / name
    merge_sites([part.site for part in parts.values()], site)
    return site


def _has_binaries(parts: Mapping[str, ProductLayer]) -> bool:
    return any(".so" in path for part in parts.values() for path in part.sizes)


def _line(text: str) -> str:
    return text.splitlines()[0]
