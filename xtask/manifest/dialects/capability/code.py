"""The routes, jobs and events of a capability module, in both of its formats."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xtask.manifest import cron, grammar
from xtask.manifest.dialects.capability.handlers import HANDLER_RULE, read_handler
from xtask.manifest.dialects.capability.settings import read_field
from xtask.manifest.module import Endpoint, Event, Hook, Job, Operation, Router
from xtask.manifest.table import Table, shortened

if TYPE_CHECKING:
    from xtask.diagnostics import Place
    from xtask.manifest.dialects.capability.handlers import Code, Identity
    from xtask.manifest.module import EntryPoint

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PARAMETER = re.compile(r":([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\}", re.ASCII)
_STEP = re.compile(r"(?!\.\.?$)[A-Za-z0-9._~-]+|\{\w+\}", re.ASCII)
_JOB = grammar.Grammar(
    r"[a-z0-9]+([_-][a-z0-9]+)*",
    "a name of a job",
    "lower-case letters, digits, and single `-` between them, such as `sync-inventory`",
)
_EVENT = grammar.Grammar(
    r"[A-Za-z][A-Za-z0-9]*([.:_-][A-Za-z0-9]+)*",
    "an event",
    "words with a dot or colon between them, such as `vm.created`",
)
_ORDER = 100
# What a timer of Node.js can hold, in milliseconds (setTimeout in its documentation).
_MAX_TIMEOUT = 2**31 - 1
_MAX_RETRIES = 100


def read_capabilities(table: Table, identity: Identity, code: Code) -> None:
    """Add the API, jobs and events of `capabilities`, the nested format's one table."""
    api, jobs, events = (table.table(key) for key in ("api", "jobs", "events"))
    for item in api.tables("routes"):
        _read_route(item, identity, code)
    for item in jobs.tables("handlers"):
        name = item.text("name", grammar=_JOB)
        _read_job(item, name, identity, code)
    listened: dict[tuple[str, EntryPoint], Place] = {}
    for item in _named(events, "listeners"):
        _read_listener(item, identity, code, listened)
    emitted: set[str] = set()
    for item in _named(events, "emitters"):
        _read_emitter(item, code, emitted)
    for part in (api, jobs, events):
        part.done()


def read_entry(table: Table, identity: Identity, code: Code) -> None:
    """Add the router, the older `routes` and the `jobs` of the flat format."""
    entry = read_handler(table, "entry", identity, code, attribute="router")
    if entry and identity.prefix:
        code.routers.append(Router(identity.prefix, entry, table.place.at("entry")))
    for item in table.tables("routes"):
        _read_route(item, identity, code, entry=entry)
    for key, item in table.table("jobs").items():
        if not _JOB.matches(key):
            message = f"`{shortened(key)}` is not {_JOB.meaning}"
            item.problems.add("XT0205", message, item.place, help=_JOB.rule)
        item.text("name")
        fields = [
            read_field(f"{key.replace('-', '_')}_{name}", described, code.patterns)
            for name, described in item.table("config").items()
        ]
        code.settings += fields
        _read_job(item, key, identity, code, entry=entry)


def _read_route(
    table: Table, identity: Identity, code: Code, *, entry: EntryPoint | None = None
) -> None:
    """Add what answers one method on one path; without a handler the entry's router does."""
    method = table.choice("method", METHODS)
    path = _api_path(table)
    permissions = table.texts("permissions")
    target = None
    if "handler" in table or identity.is_nested:
        target = read_handler(table, "handler", identity, code, entry=entry)
    for key in ("schema", "middleware"):
        if table.value(key):
            message = f"`{key}` of a route does not happen in a composed product"
            tip = "let the handler do it"
            table.problems.warn("XT0223", message, table.place.at(key), help=tip)
    table.text("description", default="")
    table.done()
    code.needs.update(permissions)
    if path is None or not identity.prefix:
        return
    whole = identity.prefix + path
    if target:
        code.endpoints.append(Endpoint(method, whole, target, permissions, table.place))
    else:
        code.operations.append(Operation(method, whole, table.place))


def _api_path(table: Table) -> str | None:
    """Return a path as OpenAPI writes it, below the module's prefix; None when it is none."""
    written = table.text("path")
    if table.kind("path") is not str:
        return None
    steps = [_PARAMETER.sub(r"{\1\2}", step) for step in written.rstrip("/").split("/")]
    is_path = written.startswith("/") and all(_STEP.fullmatch(step) for step in steps[1:])
    names = [step for step in steps if step.startswith("{")]
    if not is_path or len(written) > grammar.MAX_LENGTH or len(set(names)) < len(names):
        message = f"`{shortened(written)}` is not a path of an API"
        tip = "begin with `/`, give each parameter a name of its own: `/vms/:id`; no `*`"
        table.wrong("XT0205", message, "path", help=tip)
        return None
    return "/".join(steps)


def _read_job(
    table: Table, name: str, identity: Identity, code: Code, *, entry: EntryPoint | None = None
) -> None:
    target = read_handler(table, "handler", identity, code, entry=entry)
    schedule = _schedule(table)
    timeout = _timeout(table)
    retries = table.integer("retries", default=0)
    if not 0 <= retries <= _MAX_RETRIES:
        message = f"`retries` must be from 0 to {_MAX_RETRIES}"
        table.wrong("XT0204", message, "retries", help="how often it is run again after a failure")
    table.text("description", default="")
    table.done()
    if target and _JOB.matches(name):
        seconds = None if timeout is None else timeout / 1000
        job = Job(f"{identity.name}.{name}", target, schedule, table.place, seconds, retries)
        code.jobs.append(job)


def _schedule(table: Table) -> str:
    """Return a schedule of five fields; one of six is Node's, which begins with seconds."""
    written = table.optional_text("schedule")
    if written is None:
        return ""
    fields = written.split()[:7] if len(written) <= grammar.MAX_LENGTH else []
    if len(fields) == 6 and not cron.misfit(" ".join(fields[1:])) and fields[0] != "0":  # noqa: PLR2004
        message = f"`{written}` runs at some second of a minute"
        table.wrong("XT0205", message, "schedule", help=f"write `{' '.join(fields[1:])}`")
        return ""
    schedule = " ".join(fields[1:] if len(fields) == 6 else fields)  # noqa: PLR2004
    wrong = cron.misfit(schedule)
    if wrong is None:
        return schedule
    message = f"`{shortened(written)}` {wrong}"
    tip = "five fields: minute hour day month weekday, such as `*/5 * * * *`"
    table.wrong("XT0205", message, "schedule", help=tip)
    return ""


def _timeout(table: Table) -> float | None:
    """Return how long a job may take, in milliseconds."""
    value = table.number("timeout")
    if value is None or 1 <= value <= _MAX_TIMEOUT:
        return value
    message = f"`timeout` must be a number from 1 to {_MAX_TIMEOUT}"
    tip = "it is in milliseconds; leave it out for no limit"
    table.wrong("XT0204", message, "timeout", help=tip)
    return None


def _named(table: Table, key: str) -> list[Table]:
    """Return an array of tables; an entry that is only a string is the event of one."""
    if table.kind(key) is not list:
        table.texts(key)
        return []
    return [
        Table(
            entry if isinstance(entry, dict) else {"event": entry},
            table.place.at(key, index),
            table.problems,
            f"an entry of `{key}`",
        )
        for index, entry in enumerate(table.value(key))
    ]


def _read_listener(
    table: Table, identity: Identity, code: Code, listened: dict[tuple[str, EntryPoint], Place]
) -> None:
    """Add a hook; one that is there already would run twice (XT0204)."""
    event = table.text("event", grammar=_EVENT)
    if "handler" not in table:
        message = f"nothing is called at `{shortened(event)}`: it has no handler"
        tip = f"name it: {HANDLER_RULE}"
        table.problems.warn("XT0223", message, table.place, help=tip)
    elif target := read_handler(table, "handler", identity, code):
        first = listened.setdefault((event, target), table.place)
        if event and first is not table.place:
            message = f"`{shortened(event)}` would call `{shortened(str(target))}` twice"
            others, tip = [(first, "it is here already")], "remove one of the two"
            table.problems.add("XT0204", message, table.place, others=others, help=tip)
        code.hooks.append(Hook(event, target, _ORDER, table.place))
    table.ignore("handler", "description")
    table.done()


def _read_emitter(table: Table, code: Code, emitted: set[str]) -> None:
    """Add an event; what is there already says nothing new (XT0223)."""
    event = Event(table.text("event", grammar=_EVENT), table.place)
    if event.name in emitted:
        message = f"`{shortened(event.name)}` is listed twice in `emitters`"
        table.problems.warn("XT0223", message, table.place, help="remove one of the two")
    else:
        code.emits.append(event)
        emitted.update([event.name] if event.name else [])
    table.ignore("description", "payload", "schema")
    table.done()
