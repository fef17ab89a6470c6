"""What `[environments.NAME]` gives to what runs there: how much, where, settings and secrets."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from xtask.diagnostics import listed
from xtask.manifest import grammar
from xtask.manifest.setting import read_values
from xtask.manifest.table import shortened
from xtask.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from xtask.manifest.setting import Value
    from xtask.manifest.table import Table

TARGETS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "docker": frozenset({"configuration", "limits", "migrations", "way back"}),
        "kubernetes": frozenset(
            {"configuration", "limits", "replicas", "placement", "context", "way back"}
        ),
        "record": frozenset(),
        "swarm": frozenset(
            {"configuration", "limits", "replicas", "placement", "managers", "way back"}
        ),
    }
)
"""What each target can be asked for, in the words of `xtask.release.target.Capability`."""

RESERVED: Final = frozenset(
    {
        *("HOME", "LANG", "LC_ALL", "PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONFAULTHANDLER"),
        *("PYTHONNOUSERSITE", "PYTHONPATH", "PYTHONSAFEPATH", "PYTHONUNBUFFERED", "SSL_CERT_DIR"),
        *("SSL_CERT_FILE", "TZ"),
    }
)
"""Variables that an image sets by itself."""

# The capability without which a key is nothing.
_NEEDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("window", "ready_within", "smoke", "settings", "variables", "secrets"), "configuration"
    ),
    **dict.fromkeys(("memory", "cpus", "pids"), "limits"),
    "backup": "migrations",
    **{key: key for key in ("replicas", "placement", "managers", "context")},
}
_BYTES: Final = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_MEMORY: Final = range(16 << 20, (1 << 40) + 1)
_MOST_CPUS: Final = 256
_PIDS: Final = range(8, 1 << 16)
_REPLICAS: Final = range(1, 1001)
_STATUSES: Final = range(100, 600)


class Smoke(NamedTuple):
    """A GET request that a release has to answer with this status, and with this text inside."""

    path: str
    status: int
    contains: str


class Origin(NamedTuple):
    """Where the value of a secret is read when it is needed: a file, or an environment variable."""

    kind: str
    name: str


class Given(NamedTuple):
    """What an environment gives to a release; durations are in seconds.

    A limit that is not there is the target's own: bytes of `memory`, `cpus`, `pids`. `addresses`
    are where the target is asked. `settings` are of modules, over those of the build.
    """

    window: int = 0
    ready_within: int = 60
    limits: Mapping[str, float] = MappingProxyType({})
    replicas: int = 1
    placement: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    smoke: tuple[Smoke, ...] = ()
    settings: Mapping[str, Mapping[str, Value]] = MappingProxyType({})
    variables: Mapping[str, str] = MappingProxyType({})
    secrets: Mapping[str, Origin] = MappingProxyType({})


def read_given(keys: Table, target: str) -> Given:
    """Return what an environment gives; what its target cannot do is a problem too (XT0204)."""
    for key, capability in _NEEDS.items():
        if key in keys and capability not in TARGETS.get(target, {capability}):
            _note_incapable(keys, key, capability, target)
    secrets = _secrets(keys.table("secrets"))
    return Given(
        window=keys.duration("window"),
        ready_within=keys.duration("ready_within", default=60),
        limits=_limits(keys),
        replicas=_within(keys, "replicas", _REPLICAS, default=1),
        placement=keys.texts("placement"),
        addresses=keys.texts("managers") or _context(keys),
        smoke=tuple(_smoke(entry) for entry in keys.tables("smoke")),
        settings=read_values(keys.table("settings")),
        variables=_variables(keys.table("variables"), secrets),
        secrets=secrets,
    )


def _note_incapable(keys: Table, key: str, capability: str, target: str) -> None:
    able = sorted(name for name, words in TARGETS.items() if capability in words)
    place = keys.place.at(key, part="key")
    message = f"the target `{target}` does nothing with `{key}`"
    tip = f"remove it, or use a target that does: {listed(able)}" if able else "remove it"
    keys.problems.add("XT0204", message, place, help=tip)


def _limits(keys: Table) -> dict[str, float]:
    """Return the limits that are written."""
    found: dict[str, float] = {}
    if memory := keys.text("memory", default="", grammar=grammar.MEMORY):
        number, unit = grammar.MEMORY.parts(memory) or ("0", "KiB")
        found["memory"] = int(number) * _BYTES[unit]
        if found["memory"] not in _MEMORY:
            tip = "from 16MiB to 1024GiB"
            keys.wrong("XT0204", f"`{memory}` is no memory of a release", "memory", help=tip)
    if (cpus := keys.number("cpus")) is not None:
        found["cpus"] = float(cpus)
        if not 0 < cpus <= _MOST_CPUS:
            tip = f"more than 0, such as `0.5`, and at most {_MOST_CPUS}"
            keys.wrong("XT0204", f"{cpus} is not a number of `cpus`", "cpus", help=tip)
    pids = _within(keys, "pids", _PIDS, default=0)
    return found | ({"pids": pids} if "pids" in keys else {})


def _within(keys: Table, key: str, allowed: range, *, default: int) -> int:
    number = keys.integer(key, default=default)
    if keys.kind(key) is int and number not in allowed:
        tip = f"a number from {allowed[0]} to {allowed[-1]}"
        keys.wrong("XT0204", f"{number} is not a number of `{key}`", key, help=tip)
    return number


def _context(keys: Table) -> tuple[str, ...]:
    context = keys.text("context", default="")
    return (context,) if context else ()


def _smoke(entry: Table) -> Smoke:
    path = entry.text("path", grammar=grammar.REQUEST)
    status = _within(entry, "status", _STATUSES, default=200)
    smoke = Smoke(path, status, entry.text("contains", default=""))
    entry.done()
    return smoke


def _variables(table: Table, secrets: Collection[str]) -> dict[str, str]:
    """Return environment variables by name; those that are somebody else's are problems."""
    found: dict[str, str] = {}
    for name in table.keys():  # noqa: SIM118 - not a dict
        table.require_key(name, grammar.VARIABLE)
        found[name] = value = table.text(name)
        if wrong := _not_free(name) or _taken(name, secrets):
            table.wrong("XT0204", f"`{shortened(name)}` {wrong[0]}", name, help=wrong[1])
        elif "\0" in value:
            table.wrong("XT0205", f"`{name}` has a zero byte in it", name, help="remove it")
        elif redacted(pair := f"{name}={value}") != pair:
            table.problems.add(
                "XT0204",
                f"the value of `{name}` looks like a secret",
                table.place.at(name)._replace(secret=True),
                help=f'write `{name} = {{ file = "…" }}` under `secrets`',
            )
    return found


def _not_free(name: str) -> tuple[str, str] | None:
    """Return why nobody may set a variable, and what to do."""
    if name.startswith("XTASK_"):
        return "is set by xtask", "choose another name: those with `XTASK_` say which release it is"
    if name in RESERVED:
        return "is set by the image", "choose another name"
    return None


def _taken(name: str, secrets: Collection[str]) -> tuple[str, str] | None:
    """Return why a variable is no variable but a setting or a secret, and what to do."""
    if name.startswith("MODULES__"):
        return "is a setting of a module", "write it under `settings.MODULE`"
    if name in secrets or name.removesuffix("_FILE") in secrets:
        return "is a secret too", f"remove it: `{name.removesuffix('_FILE')}` is under `secrets`"
    return None


def _secrets(table: Table) -> dict[str, Origin]:
    """Return where each secret is read."""
    found: dict[str, Origin] = {}
    for name in table.keys():  # noqa: SIM118 - not a dict
        if table.kind(name) is not dict:
            place = table.place.at(name)._replace(secret=True)
            message = f"`{shortened(name)}` does not say where its value is read"
            table.problems.add("XT0203", message, place, help=_ORIGIN)
            table.ignore(name)
            continue
        keys = table.table(name)
        table.require_key(name, grammar.VARIABLE)
        if wrong := _not_free(name):
            table.wrong("XT0204", f"`{shortened(name)}` {wrong[0]}", name, help=wrong[1])
        origins = {
            "file": keys.text("file", default="", grammar=grammar.SECRET_FILE),
            "env": keys.text("env", default="", grammar=grammar.VARIABLE),
        }
        given = [kind for kind in origins if kind in keys]
        if len(given) != 1:
            message = f"`{shortened(name)}` needs one place where its value is read"
            table.wrong("XT0204", message, name, help=_ORIGIN)
        else:
            found[name] = Origin(given[0], origins[given[0]])
        keys.done()
    return found


_ORIGIN: Final = 'write `{ file = "path" }` or `{ env = "NAME" }`: the value itself is never here'
