"""How well an environment is delivered to: the four measures of DORA, from its releases.

DORA, "Software delivery performance metrics" (dora.dev/guides/dora-metrics): deployment frequency,
change lead time, change fail rate, failed deployment recovery time. A change begins here with its
build; a deployment failed when it was rolled back, or had to be undone after traffic had moved.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from xtask.records import tables
from xtask.records.connection import Database
from xtask.records.values import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import RowMapping


class Change(NamedTuple):
    """One promotion that reached traffic: moments as the records write them.

    `restored_at` is when the environment served something good again after a change that failed.
    """

    built_at: str
    activated_at: str | None
    failed: bool
    restored_at: str | None
    deployed_at: str


class Delivery(NamedTuple):
    """The measures of one environment over a number of days; seconds where it says so.

    None stands for: nothing happened that could be measured.
    """

    environment: str
    days: int
    deployments: int
    failures: int
    deployments_per_day: float
    lead_time_seconds: float | None
    change_failure_rate: float | None
    time_to_restore_seconds: float | None


def delivery(environment: str, days: int, changes: Iterable[Change]) -> Delivery:
    """Return the measures; lead time and time to restore are medians."""
    found = list(changes)
    deployed = [change for change in found if change.activated_at]
    failed = [change for change in found if change.failed]
    lead = [_seconds(change.built_at, str(change.activated_at)) for change in deployed]
    restored = [
        _seconds(change.activated_at or change.deployed_at, change.restored_at)
        for change in failed
        if change.restored_at
    ]
    return Delivery(
        environment=environment,
        days=days,
        deployments=len(deployed),
        failures=len(failed),
        deployments_per_day=round(len(deployed) / days, 4),
        lead_time_seconds=median(lead) if lead else None,
        change_failure_rate=round(len(failed) / len(found), 4) if found else None,
        time_to_restore_seconds=median(restored) if restored else None,
    )


def exposition(measured: Iterable[Delivery]) -> str:
    """Return the measures in Prometheus' text format (version 0.0.4)."""
    lines = []
    found = list(measured)
    for name, what, attribute in (
        ("deployments", "Promotions that became active in the window.", "deployments"),
        ("failed_deployments", "Promotions that were undone or rolled back.", "failures"),
        ("deployments_per_day", "Deployment frequency.", "deployments_per_day"),
        ("lead_time_seconds", "Median time from build to active.", "lead_time_seconds"),
        ("change_failure_ratio", "Share of promotions that failed.", "change_failure_rate"),
        ("restore_seconds", "Median time until something good served.", "time_to_restore_seconds"),
    ):
        lines += [f"# HELP xtask_{name} {what}", f"# TYPE xtask_{name} gauge"]
        for one in found:
            value = getattr(one, attribute)
            if value is not None:
                labels = f'environment="{one.environment}",days="{one.days}"'
                lines.append(f"xtask_{name}{{{labels}}} {value}")
    return "\n".join(lines)


class Deliveries(Database):
    """Reading what the measures are made of."""

    __slots__ = ()

    def changes(self, environment: str, days: int) -> tuple[Change, ...]:
        """Return the promotions of the last days that reached the traffic of an environment."""
        releases, builds = tables.releases.c, tables.builds.c
        query = (
            select(tables.releases, builds.created_at.label("built_at"))
            .join(tables.builds, builds.id == releases.build_id)
            .where(releases.environment == environment, releases.deployed_at.is_not(None))
            .order_by(releases.generation)
        )
        with self.reading() as connection:
            since = timestamp(self.moment(connection) - timedelta(days=days))
            rows = connection.execute(query.where(releases.deployed_at >= since)).mappings()
            return tuple(_changes(rows.all()))


def _changes(rows: Sequence[RowMapping]) -> Iterator[Change]:
    """Yield the promotions among the releases of an environment, which are in order."""
    served = [row for row in rows if row["activated_at"]]
    for number, row in enumerate(served):
        if row["kind"] == "promote":
            after = number + 1
            while after < len(served) and served[after]["kind"] == "redeploy":
                after += 1  # the same goes on
            is_left = served[after - 1]["status"] == "rolled_back"
            restored_at = served[after]["activated_at"] if is_left else None
            failed = is_left or row["recovery_attempts"] > 0
            yield _change(row, failed=failed, restored_at=restored_at)
    for row in rows:
        if row["kind"] == "promote" and row["recovery_attempts"] and not row["activated_at"]:
            restored_at = row["ended_at"] if row["status"] == "failed" else None
            yield _change(row, failed=True, restored_at=restored_at)


def _change(row: RowMapping, *, failed: bool, restored_at: str | None) -> Change:
    times = row["built_at"], row["activated_at"]
    return Change(*times, failed, restored_at, deployed_at=row["deployed_at"])


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
