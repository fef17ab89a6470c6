"""A build, or a release, as a file for somebody who deploys in another way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from xtask.digest import hex_of
from xtask.pipeline.releasing import configuration
from xtask.pipeline.releasing.candidate import facts_of, runnable
from xtask.pipeline.releasing.environment import rules_of
from xtask.records.store import open_records
from xtask.release.deployment import Site
from xtask.release.rendering import render as rendered

if TYPE_CHECKING:
    from xtask.release.rendering import Rendered
    from xtask.settings import Settings

_SHOWN_DIGITS = 12


def render(settings: Settings, *, what: str, environment: str, form: str) -> Rendered:
    """Return a build in an environment of `modules.toml` as a file; nothing is written.

    It names the release after the manifest hash, so that equal products are equal files on every
    machine, and of several platforms the index of all.

    Args:
        settings: of which workspace.
        what: a build id, a manifest hash or a release id.
        environment: its name in `modules.toml`.
        form: a name of `rendering.FORMATS`.

    Raises:
        UsageError: there is no such environment, or its configuration cannot be said in the format.
        InvalidError: `modules.toml`, or a setting of a module there, is not what it should be.
        RefusedError: the build has no image.
        UntrustedError: its bundle is gone or damaged.
    """
    rules = rules_of(settings.workspace, environment)
    with open_records(settings.database_url, create=False) as records:
        build = records.find_build(what)
    found, facts = runnable(settings.workspace, build), facts_of(settings.workspace, build)
    given = configuration.take(rules, facts)
    deployment = replace(
        found,
        site=Site(found.site.app, environment, rules.port),
        configuration=configuration.configured(given, facts),
        release_id=f"manifest_{hex_of(build.manifest_hash)[:_SHOWN_DIGITS]}",
        image_digest=build.image_digest or found.image_digest,
    )
    return rendered(deployment, form)
