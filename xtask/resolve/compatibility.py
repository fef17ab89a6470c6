"""Whether what was chosen works together: version ranges, conflicts, the application's version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtask.resolve.ranges import RangeError, matches, parse_range

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from xtask.diagnostics import Place, Problems
    from xtask.manifest.composition import Composition
    from xtask.manifest.module import Module, Requirement, Stated
    from xtask.resolve.graph import Edges

_EVERY_VERSION = frozenset({"*", ">=0.0.0"})


def check_ranges(
    names: Iterable[str], edges: Edges, modules: Mapping[str, Module], problems: Problems
) -> None:
    """Note ranges that are none (XT0207) or that the chosen version is outside of (XT0303)."""
    for name in sorted(names):
        for edge in edges[name]:
            if edge.range is None or not _is_range(edge.range, edge.place, problems):
                continue
            needed = modules.get(edge.module)
            if needed and needed.version and not matches(edge.range, needed.version):
                problems.add(
                    "XT0303",
                    f"`{name}` cannot be used with `{edge.module}` {needed.version}",
                    edge.place,
                    f"needs {edge.range}",
                    others=[(needed.place.at("version"), f"this is {needed.version}")],
                    help=f"`^{needed.version}` would accept it; or use another `{edge.module}`",
                )


def _is_range(text: str, place: Place, problems: Problems) -> bool:
    try:
        parse_range(text)
    except RangeError as error:
        problems.add(
            "XT0207",
            f"this is not a version range: {error}",
            place,
            help="such as `^1.2`, `>=1.0, <3.0` or `1.x || ^3`",
        )
        return False
    return True


def refuse_conflicts(modules: Sequence[Module], problems: Problems) -> None:
    """Note modules that may not be in one product (XT0309), each pair once."""
    chosen = {module.name: module for module in modules}
    said: dict[frozenset[str], tuple[Module, Requirement]] = {}
    for module in modules:
        for conflict in module.conflicts:
            if not conflict.range or _is_range(conflict.range, conflict.place, problems):
                other = chosen.get(conflict.module)
                if other and _meets(conflict, other):
                    pair = frozenset({module.name, other.name})
                    said.setdefault(pair, (module, conflict))
    for module, conflict in said.values():
        _conflict(module, conflict, chosen[conflict.module], problems)


def _meets(conflict: Requirement, other: Module) -> bool:
    """Return whether a module is one of those that another cannot be used with.

    A published module whose version is not chosen yet is looked at again once it is.
    """
    return not conflict.range or bool(other.version and matches(conflict.range, other.version))


def _conflict(module: Module, conflict: Requirement, other: Module, problems: Problems) -> None:
    back = [each.place for each in other.conflicts if each.module == module.name]
    answer = (back[0], f"and `{other.name}` not with `{module.name}`") if back else None
    problems.add(
        "XT0309",
        f"`{module.name}` cannot be in one product with `{other.name}`"
        + (f" {other.version}" if conflict.range else ""),
        conflict.place,
        f"conflicts with {conflict.range}" if conflict.range else "said here",
        others=[
            answer
            or (other.place.at("version"), f"this is `{other.name}` {other.version or ''}".rstrip())
        ],
        help=f"remove `{module.name}` or `{other.name}`"
        + (f", or use another version of `{other.name}`" if conflict.range else ""),
    )


def check_application(
    composition: Composition, modules: Iterable[Module], problems: Problems
) -> None:
    """Note modules that do not work with the application's version (XT0310).

    When the composition does not say which version that is, this is a warning, unless every
    version will do.
    """
    for module in modules:
        stated = module.app_range
        if not stated or not stated.text or not _is_range(stated.text, stated.place, problems):
            continue
        if composition.app_version is None and stated.text not in _EVERY_VERSION:
            problems.warn(
                "XT0310",
                f"`{module.name}` works with {stated.text} of the application, whose version "
                "nobody says",
                stated.place,
                help='add `app_version = "…"` at the top of modules.toml',
            )
        elif composition.app_version and not matches(stated.text, composition.app_version):
            _misfit(composition, module.name, stated, problems)


def _misfit(composition: Composition, name: str, stated: Stated, problems: Problems) -> None:
    version = composition.app_version
    problems.add(
        "XT0310",
        f"`{name}` does not work with version {version} of the application",
        stated.place,
        f"works with {stated.text}",
        others=[(composition.place.at("app_version"), f"this is {version}")],
        help=f"use another version of `{name}`, or change `app_version` in modules.toml",
    )
