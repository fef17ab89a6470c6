"""Modules that have the name of something third-party: Python would find one of the two.

What a distribution is imported as stands in its wheel only: `beautifulsoup4` is `bs4`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtask.resolve.lock import normalised

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from xtask.diagnostics import Place, Problems
    from xtask.manifest.module import Module

_LIBRARIES = ("purelib", "platlib")


def top_name(path: str) -> str:
    """Return what a file of an installed wheel is imported below; nothing for what is no code."""
    name, *inside = path.split("/")
    name = name if inside else name.split(".")[0]
    return name if path.endswith((".py", ".so")) and name.isidentifier() else ""


def refuse_taken(modules: Sequence[Module], locked: Collection[str], problems: Problems) -> None:
    """Note modules that are distributed under a locked name (XT0213): one would stand for both.

    Args:
        modules: those of the product.
        locked: the normalised names of the third-party distributions.
        problems: where they go.
    """
    for module in modules:
        name = normalised(module.distribution or "")
        if name in locked:
            problems.add(
                "XT0213",
                f"the distribution of `{module.name}` is called `{name}`, as a third-party one is",
                module.distributed or module.place,
                others=_asked(modules, name),
                help='name another one: `name = "…"` in `[project]`',
            )


def refuse_shadowing(
    modules: Sequence[Module], wheels: Mapping[str, Path], problems: Problems
) -> None:
    """Note packages of modules that third-party distributions have too (XT0213).

    Upper and lower case make no difference, as they make none to some file systems.

    Args:
        modules: those of the product.
        wheels: what is not built here: that of a published module by the module's name, any other
            one by `name==version`.
        problems: where they go.
    """
    names = {module.name for module in modules}
    owners: dict[str, list[tuple[str, str]]] = {}
    for wheel in sorted(wheels):
        for name in sorted(_top_names(wheels[wheel])):
            owners.setdefault(name.casefold(), []).append((wheel, name))
    for module in modules:
        package = module.package.split(".")[0]
        # A published host may offer what modules of other systems import: `app.core`.
        own = names if module.is_package else {module.name}
        for wheel, name in owners.get(package.casefold(), ()):
            if wheel not in own:
                distribution = wheel.partition("==")[0]
                problems.add(
                    "XT0213",
                    f"package `{package}` would hide `{name}` of the distribution `{distribution}`",
                    module.place.at("package"),
                    others=_asked(modules, distribution),
                    help='name another package: `package = "…"` in `[module]`'
                    if not module.is_package
                    else f"do without `{distribution}`: modules of this system are imported from "
                    f"`{package}`",
                )


def _asked(modules: Sequence[Module], distribution: str) -> list[tuple[Place, str]]:
    """Return who asks for a distribution, unless only other distributions do."""
    from packaging.requirements import Requirement  # noqa: PLC0415 - start-up

    return [
        (item.place, f"asked for by `{module.name}`")
        for module in modules
        for item in module.dependencies
        if normalised(Requirement(item.text).name) == distribution
    ]


def _top_names(wheel: Path) -> set[str]:
    """Return what a wheel is imported as (PyPA, "Binary distribution format")."""
    import zipfile  # noqa: PLC0415 - start-up

    with zipfile.ZipFile(wheel) as archive:
        paths = archive.namelist()
    found = set()
    for path in paths:
        folder, _, rest = path.partition("/")
        scheme, _, below = rest.partition("/")
        is_data = folder.endswith(".data") and scheme in _LIBRARIES
        found.add(top_name(below if is_data else path))
    return found - {""}
