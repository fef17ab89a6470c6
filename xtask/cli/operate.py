"""Looking after the tool itself: `doctor`, `migrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtask.cli.command import Command
from xtask.cli.output import table
from xtask.errors import UsageError

if TYPE_CHECKING:
    from xtask.cli.command import Context


def doctor(context: Context) -> None:
    """Check what the verbs need on this machine; exit 2 when something that all need is missing."""
    from xtask.pipeline.examine import examine  # noqa: PLC0415 - start-up

    found = examine(context.settings)
    document = [
        {"check": check.name, "ok": check.ok, "needed_for": check.needed_for, "says": check.says}
        for check in found
    ]
    rows = [
        ["ok" if check.ok else "missing", check.name, check.needed_for, check.says]
        for check in found
    ]
    context.output.result(document, table(rows, ["", "CHECK", "NEEDED FOR", "SAYS"]))
    if missing := [check.name for check in found if not check.ok and check.needed_for == "build"]:
        raise UsageError(f"not ready to build: {', '.join(missing)}")


def migrate(context: Context) -> None:
    """Bring the records to this version's schema."""
    from xtask.records import SCHEMA  # noqa: PLC0415 - start-up
    from xtask.records.store import migrate_records  # noqa: PLC0415

    migrate_records(context.settings.database_url)
    context.output.result({"schema": SCHEMA}, f"the records have schema {SCHEMA}")


COMMANDS = {
    "doctor": Command("check what this machine has and what it misses", doctor),
    "migrate": Command("bring the records to the schema of this version", migrate),
}
