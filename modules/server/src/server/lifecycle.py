"""The life of modules of Flux and FastVue, as far as a product that is never changed has one.

`pre_init` runs before the tables of models are made and migrations applied, `post_init` and
`after_module_enable` after that, each once for a database; `post_load` runs at every start. A
module that was not in the last product to start is enabled again. `uninstall` and
`after_module_disable` never run: a product without the module has not got its code, and its data is
kept for a rollback.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from server.calls import hook_of
from server.migrations import apply_missing, require_applied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.context import Handler, WorkContext
    from server.migrations import Migration
    from server.registry import Hook, Module

_ENABLED = "after_module_enable"
_BEFORE, _AFTER, _ALWAYS = ("pre_init",), ("post_init", _ENABLED), ("post_load",)
_NEVER = ("uninstall", "after_module_disable")
_EVENTS = frozenset((*_BEFORE, *_AFTER, *_ALWAYS, *_NEVER))
_DIALECTS = frozenset({"flux", "fastvue"})
_TABLE = """
CREATE TABLE IF NOT EXISTS module_lifecycle (
    module TEXT NOT NULL,
    event TEXT NOT NULL,
    done_at TEXT NOT NULL,
    PRIMARY KEY (module, event)
) STRICT
"""


class Step(NamedTuple):
    """A hook in the life of a module."""

    module: Module
    event: str
    call: Handler


def is_step(module: Module, hook: Hook) -> bool:
    """Say whether a hook belongs to the life of its module, so that no event calls it."""
    return module.dialect.lower() in _DIALECTS and hook.event in _EVENTS


def read_steps(modules: Sequence[Module]) -> tuple[Step, ...]:
    """Return what may run when the product starts, in dependency order of the modules."""
    return tuple(
        Step(module, hook.event, hook_of(module.dialect, hook.load()))
        for module in modules
        for hook in module.hooks
        if is_step(module, hook) and hook.event not in _NEVER
    )


def prepare(
    context: WorkContext,
    migrations: Sequence[Migration],
    steps: Sequence[Step],
    *,
    migrated: bool = False,
) -> None:
    """Bring the database to this product and load its modules: all of it, or nothing.

    Args:
        context: the start of the product.
        migrations: of the product.
        steps: in the life of its modules.
        migrated: that somebody has applied them before, so that one which is missing is an error.

    Raises:
        MigrationError: an applied migration has changed, one is wrong SQL, or is missing.
    """
    with context.transaction():
        if migrated:
            require_applied(context.connection, migrations)
        bring_up(context, migrations, steps)
        for step in steps:
            if step.event in _ALWAYS:
                _call(context, step)


def bring_up(
    context: WorkContext, migrations: Sequence[Migration], steps: Sequence[Step]
) -> tuple[Migration, ...]:
    """Apply migrations and run the steps that are due once, in a transaction of the caller's.

    Returns:
        The migrations that were applied.

    Raises:
        MigrationError: an applied migration has changed, or one is wrong SQL.
    """
    context.connection.execute(_TABLE)
    _forget_absent(context, steps)
    _run_once(context, steps, _BEFORE)
    if orm := sys.modules.get("server.orm"):  # a module that was loaded has models
        orm.create_tables(context.connection)
    applied = apply_missing(context.connection, migrations, context.now)
    _run_once(context, steps, _AFTER)
    return applied


def _forget_absent(context: WorkContext, steps: Sequence[Step]) -> None:
    """Forget which modules are enabled that are not in this product."""
    present = {step.module.name for step in steps if step.event == _ENABLED}
    enabled = context.connection.execute(
        "SELECT module FROM module_lifecycle WHERE event = ?", (_ENABLED,)
    ).fetchall()
    context.connection.executemany(
        "DELETE FROM module_lifecycle WHERE event = ? AND module = ?",
        [(_ENABLED, row["module"]) for row in enabled if row["module"] not in present],
    )


def _run_once(context: WorkContext, steps: Sequence[Step], events: Sequence[str]) -> None:
    for event in events:
        for step in steps:
            if step.event == event and _is_first(context, step):
                _call(context, step)


def _is_first(context: WorkContext, step: Step) -> bool:
    """Note that a step is done, and say whether it was not before."""
    moment = context.now.isoformat(timespec="seconds")
    return (
        context.connection.execute(
            "INSERT OR IGNORE INTO module_lifecycle (module, event, done_at) VALUES (?, ?, ?)",
            (step.module.name, step.event, moment),
        ).rowcount
        == 1
    )


def _call(context: WorkContext, step: Step) -> None:
    step.call(context, {"module": step.module.name, "version": step.module.version})
