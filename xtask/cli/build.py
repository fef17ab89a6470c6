"""Making the product: `build`, `run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xtask.cli.command import Command, at_most, option
from xtask.errors import UsageError
from xtask.pipeline.progress import reason_lines

if TYPE_CHECKING:
    from xtask.cli.command import Context
    from xtask.pipeline.building.build import Built
    from xtask.pipeline.progress import Progress, Stage


def build(  # noqa: PLR0913 - its options
    context: Context,
    *,
    locked: bool,
    check_reproducible: bool,
    load: bool,
    push: bool,
    queue: bool,
    priority: int | None,
    reason: str,
) -> None:
    """Build what `modules.toml` says, find it built, or queue it for a worker."""
    if queue:
        return _queue(
            context, priority or 0, reason, needs_image=load or push or check_reproducible
        )
    if priority is not None:
        raise UsageError("--priority is of a build that waits", help="write --queue too")
    from xtask.pipeline.building.build import build as story  # noqa: PLC0415 - start-up

    progress = context.output.progress()
    built = story(context.settings, progress, locked_only=locked, reason=reason)
    checked = _reproduced(context, progress, built) if check_reproducible else {}
    if load:
        from xtask.pipeline.releasing.candidate import load_image  # noqa: PLC0415 - start-up

        load_image(context.settings, progress, built.build)
    pushed = {}
    if push:
        from xtask.pipeline.releasing.publish import publish  # noqa: PLC0415 - start-up

        pushed = {"pushed": publish(context.settings, progress, built.build).document()}
    document = _document(built, progress.stages) | checked | pushed
    return context.output.result(document, _summary(built))


def _queue(context: Context, priority: int, reason: str, *, needs_image: bool) -> None:
    """Queue a build of the commit that is checked out, or find one of the same manifest hash."""
    from xtask.pipeline.building.queue import request  # noqa: PLC0415 - start-up

    if needs_image:
        raise UsageError(
            "a queued build is made elsewhere: nothing can be done with its image here",
            help="leave that option out; `xtask worker --push` pushes images",
        )
    progress = context.output.progress()
    asked = request(context.settings, progress, priority=priority, reason=reason)
    context.output.result(_document(asked, progress.stages), _summary(asked))


def _reproduced(context: Context, progress: Progress, built: Built) -> dict[str, Any]:
    """Build again under other conditions, or raise what differs."""
    from xtask.pipeline.verifying.conditions import check_reproducible  # noqa: PLC0415 - start-up
    from xtask.pipeline.verifying.rebuild import require_identical  # noqa: PLC0415

    found = check_reproducible(built.build, context.settings.workspace, progress)
    require_identical(found, built.build)
    return {"reproducible": True}


def _document(built: Built, stages: list[Stage]) -> dict[str, Any]:
    row = built.build
    return {
        "build_id": row.id,
        "status": row.status,
        "cached": built.cached,
        "manifest_hash": row.manifest_hash,
        "image_digest": row.image_digest,
        "config_digest": row.config_digest,
        "image_ref": row.image_ref,
        "bundle": row.bundle,
        "modules": [
            {
                "id": module.id,
                "version": module.version,
                "source_digest": module.source_digest,
                "layer_digest": module.layer_digest,
                "cached": built.cached or module.id in built.cached_modules,
                "reason": built.reasons.get(module.id, ""),
            }
            for module in row.modules
        ],
        "modules_delta": row.modules_delta._asdict(),
        "stages": [
            {
                "name": stage.name,
                "seconds": round(stage.seconds, 4),
                "cached": stage.cached,
                "reason": "; ".join(reason_lines(stage)),
            }
            for stage in stages
        ],
    }


def _summary(built: Built) -> str:
    row = built.build
    waits = row.status != "succeeded"
    note = f" ({row.status})" if waits else " (made before)" if built.cached else ""
    rows = (
        ("build", row.id + note),
        ("manifest", row.manifest_hash),
        ("image", row.image_digest),
        ("name", row.image_ref),
        ("bundle", row.bundle),
        ("follow", f"xtask builds {row.id[:8]} --follow" if waits else None),
    )
    return "\n".join(f"{name:<10}{value}" for name, value in rows if value)


def run(context: Context, *, port: int, stop: bool) -> None:
    """Build, load into the Docker Engine, start, and wait until it is ready; or stop that."""
    from xtask.pipeline.building.build import build as story  # noqa: PLC0415 - start-up
    from xtask.pipeline.releasing.candidate import stop_trial, try_image  # noqa: PLC0415

    progress = context.output.progress()
    if stop:
        stopped = stop_trial(context.settings, progress)
        context.output.result({"stopped": stopped}, "stopped" if stopped else "nothing ran")
        return
    built = story(context.settings, progress)
    running = try_image(context.settings, progress, built.build, port=port)
    context.output.result(
        {
            "url": running.url,
            "container_id": running.container_id,
            **_document(built, progress.stages),
        },
        f"{running.url}\nstop it with: xtask run --stop",
    )


COMMANDS = {
    "build": Command(
        "make the image of what modules.toml says, or find it made",
        build,
        (
            option("--locked", action="store_true", help="refuse when modules.lock is stale"),
            option(
                "--check-reproducible",
                action="store_true",
                help="build it again under other conditions, and compare",
            ),
            option("--load", action="store_true", help="load the image into the Docker Engine"),
            option("--push", action="store_true", help="push the image to its registry"),
            option("--queue", action="store_true", help="let a worker make it, from this commit"),
            option(
                "--priority",
                type=at_most(100),
                metavar="N",
                help="with --queue: higher ones come first (default: 0)",
            ),
            option("--reason", default="", metavar="TEXT", help="why, for the records"),
        ),
    ),
    "run": Command(
        "build, start the product in the Docker Engine, wait until it is ready",
        run,
        (
            option("--port", type=int, default=0, help="loopback port (default: a free one)"),
            option("--stop", action="store_true", help="stop and remove what `run` started"),
        ),
    ),
}
