"""The environments of a composition: where releases run, in which order, under which rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast, get_args

from xtask.diagnostics import did_you_mean
from xtask.manifest import grammar
from xtask.manifest.configuration import TARGETS, Given, read_given
from xtask.manifest.freezes import read_freezes
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xtask.diagnostics import Place, Problems
    from xtask.manifest.freezes import Freeze
    from xtask.manifest.table import Table

# What `run` starts is labelled as an environment of this name.
TRIAL = "trial"
MigrationClass = Literal["none", "additive", "maintenance"]
"""What a release does to the database, from nothing to anything: see `resolve/migrations.py`."""

_FIRST_PORT = 8080
_MOST_APPROVALS = 20
KEPT, _MOST_KEPT = 3, 1000


class Environment(NamedTuple):
    """Where releases run: `rank` orders environments, `port` is its stable loopback port.

    A `portable` one refuses images whose base is of the machine that built them, a `signed` one
    those that no trusted key has signed. A build has to have been active for `soak` seconds in all
    that it `requires`. `approvals` other people have to agree. `migrations` is the most that a
    release may do to the database. The latest `keep` releases can be rolled back to. `backup` is
    whether the database is copied before it is migrated, None when that depends on the class.
    `given` is what it gives to each of them.
    """

    name: str
    rank: int
    target: str
    port: int
    place: Place
    requires: tuple[str, ...] = ()
    portable: bool = False
    approvals: int = 0
    soak: int = 0
    freeze: tuple[Freeze, ...] = ()
    signed: bool = False
    migrations: MigrationClass = "maintenance"
    keep: int = KEPT
    given: Given = Given()
    backup: bool | None = None

    def backs_up(self, migrations: MigrationClass) -> bool:
        """Return whether the database is copied before a release of this class migrates it."""
        return migrations == "maintenance" if self.backup is None else self.backup

    def rules(self) -> dict[str, Any]:
        """Return what it demands of a release, as a JSON value."""
        windows = [window.text for window in self.freeze]
        named = {
            key: value for key, value in self._asdict().items() if key not in {"place", "given"}
        }
        return named | {"requires": list(self.requires), "freeze": windows}


def read_environments(table: Table) -> dict[str, Environment]:
    """Return `[environments]` by name; what is wrong with them goes to the table's problems."""
    found: dict[str, Environment] = {}
    for name, keys in table.items():
        table.require_key(name, grammar.NAME)
        found[name] = _read(name, keys, default_rank=len(found) + 1)
        _check_environment(found[name], keys)
        keys.done()
    _check_ports(found, table.problems)
    for environment in found.values():
        for index in range(len(environment.requires)):
            _check_required(environment, index, found, table.problems)
    return found


def _read(name: str, keys: Table, *, default_rank: int) -> Environment:
    rank = keys.integer("rank", default=default_rank)
    target = keys.choice("target", TARGETS, default="record")
    allowed = keys.choice("migrations", get_args(MigrationClass), default="maintenance")
    return Environment(
        name=name,
        rank=rank,
        target=target,
        port=keys.integer("port", default=_FIRST_PORT + rank),
        place=keys.place,
        requires=keys.texts("requires"),
        portable=keys.boolean("portable"),
        approvals=keys.integer("approvals", default=0),
        soak=keys.duration("soak"),
        freeze=read_freezes(keys),
        signed=keys.boolean("signed"),
        migrations=cast("MigrationClass", allowed),
        keep=keys.integer("keep", default=KEPT),
        given=read_given(keys, target),
        backup=keys.boolean("backup") if "backup" in keys else None,
    )


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
    if environment.port not in grammar.PORTS:
        message = f"{environment.port} is not a port"
        keys.wrong("XT0204", message, "port", help="a number from 1 to 65535")
    if environment.soak and not environment.requires:
        message = "`soak` counts in the environments that this one requires, and there is none"
        keys.wrong("XT0204", message, "soak", help='add `requires = ["…"]`, or remove `soak`')
    for key, least, most in (("approvals", 0, _MOST_APPROVALS), ("keep", 1, _MOST_KEPT)):
        if not least <= (number := getattr(environment, key)) <= most:
            message = f"{number} is not a number of `{key}`"
            keys.wrong("XT0204", message, key, help=f"a number from {least} to {most}")
