"""Changing what serves: `promote`, `rollback`, `redeploy`, and who has to agree with that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtask.cli import released
from xtask.cli.command import MAX_DAYS, Command, at_most, option
from xtask.cli.output import table
from xtask.errors import UsageError

if TYPE_CHECKING:
    from xtask.cli.command import Context
    from xtask.records.values import Release


def promote(  # noqa: PLR0913 - its options
    context: Context,
    *,
    what: str,
    to: str,
    reason: str,
    plan: bool,
    expect: str,
    key: str | None,
    lift_hold: bool,
    rolled_back_before: bool,
) -> None:
    """Make a build serve an environment, or ask for it where others have to agree."""
    from xtask.pipeline.releasing import release as stories  # noqa: PLC0415 - start-up
    from xtask.pipeline.releasing.gates import Waivers  # noqa: PLC0415

    progress = context.output.progress()
    waivers = Waivers(lift_hold=lift_hold, rolled_back_before=rolled_back_before)
    wish = stories.Wish(to, reason, what=what, expect=expect, key=key, waivers=waivers)
    if plan:
        seen = stories.plan_promotion(context.settings, progress, wish)
        context.output.result(released.plan_document(seen), released.plan_text(seen))
        return
    _require_reason(reason)
    _show(context, stories.promote(context.settings, progress, wish))


def rollback(  # noqa: PLR0913 - its options
    context: Context,
    *,
    env: str,
    reason: str,
    plan: bool,
    expect: str,
    key: str | None,
    across_maintenance: bool,
) -> None:
    """Make the release before the active one serve again."""
    from xtask.pipeline.releasing import release as stories  # noqa: PLC0415 - start-up
    from xtask.pipeline.releasing.gates import Waivers  # noqa: PLC0415

    progress = context.output.progress()
    waivers = Waivers(across_maintenance=across_maintenance)
    wish = stories.Wish(env, reason, expect=expect, key=key, waivers=waivers)
    if plan:
        seen = stories.plan_rollback(context.settings, progress, wish)
        context.output.result(released.plan_document(seen), released.plan_text(seen))
        return
    _require_reason(reason)
    _show(context, stories.rollback(context.settings, progress, wish))


def redeploy(context: Context, *, env: str, reason: str, key: str | None) -> None:
    """Deploy what is active once more, which repairs drift."""
    from xtask.pipeline.releasing import release as stories  # noqa: PLC0415 - start-up

    wish = stories.Wish(env, reason, key=key)
    _show(context, stories.redeploy(context.settings, context.output.progress(), wish))


def approve(context: Context, *, release: str, reason: str) -> None:
    """Agree with a release of somebody else; the last yes deploys it."""
    from xtask.pipeline.releasing.approval import approve as story  # noqa: PLC0415 - start-up
    from xtask.pipeline.releasing.history import tell  # noqa: PLC0415

    progress = context.output.progress()
    found = story(context.settings, progress, what=release, reason=reason)
    given = tell(context.settings, found.id).approvals
    document = released.document(found) | {"approvals": released.approvals(given)}
    context.output.result(document, released.summary(found, given))


def reject(context: Context, *, release: str, reason: str) -> None:
    """Say no to a release that has not begun."""
    from xtask.pipeline.releasing.approval import reject as story  # noqa: PLC0415 - start-up

    _show(context, story(context.settings, what=release, reason=reason))


def cancel(context: Context, *, what: str, reason: str) -> None:
    """Take back a release that has not begun, or a build that has not ended."""
    from xtask.pipeline.releasing.approval import cancel as story  # noqa: PLC0415 - start-up
    from xtask.records.values import Build  # noqa: PLC0415

    found = story(context.settings, what=what, reason=reason)
    if not isinstance(found, Build):
        _show(context, found)
        return
    says = found.status if found.status == "cancelled" else "its builder is asked to end it"
    keys = ("id", "status", "stage", "manifest_hash", "cancelled_by")
    text = released.lines([("build", f"{found.id} ({says})")])
    context.output.result({key: getattr(found, key) for key in keys}, text)


def hold(
    context: Context, *, env: str | None, build: str | None, days: int | None, reason: str
) -> None:
    """Refuse promotions to an environment, or let the bundle of a build stay."""
    from xtask.pipeline.releasing import holds  # noqa: PLC0415 - start-up

    if env and not build and days is None:
        placed = holds.hold(context.settings, environment=env, reason=reason)
        rows = [("held", env)]
    elif build and not env:
        placed = holds.keep(context.settings, what=build, reason=reason, days=days)
        rows = [("held", str(placed.manifest_hash)), ("until", placed.until or "it is ended")]
    else:
        raise UsageError(_ONE_OF, help="`--days` belongs to `--build`")
    text = released.lines([*rows, ("by", placed.actor), ("why", placed.reason)])
    context.output.result(released.hold_document(placed), text)


def unhold(context: Context, *, env: str | None, build: str | None, reason: str) -> None:
    """End the hold of an environment, or of the bundle of a build."""
    from xtask.pipeline.releasing import holds  # noqa: PLC0415 - start-up

    if env and not build:
        lifted = holds.unhold(context.settings, environment=env, reason=reason)
    elif build and not env:
        lifted = holds.let_go(context.settings, what=build, reason=reason)
    else:
        raise UsageError(_ONE_OF)
    free = env or str(lifted.manifest_hash)
    text = released.lines([("free", free), ("was held", released.hold_text(lifted))])
    context.output.result(released.hold_document(lifted), text)


def resume(context: Context, *, env: str | None) -> None:
    """Finish or undo what a process that died left in flight."""
    from xtask.pipeline.releasing.resume import resume as story  # noqa: PLC0415 - start-up

    found = story(context.settings, context.output.progress(), environment=env)
    rows = [[release.id, release.environment, release.status] for release in found.releases]
    text = table(rows, ["RELEASE", "ENVIRONMENT", "NOW"])
    if not found.problems:
        text = text or "nothing was left unfinished"
    context.output.result([released.document(release) for release in found.releases], text)
    for problem in found.problems[1:]:
        context.output.note(f"{problem.message}\n{problem.help or ''}".rstrip())
    for problem in found.problems:
        raise problem


def _require_reason(reason: str) -> None:
    """Refuse a change that nobody can understand later; looking at a plan needs no reason."""
    if not reason.strip():
        raise UsageError("a release needs a reason", help="say why, for the records: --reason TEXT")


def _show(context: Context, release: Release) -> None:
    context.output.result(released.document(release), released.summary(release))


_ENV = option("--env", required=True, metavar="ENV", help="the environment")
_WHY = option("--reason", default="", metavar="TEXT", help="why; needed unless with --plan")
_REASON = option("--reason", required=True, metavar="TEXT", help="why, for the records")
_RELEASE = option("release", metavar="RELEASE", help="a release id; a unique beginning will do")
_PLAN = option(
    "--plan", action="store_true", help="only show what would be done, and whether it may"
)
_EXPECT = option("--expect", default="", metavar="DIGEST", help="refuse another plan than this one")
_KEY = option("--key", metavar="KEY", help="given twice with the same key, it is done once")
_ONE_OF = "give one of --env ENV and --build WHAT"
_HELD = (
    option("--env", metavar="ENV", help="an environment"),
    option("--build", metavar="WHAT", help="a build id, a manifest hash or a release id"),
)
COMMANDS = {
    "promote": Command(
        "make a build serve an environment",
        promote,
        (
            option("what", metavar="WHAT", help="a build id, a manifest hash or a release id"),
            option("--to", required=True, metavar="ENV", help="the environment"),
            _WHY,
            _PLAN,
            _EXPECT,
            _KEY,
            option("--lift-hold", action="store_true", help="end the hold of the environment"),
            option(
                "--rolled-back-before",
                action="store_true",
                help="the build was rolled back there, and is good now",
            ),
        ),
    ),
    "rollback": Command(
        "make the release before the active one serve again",
        rollback,
        (
            _ENV,
            _WHY,
            _PLAN,
            _EXPECT,
            _KEY,
            option(
                "--across-maintenance",
                action="store_true",
                help="although the database has changed for good since",
            ),
        ),
    ),
    "redeploy": Command(
        "deploy what is active once more, which repairs drift", redeploy, (_ENV, _REASON, _KEY)
    ),
    "approve": Command(
        "agree with a release of somebody else",
        approve,
        (_RELEASE, option("--reason", default="", metavar="TEXT", help="why, for the records")),
    ),
    "reject": Command("say no to a release that has not begun", reject, (_RELEASE, _REASON)),
    "cancel": Command(
        "take back a release that has not begun, or a build",
        cancel,
        (option("what", metavar="WHAT", help="a release id or a build id"), _REASON),
    ),
    "hold": Command(
        "refuse promotions to an environment, or keep a build",
        hold,
        (
            *_HELD,
            option(
                "--days",
                metavar="N",
                type=at_most(MAX_DAYS),
                help="for so long (default: until it is ended)",
            ),
            _REASON,
        ),
    ),
    "unhold": Command("end a hold", unhold, (*_HELD, _REASON)),
    "resume": Command(
        "finish or undo a release whose process died",
        resume,
        (option("--env", metavar="ENV", help="only of this environment"),),
    ),
}
