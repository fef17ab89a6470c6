"""Migrations as a step of a promotion: before the candidate starts, while the old one serves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from xtask.errors import XtaskError
from xtask.pipeline.releasing.candidate import candidate_in, read_bundle, with_secrets
from xtask.pipeline.releasing.environment import rules_if_readable
from xtask.pipeline.releasing.plan import Pending
from xtask.release.deployment import Site
from xtask.release.target import migrator

if TYPE_CHECKING:
    from xtask.pipeline.progress import Progress
    from xtask.pipeline.releasing.plan import Plan
    from xtask.records.store import Records
    from xtask.records.values import Release
    from xtask.release.deployment import Deployment
    from xtask.settings import Settings


def migrated(
    settings: Settings,
    progress: Progress,
    records: Records,
    release: Release,
    candidate: Deployment,
) -> Deployment:
    """Bring the database of an environment to a candidate; return it as one that need not do it.

    Nothing is done for a build without migrations, where the product's host or the target cannot
    do it (the host migrates when it starts then), and on the way back.

    Raises:
        TargetError: a migration failed, and nothing of any was done; what served before serves.
    """
    runner = migrator(release.target)
    bundle = read_bundle(settings.workspace, records.build(release.build_id))
    if runner is None or not bundle.migrates or release.kind != "promote":
        return candidate
    rules = rules_if_readable(settings.workspace, release.environment)
    with progress.stage("migrate") as stage:
        entrusted = with_secrets(settings.workspace, records, release, candidate)
        done = runner.migrate(entrusted, backup=rules.backs_up(release.migration_class))
        copied = f"; before: {done.backup}" if done.backup else ""
        stage.detail = f"{', '.join(done.migrations) or 'nothing is pending'}{copied}"
    return replace(candidate, migrated=True)


def find_pending(settings: Settings, progress: Progress, plan: Plan) -> Pending | None:
    """Return what a promotion would run; nothing for a build without migrations.

    The image is loaded where the target lacks it, as the promotion would do.
    """
    step, active = plan.step, plan.active
    bundle = read_bundle(settings.workspace, step.build)
    runner = migrator(step.target)
    if not bundle.has_migrations:
        return None
    if runner is None or not bundle.migrates:
        who = f"target `{step.target}`" if runner is None else "the product's host"
        return Pending(None, f"{who} has no step for them: they run when the product starts")
    if active is None or active.target != step.target:
        return Pending(None, f"nothing serves on `{step.target}`, so that no database is known")
    site = Site(bundle.app, step.environment.name, step.port)
    with progress.stage("migrate") as stage:
        stage.detail = "dry run"
        try:
            candidate = candidate_in(settings.workspace, step.build, site, plan.given)
            found = runner.migrate(candidate, dry_run=True)
        except XtaskError as error:
            return Pending(None, error.message)
    return Pending(found.migrations)
