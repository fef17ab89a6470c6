"""Everything that a module owns by name, and the rule that one thing has one owner."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from xtask.resolve.facts import environment_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from xtask.diagnostics import Place, Problems
    from xtask.manifest.module import App, DatabaseTable, Module, Router

# What one module may say twice: routers share a prefix, code and migrations show the same table.
_REPEATABLE = frozenset({"API prefix", "database table"})
_BRACES = re.compile(r"\{[^{}:]*(?P<path>:path)?[^{}]*\}")


# For what nobody writes down as it is claimed.
_HELP = {
    "environment variable": "it is made of the module's name and the setting's, in capitals and "
    "with `_` for `-`: rename one of the two settings",
}


class Claim(NamedTuple):
    """A module owns something; two claims of one kind meet when their keys are equal."""

    kind: str
    key: str
    shown: str
    owner: str
    place: Place


def claims(module: Module) -> Iterator[Claim]:
    """Yield everything that a module owns; what could not be read is nobody's."""
    return (claim for claim in _claims(module) if claim.key)


def _claims(module: Module) -> Iterator[Claim]:
    def claim(kind: str, key: str, place: Place, shown: str = "") -> Claim:
        return Claim(kind, key, shown or key, module.name, place)

    folded = module.name.replace("-", "_")
    named = module.named or module.place.at("name")
    yield claim("module name", folded, named, module.name)
    yield claim("Python package", module.package, module.place.at("package"))
    mounted: tuple[Router | App, ...] = (*module.routers, *module.apps)
    for part in mounted:
        yield claim("API prefix", part.prefix, part.place.at("prefix"))
    for route in module.routes:
        yield claim("front-end route", shape(route.path), route.place.at("path"), route.path)
        yield claim("route name", route.name, route.place.at("name"))
    for right in module.permissions:
        yield claim("permission", right.name, right.place)
    for setting in module.settings if folded else ():
        name = environment_name(module.name, setting.key)
        yield claim("environment variable", name, setting.place)
    for job in module.jobs:
        yield claim("job", job.name, job.place.at("name"))
    for table in module.tables:  # SQL's names are without case unless they are quoted
        yield claim("database table", table.name.lower(), table.place, table.name)


def shape(path: str) -> str:
    """Return a path with its parameters unnamed: `/a/:x`, `/a/{y}` and `/a/{z:int}` are one.

    A parameter that takes slashes too (`{rest:path}`) is another thing.
    """
    if "{" in path:
        path = _BRACES.sub(lambda found: "{:path}" if found["path"] else "{}", path)
    if "/:" in path:
        path = "/".join("{}" if part.startswith(":") else part for part in path.split("/"))
    return path


def refuse_overlap(modules: Iterable[Module], problems: Problems) -> None:
    """Note everything that has two owners (XT0304)."""
    modules = tuple(modules)
    overrides = {module.name: module.overrides for module in modules}
    owners: dict[tuple[str, str], Claim] = {}
    noted: set[tuple[str, str, str]] = set()
    for module in modules:
        for claim in claims(module):
            first = owners.setdefault((claim.kind, claim.key), claim)
            if first is claim or _settled(first, claim, overrides):
                continue
            again = (claim.kind, claim.key, claim.owner)
            if claim.kind not in _REPEATABLE or again not in noted:
                note_overlap(first, claim, problems)
                noted.add(again)
    _refuse_prefixes(modules, problems)
    _refuse_tables_of_others(modules, problems)


def _settled(first: Claim, second: Claim, overrides: Mapping[str, Collection[str]]) -> bool:
    """Return whether a claim may be made twice: by one module, or by one that replaces another."""
    if first.owner == second.owner:
        return second.kind in _REPEATABLE
    return first.kind == "API prefix" and (
        second.owner in overrides[first.owner] or first.owner in overrides[second.owner]
    )


def note_overlap(
    first: Claim,
    second: Claim,
    problems: Problems,
    *,
    help: str | None = None,  # noqa: A002
) -> None:
    """Note that one thing has two owners, or one owner twice."""
    both = f"`{first.owner}` and `{second.owner}` both claim the {second.kind} `{second.shown}`"
    twice = f"`{first.owner}` claims the {second.kind} `{second.shown}` twice"
    problems.add(
        "XT0304",
        twice if first.owner == second.owner else both,
        second.place,
        f"claimed again by `{second.owner}`",
        others=[(first.place, f"claimed first by `{first.owner}`")],
        notes=[] if first.shown == second.shown else [f"`{first.shown}` is the same {first.kind}"],
        help=help or _HELP.get(second.kind, f"give one of them another {second.kind}"),
    )


def _refuse_prefixes(modules: Iterable[Module], problems: Problems) -> None:
    """Note prefixes of tables that are equal, or where one is the beginning of another.

    With `inv_` and `inv_ocr_` nobody could tell whose `inv_ocr_pages` is.
    """
    above: list[Claim] = []
    for claim in _prefixes(modules):
        while above and not claim.key.startswith(above[-1].key):
            above.pop()
        if above and above[-1].key == claim.key:
            note_overlap(above[-1], claim, problems)
        elif above:
            _note_beginning(above[-1], claim, problems)
        above.append(claim)


def _prefixes(modules: Iterable[Module]) -> list[Claim]:
    """Return the prefixes of tables that modules claim, sorted."""
    stated = (
        Claim("table prefix", prefix.text.lower(), prefix.text, module.name, prefix.place)
        for module in modules
        if (prefix := module.table_prefix) and prefix.text
    )
    return sorted(stated, key=lambda claim: (claim.key, claim.owner))


def _refuse_tables_of_others(modules: Iterable[Module], problems: Problems) -> None:
    """Note tables that begin with the table prefix of another module, whatever their own says.

    Where two prefixes meet, or a table has two owners, that is noted already.
    """
    prefixes = {claim.key: claim for claim in reversed(_prefixes(modules))}
    lengths = sorted({len(key) for key in prefixes}, reverse=True)
    names = {module.name: {table.name.lower() for table in module.tables} for module in modules}
    for module in modules:
        own = module.table_prefix.text.lower() if module.table_prefix else ""
        tables = {table.name.lower(): table for table in reversed(module.tables)}
        for key, table in sorted(tables.items()):
            found = (prefixes.get(key[:length]) for length in lengths)
            longest = next(filter(None, found), None)
            if longest is None or longest.owner == module.name or key in names[longest.owner]:
                continue
            if not own or not (own.startswith(longest.key) or longest.key.startswith(own)):
                _note_table(module.name, table, longest, problems)


def _note_table(owner: str, table: DatabaseTable, prefix: Claim, problems: Problems) -> None:
    problems.add(
        "XT0304",
        f"table `{table.name}` of `{owner}` begins with the table prefix of `{prefix.owner}`",
        table.place,
        others=[(prefix.place, f"`{prefix.shown}` is claimed by `{prefix.owner}`")],
        help=f"rename the table, or give `{prefix.owner}` another table prefix",
    )


def _note_beginning(short: Claim, long: Claim, problems: Problems) -> None:
    problems.add(
        "XT0304",
        f"the table prefix `{long.shown}` of `{long.owner}` begins with the one of `{short.owner}`",
        long.place,
        others=[(short.place, f"`{short.shown}` is claimed by `{short.owner}`")],
        notes=[f"a table `{long.shown}x` could be of either"],
        help="give one of them another table prefix",
    )
