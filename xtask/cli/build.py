"""Making the product: `build`, `builds`, `run`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from xtask.cli.command import LIMIT, Command, option
from xtask.cli.output import reason_lines, table
from xtask.digest import hex_of

if TYPE_CHECKING:
    from xtask.cli.command import Context
    from xtask.pipeline.building.build import Built
    from xtask.pipeline.progress import Progress, Stage
    from xtask.records.values import Build


def build(  # noqa: PLR0913 - its options
    context: Context,
    *,
    locked: bool,
    check_reproducible: bool,
    load: bool,
    push: bool,
    reason: str,
) -> None:
    """Build what `modules.toml` says, or find it built."""
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
    context.output.result(document, _summary(built))


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
        "modules_delta": asdict(row.modules_delta),
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
    return "\n".join(
        f"{name:<9}{value}"
        for name, value in (
            ("build", row.id + (" (made before)" if built.cached else "")),
            ("manifest", row.manifest_hash),
            ("image", row.image_digest),
            ("name", row.image_ref),
            ("bundle", row.bundle),
        )
    )


def builds(context: Context, *, limit: int) -> None:
    """List the latest builds."""
    from xtask.records.store import open_records  # noqa: PLC0415 - start-up

    with open_records(context.settings.database_url, create=False) as records:
        found = records.builds(limit)
    header = ["BUILD", "STATUS", "MANIFEST", "CREATED", "BY", "MODULES"]
    text = table([_row(build) for build in found], header) or "no builds yet"
    context.output.result([_listed(build) for build in found], text)


def _row(build: Build) -> list[str]:
    manifest = hex_of(build.manifest_hash)[:12]
    modules = str(len(build.modules))
    return [
        build.id[:8],
        build.status,
        manifest,
        build.created_at[:19],
        build.requested_by,
        modules,
    ]


def _listed(build: Build) -> dict[str, Any]:
    keys = ["id", "status", "stage", "progress", "profile", "manifest_hash", "image_digest"]
    keys += ["config_digest", "image_ref", "bundle", "requested_by", "reason", "error"]
    keys += ["created_at", "finished_at"]
    return {key: getattr(build, key) for key in keys} | {
        "modules_delta": asdict(build.modules_delta)
    }


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
            option("--reason", default="", metavar="TEXT", help="why, for the records"),
        ),
    ),
    "builds": Command(
        "list the latest builds",
        builds,
        (LIMIT,),
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
