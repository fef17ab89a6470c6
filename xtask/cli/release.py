"""Running the product: `promote`, `rollback`, `resume`, `releases`, `status`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from xtask.cli.command import LIMIT, Command, option
from xtask.cli.output import table
from xtask.digest import hex_of

if TYPE_CHECKING:
    from xtask.cli.command import Context
    from xtask.pipeline.releasing.release import Standing
    from xtask.records.values import Release

_LISTED = (
    *("id", "kind", "status", "environment", "build_id", "manifest_hash", "image_digest"),
    *("previous_release_id", "restores_release_id", "generation", "target", "port"),
    *("actor", "reason", "created_at", "activated_at", "ended_at", "error"),
)


def promote(context: Context, *, what: str, to: str, reason: str) -> None:
    """Make a build serve an environment."""
    from xtask.pipeline.releasing.release import promote as story  # noqa: PLC0415 - start-up

    progress = context.output.progress()
    release = story(context.settings, progress, what=what, environment=to, reason=reason)
    context.output.result(_document(release), _summary(release))


def rollback(context: Context, *, env: str, reason: str) -> None:
    """Make the release before the active one serve again."""
    from xtask.pipeline.releasing.release import rollback as story  # noqa: PLC0415 - start-up

    progress = context.output.progress()
    release = story(context.settings, progress, environment=env, reason=reason)
    context.output.result(_document(release), _summary(release))


def resume(context: Context, *, env: str | None) -> None:
    """Finish or undo what a process that died left in flight."""
    from xtask.pipeline.releasing.resume import resume as story  # noqa: PLC0415 - start-up

    found = story(context.settings, context.output.progress(), environment=env)
    rows = [[release.id, release.environment, release.status] for release in found]
    text = table(rows, ["RELEASE", "ENVIRONMENT", "NOW"]) or "nothing was left unfinished"
    context.output.result([_document(release) for release in found], text)


def _document(release: Release) -> dict[str, Any]:
    found = {key: getattr(release, key) for key in _LISTED}
    return found | {"modules_delta": asdict(release.modules_delta)}


def _summary(release: Release) -> str:
    rows = [
        ("release", f"{release.id} ({release.status})"),
        ("serves", f"{release.environment}, generation {release.generation}"),
        ("image", release.image_digest),
        ("before", release.previous_release_id or "nothing"),
    ]
    if release.restores_release_id:
        rows.append(("restores", release.restores_release_id))
    if release.target != "record":
        rows.append(("answers", f"http://127.0.0.1:{release.port}/"))
    return "\n".join(f"{name:<9}{value}" for name, value in rows)


def releases(context: Context, *, env: str | None, limit: int) -> None:
    """List the latest releases."""
    from xtask.records.store import open_records  # noqa: PLC0415 - start-up

    with open_records(context.settings.database_url, create=False) as records:
        found = records.releases(env, limit)
    rows = [
        [
            release.id,
            release.environment,
            release.kind,
            release.status,
            hex_of(release.image_digest)[:12],
            release.actor,
        ]
        for release in found
    ]
    text = table(rows, ["RELEASE", "ENVIRONMENT", "KIND", "STATUS", "IMAGE", "BY"])
    context.output.result([_document(release) for release in found], text or "no releases yet")


def status(context: Context) -> None:
    """Show what the records say of each environment, beside what answers there."""
    from xtask.pipeline.releasing.release import standings  # noqa: PLC0415 - start-up

    found = standings(context.settings)
    rows = [
        [
            standing.environment,
            standing.active.id if standing.active else "nothing",
            _seen(standing),
            standing.in_flight.id if standing.in_flight else "",
        ]
        for standing in found
    ]
    text = table(rows, ["ENVIRONMENT", "ACTIVE", "SEEN", "IN FLIGHT"]) or "no environments yet"
    context.output.result([_standing(standing) for standing in found], text)


def _seen(standing: Standing) -> str:
    if standing.active is None or standing.active.target == "record":
        return "(recorded only)" if standing.active else ""
    seen = standing.observed
    if seen is None:
        return "nothing answers"
    if seen.release_id == standing.active.id and seen.healthy:
        return "serving"
    return f"drift: {seen.release_id or seen.detail}"


def _standing(standing: Standing) -> dict[str, Any]:
    seen = standing.observed
    return {
        "environment": standing.environment,
        "active": _document(standing.active) if standing.active else None,
        "in_flight": _document(standing.in_flight) if standing.in_flight else None,
        "observed": {
            "release_id": seen.release_id,
            "image_digest": seen.image_digest,
            "healthy": seen.healthy,
            "detail": seen.detail,
        }
        if seen
        else None,
        "seen": _seen(standing),
    }


_REASON = option("--reason", required=True, metavar="TEXT", help="why, for the records")
COMMANDS = {
    "promote": Command(
        "make a build serve an environment",
        promote,
        (
            option("what", metavar="WHAT", help="a build id, a manifest hash or a release id"),
            option("--to", required=True, metavar="ENV", help="the environment"),
            _REASON,
        ),
    ),
    "rollback": Command(
        "make the release before the active one serve again",
        rollback,
        (option("--env", required=True, metavar="ENV", help="the environment"), _REASON),
    ),
    "resume": Command(
        "finish or undo a release whose process died",
        resume,
        (option("--env", metavar="ENV", help="only of this environment"),),
    ),
    "releases": Command(
        "list the latest releases",
        releases,
        (
            option("--env", metavar="ENV", help="only of this environment"),
            LIMIT,
        ),
    ),
    "status": Command("show what is active beside what answers", status),
}
