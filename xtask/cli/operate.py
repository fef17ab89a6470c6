"""Looking after the records and the tool itself: `audit`, `metrics`, `doctor`, `migrate`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from xtask.cli.command import Command, at_most, option
from xtask.cli.output import table
from xtask.errors import UntrustedError, UsageError

if TYPE_CHECKING:
    from xtask.cli.command import Context
    from xtask.pipeline.auditing import Audited
    from xtask.records.dora import Delivery

_MAX_DAYS = 36_500


def audit(context: Context, *, action: str, against: list[str]) -> None:
    """Prove that nobody has changed the log, or keep a signed checkpoint of where it is."""
    if action == "checkpoint":
        if against:
            raise UsageError("`audit checkpoint` takes no --against")
        _checkpoint(context)
        return
    from xtask.pipeline.auditing import audit as story  # noqa: PLC0415 - start-up

    files = [Path(file) for file in against]
    found = story(context.settings, context.output.progress(), files)
    context.output.result(_audited(found), _in_words(found))
    if found.findings:
        raise UntrustedError(
            f"the records are not what they were: {len(found.findings)} findings",
            help="keep a copy of them as they are, and restore the last good backup",
        )


def _checkpoint(context: Context) -> None:
    from xtask.pipeline.auditing import keep_checkpoint  # noqa: PLC0415 - start-up
    from xtask.records.store import open_records  # noqa: PLC0415

    with open_records(context.settings.database_url, create=False) as records:
        path = keep_checkpoint(context.settings, records, datetime.now(UTC))
    said = str(path) if path else "nothing has happened since the last checkpoint"
    context.output.result({"checkpoint": str(path) if path else None}, said)


def _audited(found: Audited) -> dict[str, object]:
    return {
        "intact": not found.findings,
        "events": found.events,
        "checkpoints": found.checkpoints,
        "signed_checkpoints": found.signed,
        "findings": [finding._asdict() for finding in found.findings],
    }


def _in_words(found: Audited) -> str:
    counted = (
        f"{found.events} events, {found.checkpoints} checkpoints, {found.signed} of them signed"
    )
    if not found.findings:
        return f"{counted}: the log is whole, and every row is what it says"
    rows = [[finding.where, finding.says] for finding in found.findings]
    return f"{counted}\n{table(rows, ['WHERE', 'WHAT IS WRONG'])}"


def metrics(context: Context, *, env: str | None, days: int, prometheus: bool) -> None:
    """Show how often, how fast and how safely changes reach each environment."""
    from xtask.records.dora import delivery, exposition  # noqa: PLC0415 - start-up
    from xtask.records.store import open_records  # noqa: PLC0415

    if prometheus and context.output.as_json:
        raise UsageError("--prometheus and --json are two formats", help="choose one of them")
    with open_records(context.settings.database_url, create=False) as records:
        names = records.environment_names()
        if env is not None and env not in names:
            raise UsageError(
                f"no environment `{env}` is recorded",
                help=f"there are: {', '.join(names) or 'none yet'}",
            )
        wanted = names if env is None else (env,)
        found = [delivery(name, days, records.changes(name, days)) for name in wanted]
    text = exposition(found) if prometheus else _measures(found)
    context.output.result([one._asdict() for one in found], text)


def _measures(found: list[Delivery]) -> str:
    rows = [
        [
            one.environment,
            str(one.deployments),
            f"{one.deployments_per_day:g}",
            _duration(one.lead_time_seconds),
            "" if one.change_failure_rate is None else f"{one.change_failure_rate:.0%}",
            _duration(one.time_to_restore_seconds),
        ]
        for one in found
    ]
    header = ["ENVIRONMENT", "DEPLOYMENTS", "PER DAY", "LEAD TIME", "FAILED", "RESTORED IN"]
    return table(rows, header) or "no environments yet"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


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
    "audit": Command(
        "prove that nobody has changed the log of the records",
        audit,
        (
            option("action", metavar="ACTION", choices=("verify", "checkpoint"),
                   help="verify: look at all of it; checkpoint: keep where it is, signed"),
            option("--against", metavar="FILE", action="append", default=[],
                   help="verify: a checkpoint that was kept elsewhere; can be repeated"),
        ),
    ),
    "metrics": Command(
        "show how often, how fast and how safely changes are delivered",
        metrics,
        (
            option("--env", metavar="ENV", help="only of this environment"),
            option("--days", metavar="N", type=at_most(_MAX_DAYS), default=30,
                   help="how far to look back (default: 30)"),
            option("--prometheus", action="store_true", help="in Prometheus' text format"),
        ),
    ),
    "doctor": Command("check what this machine has and what it misses", doctor),
    "migrate": Command("bring the records to the schema of this version", migrate),
}  # fmt: skip
