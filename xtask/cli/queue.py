"""Builds that others make: `builds`, `worker`."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from xtask.cli.command import LIMIT, Command, at_most, option
from xtask.cli.output import table
from xtask.digest import hex_of
from xtask.errors import Interrupted, UsageError, XtaskError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from xtask.cli.command import Context
    from xtask.pipeline.building.worker import Worked
    from xtask.records.values import Build

_LISTED = (
    *("id", "status", "stage", "progress", "profile", "manifest_hash", "image_digest"),
    *("config_digest", "image_ref", "bundle", "requested_by", "reason", "error"),
    *("revision", "priority", "attempt", "lease_owner", "cancelled_by"),
    *("created_at", "started_at", "finished_at"),
)


def builds(context: Context, *, what: str | None, log: bool, follow: bool, limit: int) -> None:
    """List the latest builds, or show one and what its builder says."""
    if what is None and (log or follow):
        raise UsageError("--log and --follow are about one build", help="write its id before them")
    if what is None:
        _list(context, limit)
    elif follow:
        _follow(context, what, log=log)
    else:
        _show(context, what, log=log)


def _list(context: Context, limit: int) -> None:
    from xtask.records.store import open_records  # noqa: PLC0415 - start-up

    with open_records(context.settings.database_url, create=False) as records:
        found = records.builds(limit)
    header = ["BUILD", "STATUS", "MANIFEST", "CREATED", "BY", "MODULES"]
    text = table([_row(build) for build in found], header) or "no builds yet"
    context.output.result([_document(build) for build in found], text)


def _show(context: Context, what: str, *, log: bool) -> None:
    """Print a build as it is now."""
    from xtask.pipeline.building.queue import log_of  # noqa: PLC0415 - start-up

    build, lines = log_of(context.settings, what)
    text = "\n".join([_facts(build), *(["", *lines] if log and lines else [])])
    context.output.result(_document(build) | ({"log": lines} if log else {}), text)


def _follow(context: Context, what: str, *, log: bool) -> None:
    """Print what a builder says while it says it; end as the build ends."""
    from xtask.pipeline.building.queue import follow  # noqa: PLC0415 - start-up

    said: list[str] = []
    shown = ""
    for build, lines in follow(context.settings, what):
        said += lines
        for line in lines:
            context.output.note(line)
        if (where := f"{build.stage:<10}{build.progress:>8} %") != shown:
            context.output.note(where)
            shown = where
    context.output.result(_document(build) | ({"log": said} if log else {}), _facts(build))
    if build.status == "failed":
        raise XtaskError(f"build {build.id[:8]} failed: {build.error}")
    if build.status == "cancelled":
        raise Interrupted(f"build {build.id[:8]} was cancelled by {build.cancelled_by}")


def _row(build: Build) -> list[str]:
    return [
        build.id[:8],
        build.status,
        hex_of(build.manifest_hash)[:12],
        build.created_at[:19],
        build.requested_by,
        str(len(build.modules)),
    ]


def _document(build: Build) -> dict[str, Any]:
    found = {key: getattr(build, key) for key in _LISTED}
    return found | {"modules_delta": build.modules_delta._asdict()}


def _facts(build: Build) -> str:
    by = f"{build.requested_by}, {build.created_at[:19]}"
    rows = (
        ("build", f"{build.id} ({build.status})"),
        ("stage", f"{build.stage}, {build.progress} %" if build.status == "running" else None),
        ("builder", f"{build.lease_owner}, attempt {build.attempt}" if build.lease_owner else None),
        ("manifest", build.manifest_hash),
        ("commit", build.revision),
        ("image", build.image_digest),
        ("name", build.image_ref),
        ("bundle", build.bundle),
        ("asked by", by + (f": {build.reason}" if build.reason else "")),
        ("cancelled", build.cancelled_by),
        ("error", build.error),
    )
    return "\n".join(f"{name:<10}{value}" for name, value in rows if value)


def worker(context: Context, *, once: bool, push: bool, idle: int | None) -> None:
    """Make builds that wait, until there are none for long enough or somebody stops it."""
    from xtask.pipeline.building.worker import work  # noqa: PLC0415 - start-up

    made: list[dict[str, Any]] = []
    patience = 0 if once and idle is None else idle
    with _terminable() as asked_to_end:
        try:
            for worked in work(
                context.settings, context.output.progress, once=once, push=push, idle=patience
            ):
                made.append(_worked(worked))
                context.output.note(_said(worked))
        except KeyboardInterrupt:
            if not asked_to_end:
                raise
    counted = f"{len(made)} build{'' if len(made) == 1 else 's'}"
    context.output.result(made, counted if made else "no build waits")


def _worked(worked: Worked) -> dict[str, Any]:
    build = worked.build
    return {
        "build_id": build.id,
        "outcome": worked.outcome,
        "manifest_hash": build.manifest_hash,
        "image_digest": build.image_digest,
        "error": worked.error,
    }


def _said(worked: Worked) -> str:
    head = f"build {worked.build.id[:8]} {worked.outcome}"
    return f"{head}: {worked.error}" if worked.error else f"{head}: {worked.build.image_digest}"


@contextmanager
def _terminable() -> Iterator[list[bool]]:
    """Let SIGTERM interrupt the block as Ctrl-C does; yield what is not empty when it did."""
    asked: list[bool] = []

    def end(_number: int, _frame: FrameType | None) -> None:
        asked.append(True)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)


COMMANDS = {
    "builds": Command(
        "list the latest builds, or show and follow one",
        builds,
        (
            option(
                "what", nargs="?", metavar="BUILD",
                help="a build id, a manifest hash or a release id",
            ),
            option("--log", action="store_true", help="also what its builder has said"),
            option("--follow", action="store_true", help="until it has ended; exit as it ends"),
            LIMIT,
        ),
    ),
    "worker": Command(
        "make builds that wait, from their commits",
        worker,
        (
            option("--once", action="store_true", help="end after one build, or when none waits"),
            option("--push", action="store_true", help="push images before builds succeed"),
            option(
                "--idle", type=at_most(1_000_000), metavar="SECONDS",
                help="end when no build has waited for so long (default: never)",
            ),
        ),
    ),
}  # fmt: skip
