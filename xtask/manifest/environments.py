"""The environments of a composition: where releases run, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xtask.diagnostics import did_you_mean
from xtask.manifest import grammar
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xtask.diagnostics import Place, Problems
    from xtask.manifest.table import Table

TARGETS = ("record", "docker")
# What `run` starts is labelled as an environment of this name.
TRIAL = "trial"
_FIRST_PORT = 8080


class Environment(NamedTuple):
    """Where releases run: `rank` orders environments, `port` is its stable loopback port.

    A `portable` one refuses images whose base is of the machine that built them.
    """

    name: str
    rank: int
    target: str
    port: int
    requires: tuple[str, ...]
    portable: bool
    place: Place


def read_environments(table: Table) -> dict[str, Environment]:
    """Return `[environments]` by name; what is wrong with them goes to the table's problems."""
    found: dict[str, Environment] = {}
    for name, keys in table.items():
        table.require_key(name, grammar.NAME)
        rank = keys.integer("rank", default=len(found) + 1)
        found[name] = Environment(
            name=name,
            rank=rank,
            target=keys.choice("target", TARGETS, default="record"),
            port=keys.integer("port", default=_FIRST_PORT + rank),
            requires=keys.texts("requires"),
            portable=keys.boolean("portable"),
            place=keys.place,
        )
        _check_environment(found[name], keys)
        keys.done()
    _check_ports(found, table.problems)
    for environment in found.values():
        for index in range(len(environment.requires)):
            _check_required(environment, index, found, table.problems)
    return found


def _check_required(
    environment: Environment, index: int, known: Mapping[str, Environment], problems: Problems
) -> None:
    """Note an environment that another one requires and that is not there, or not before it."""
    place, name = environment.place.at("requires", index), environment.requires[index]
    required = known.get(name)
    if required is None:
        problems.add(
            "XT0204",
            f"there is no environment `{shortened(name)}`",
            place,
            help=did_you_mean(name, known) or "name another one of `[environments]`",
        )
    elif required.rank >= environment.rank:
        problems.add(
            "XT0204",
            f"`{environment.name}` requires `{required.name}`, which is not before it",
            place,
            others=[(required.place.at("rank"), f"its rank is {required.rank}")],
            help=f"a build serves `{environment.name}` (rank {environment.rank}) after those of "
            "lower rank",
        )


def _check_ports(environments: Mapping[str, Environment], problems: Problems) -> None:
    """Note environments that would answer on one port."""
    owners: dict[int, Environment] = {}
    for environment in environments.values():
        if environment.target == "record":
            continue
        first = owners.setdefault(environment.port, environment)
        if first is not environment:
            problems.add(
                "XT0204",
                f"`{environment.name}` has the port {environment.port} of `{first.name}`",
                environment.place.at("port"),
                others=[(first.place.at("port"), f"the port of `{first.name}`")],
                help="each environment answers on a port of its own",
            )


def _check_environment(environment: Environment, keys: Table) -> None:
    if environment.name == TRIAL:
        message = f"the name `{TRIAL}` is taken: `xtask run` uses it"
        keys.problems.add("XT0204", message, keys.place, help="choose another name")
    if not 1 <= environment.port <= 65535:  # noqa: PLR2004 - TCP ports have 16 bits
        message = f"{environment.port} is not a port"
        keys.wrong("XT0204", message, "port", help="a number from 1 to 65535")
