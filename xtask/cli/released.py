"""How a release, a plan and a hold are shown: as a JSON value, and as lines of 80 columns."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from xtask.pipeline.releasing.configuration import Change
    from xtask.pipeline.releasing.plan import Plan
    from xtask.records.values import Approval, Hold, ModulesDelta, Release

_COLUMNS = 80
_KEY = 9
_LISTED = (
    *("id", "kind", "status", "environment", "build_id", "manifest_hash", "image_digest"),
    *("previous_release_id", "restores_release_id", "generation", "target", "port"),
    "configuration",
    *("actor", "reason", "plan_digest", "approvals_needed", "migration_class", "passed_freeze"),
    "ends_hold_id",
    *("idempotency_key", "created_at", "deployed_at", "activated_at", "ended_at", "error"),
)
_HOLD = (
    *("id", "environment", "manifest_hash", "release_id", "actor", "reason", "created_at"),
    *("until", "lifted_by", "lifted_reason", "lifted_at"),
)


def lines(rows: Iterable[tuple[str, object]], indent: int = 0, width: int = _KEY) -> str:
    """Return keys and values, one below the other, wrapped; rows without a value are left out."""
    return "\n".join(
        textwrap.fill(
            str(value),
            _COLUMNS,
            initial_indent=" " * indent + f"{key:<{width - 1}} ",
            subsequent_indent=" " * (indent + width),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for key, value in rows
        if value not in {None, ""}
    )


def document(release: Release) -> dict[str, Any]:
    """Return a release as a JSON value."""
    found = {key: getattr(release, key) for key in _LISTED}
    return found | {"modules_delta": release.modules_delta._asdict()}


def summary(release: Release, given: Sequence[Approval] = ()) -> str:
    """Return what has become of a release, and what somebody has to do next.

    Args:
        release: any.
        given: who has agreed so far, when it waits for that.
    """
    if release.status == "pending":
        return _asked(release, given)
    answers = f"http://127.0.0.1:{release.port}/" if release.target != "record" else None
    begun = release.generation is not None
    return lines(
        [
            ("release", f"{release.id} ({release.status})"),
            (
                "serves",
                f"{release.environment}, generation {release.generation}" if begun else None,
            ),
            ("image", release.image_digest),
            ("before", release.previous_release_id or "nothing" if begun else None),
            ("restores", release.restores_release_id),
            ("freeze", release.passed_freeze and f"passed {release.passed_freeze}"),
            ("forced", forced(release)),
            ("answers", answers if begun else None),
            ("error", release.error),
        ]
    )


def _asked(release: Release, given: Sequence[Approval]) -> str:
    left = release.approvals_needed - len(given)
    people = "one more person agrees" if left == 1 else f"{left} more people agree"
    return lines([
        ("release", f"{release.id} (pending)"),
        ("asks for", release.environment),
        ("image", release.image_digest),
        ("plan", release.plan_digest),
        ("agreed", agreed(given)),
        ("waits", f"until {people}, not {release.actor}; each types"),
        ("", f"xtask approve {release.id}"),
    ])  # fmt: skip


def approvals(given: Iterable[Approval]) -> list[dict[str, Any]]:
    """Return who has agreed as a JSON value."""
    return [{"actor": one.actor, "reason": one.reason, "at": one.at} for one in given]


def agreed(given: Iterable[Approval]) -> str:
    """Return who has agreed, and why."""
    return ", ".join(f"{one.actor} ({one.reason})" if one.reason else one.actor for one in given)


def forced(release: Release) -> str:
    """Return what a rollback was done in spite of."""
    if (release.kind, release.migration_class) == ("rollback", "maintenance"):
        return "back across a change of the database"
    return ""


def delta(changes: ModulesDelta) -> str:
    """Return what changed between two lists of modules."""
    words = [f"+ {name} {version}" for name, version in changes.added.items()]
    words += [f"- {name} {version}" for name, version in changes.removed.items()]
    words += [
        f"~ {name} {old} (other sources)" if old == new else f"~ {name} {old} -> {new}"
        for name, (old, new) in changes.changed.items()
    ]
    return ", ".join(words)


def given(changes: Iterable[Change]) -> str:
    """Return what two releases are not given alike."""
    return ", ".join(_given(change) for change in changes)


def _given(change: Change) -> str:
    name, before, after = change
    if before is None:
        return f"+ {name} {_value(after)}"
    if after is None:
        return f"- {name} {_value(before)}"
    return f"~ {name} {_value(before)} -> {_value(after)}"


def _value(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return a value as people write it; where a secret is read, as `file path`."""
    if isinstance(value, dict):
        return " ".join(f"{kind} {name}" for kind, name in value.items())
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def hold_document(hold: Hold) -> dict[str, Any]:
    """Return a hold as a JSON value."""
    return {key: getattr(hold, key) for key in _HOLD}


def hold_text(hold: Hold) -> str:
    """Return who holds an environment, and why."""
    return f"since {hold.created_at[:16]} by {hold.actor}: {hold.reason}"


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return a plan as a JSON value."""
    return plan.looked_at() | {
        "plan_digest": plan.digest,
        "open": not plan.closed(),
        "gates": [
            {key: value for key, value in gate._asdict().items() if key != "name"}
            | {"gate": gate.name}
            for gate in plan.gates
        ],
        "changes": [change._asdict() for change in plan.changes],
        "migrations": [step._asdict() for step in plan.distance.steps],
        "pending": plan.pending._asdict() if plan.pending else None,
        "way_back": _way_back(plan),
    }


def plan_text(plan: Plan) -> str:
    """Return a plan for people: what serves, what would, and whether it may."""
    step, active = plan.step, plan.active
    serves = f"{active.id}, generation {active.generation}" if active else "nothing"
    head = lines([
        ("plan", f"{step.kind} {step.environment.name} on {step.target}, port {step.port}"),
        ("serves", serves),
        ("then", f"build {step.build.id}"),
        ("image", step.build.image_digest),
        ("restores", step.restores),
        ("modules", delta(plan.delta) or "as they are"),
        ("given", given(plan.changes)),
        *_migrations(plan),
        ("pending", _pending(plan)),
        ("back", _way_back(plan)),
    ])  # fmt: skip
    gates = []
    for gate in plan.gates:
        state = "yes" if gate.passed else "waits" if gate.waits else "no"
        gates.append(lines([(gate.name, f"{state:<6}{gate.says}")], indent=2, width=10))
        if gate.help and not gate.passed:
            gates.append(lines([("", f"help: {gate.help}")], indent=2, width=10))
    return "\n".join([head, "gates", *gates, lines([("digest", plan.digest)])])


def _migrations(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield a row for each migration that is between the builds, in the order in which they run."""
    for number, step in enumerate(plan.distance.steps):
        says = f"{step.migration_class}: `{step.path}` of `{step.module}`"
        yield "" if number else "database", says


def _pending(plan: Plan) -> str:
    """Return what the database says would run, or why it was not asked."""
    if plan.pending is None or plan.pending.migrations is None:
        return plan.pending.why if plan.pending else ""
    return ", ".join(plan.pending.migrations) or "nothing"


def _way_back(plan: Plan) -> str:
    """Return beforehand whether a rollback of it could work."""
    if plan.step.kind != "promote":
        return ""
    if plan.active is None:
        return "no rollback: nothing serves before it"
    if plan.distance.migration_class == "maintenance":
        return "no rollback unless forced: the database changes for good"
    return f"a rollback restores {plan.active.id}"
