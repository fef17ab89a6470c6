"""Looking after the records and what they know of: `audit`, `metrics`, `gc`, `drill`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from xtask.cli.command import MAX_DAYS, Command, at_most, option
from xtask.cli.output import table
from xtask.digest import hex_of
from xtask.errors import UntrustedError, UsageError

if TYPE_CHECKING:
    from xtask.cli.command import Context
    from xtask.pipeline.auditing import Audited
    from xtask.pipeline.collecting import Collected
    from xtask.pipeline.releasing.drill import Drill
    from xtask.records.dora import Delivery


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
    counted = f"events: {found.events}, checkpoints: {found.checkpoints} ({found.signed} signed)"
    if not found.findings:
        return f"{counted}; the log is whole, and every row is what it says"
    rows = [[finding.where, finding.says] for finding in found.findings]
    return f"{counted}\n{table(rows, ['WHERE', 'WHAT IS WRONG'])}"


def metrics(context: Context, *, env: str | None, days: int, prometheus: bool) -> None:
    """Show how often, how fast and how safely changes reach each environment."""
    from xtask.records.dora import delivery, exposition  # noqa: PLC0415 - start-up
    from xtask.records.store import open_records  # noqa: PLC0415

    if prometheus and context.output.as_json:
        raise UsageError("--prometheus and --json are two formats", help="choose one of them")
    with open_records(context.settings.database_url, create=False) as records:
        found = [
            delivery(name, days, records.changes(name, days))
            for name in records.wanted_environments(env)
        ]
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


def gc(context: Context, *, keep: int | None, grace: int, young: int, dry_run: bool) -> None:
    """Remove what no release, no hold and no rollback needs."""
    from xtask.manifest.environments import KEPT  # noqa: PLC0415
    from xtask.pipeline.collecting import collect, windows  # noqa: PLC0415 - start-up
    from xtask.records.retention import Policy  # noqa: PLC0415

    wanted = windows(context.settings.workspace) if keep is None else {}
    policy = Policy(keep or KEPT, wanted, young_days=young, grace_days=grace)
    found = collect(context.settings, context.output.progress(), policy, dry_run=dry_run)
    document = {**found._asdict(), "needed": dict(found.needed), "dry_run": dry_run}
    context.output.result(document, _collected(found, grace, dry_run=dry_run))


def _collected(found: Collected, grace: int, *, dry_run: bool) -> str:
    would = "would be " if dry_run else ""
    rows = [[hex_of(name)[:16], f"stays: {why}"] for name, why in sorted(found.needed.items())]
    later = f"{would}marked, to go in {grace} days" if grace else f"{would}marked, to go next time"
    rows += [[hex_of(name)[:16], later] for name in found.marked]
    rows += [[hex_of(name)[:16], f"{would}removed"] for name in found.removed]
    said = f"{found.files} files, {found.bytes / (1 << 20):.1f} MiB {would}removed"
    return "\n".join(filter(None, [table(rows, ["BUNDLE", "WHAT BECOMES OF IT"]), said]))


def drill(context: Context, *, env: str | None) -> None:
    """Say for each environment whether it could be rolled back now, and to what."""
    from xtask.pipeline.releasing.drill import drill as story  # noqa: PLC0415 - start-up

    settings, progress = context.settings, context.output.progress()
    found = story(settings, progress, datetime.now(UTC), environment=env)
    rows = [
        [one.environment, one.active.id if one.active else "nothing", _answer(one)] for one in found
    ]
    text = table(rows, ["ENVIRONMENT", "ACTIVE", "A ROLLBACK NOW"]) or "no environments yet"
    context.output.result([_drilled(one) for one in found], text)
    if bad := [one.environment for one in found if not one.ready]:
        raise UntrustedError(
            f"a rollback would fail: {', '.join(bad)}",
            help="build the same commit again, so that its bytes are back; `xtask verify` shows "
            "what is wrong with them",
        )


def _answer(one: Drill) -> str:
    if one.problem:
        return f"FAILS: {one.problem}"
    return f"restores {one.back_to.id}" if one.back_to else "has nothing to go back to yet"


def _drilled(one: Drill) -> dict[str, object]:
    return {
        "environment": one.environment,
        "ready": one.ready,
        "active_release_id": one.active.id if one.active else None,
        "restores_release_id": one.back_to.id if one.back_to else None,
        "problem": one.problem or None,
    }


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
            option("--days", metavar="N", type=at_most(MAX_DAYS), default=30,
                   help="how far to look back (default: 30)"),
            option("--prometheus", action="store_true", help="in Prometheus' text format"),
        ),
    ),
    "gc": Command(
        "remove what no release, no hold and no rollback needs",
        gc,
        (
            option("--keep", metavar="N", type=at_most(1_000),
                   help="rollbacks in a row that stay possible (default: what each says)"),
            option("--grace", metavar="DAYS", type=at_most(MAX_DAYS, least=0), default=7,
                   help="between marking and removing (default: 7)"),
            option("--young", metavar="DAYS", type=at_most(MAX_DAYS, least=0), default=7,
                   help="for which a new build stays (default: 7)"),
            option("--dry-run", action="store_true", help="only say what would be done"),
        ),
    ),
    "drill": Command(
        "say whether each environment could be rolled back now",
        drill,
        (option("--env", metavar="ENV", help="only this environment"),),
    ),
}  # fmt: skip
