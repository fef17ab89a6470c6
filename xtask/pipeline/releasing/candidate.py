"""What a build is to a target: the bundle read back, something to run, an image to try out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.diagnostics import Problems
from xtask.errors import RefusedError, UntrustedError
from xtask.image.archive import hybrid_archive
from xtask.image.base.installation import machine_platform
from xtask.image.layout import Layout
from xtask.manifest.composition import read_composition
from xtask.manifest.environments import TRIAL
from xtask.pipeline import bundles
from xtask.pipeline.releasing import configuration
from xtask.release.deployment import Deployment, Request, Site
from xtask.resolve.plan import Base

if TYPE_CHECKING:
    from xtask.pipeline.progress import Progress
    from xtask.records.store import Records
    from xtask.records.values import Build, Release
    from xtask.release.docker.trial import Running
    from xtask.settings import Settings, Workspace


class Bundle(NamedTuple):
    """What a release needs to know of a bundle.

    Of several platforms it is about this machine's, or else the first by name. `requests` are
    what its modules say that answers while they are well; of a release, what its environment wants
    to be answered too. `addresses` are where its target is asked. `has_migrations` says whether a
    module has any, and `migrates` whether the product's host can be run to apply them.
    """

    app: str
    reference: str
    image_digest: str
    config_digest: str
    diff_ids: tuple[str, ...]
    requests: tuple[Request, ...]
    addresses: tuple[str, ...] = ()
    has_migrations: bool = False
    migrates: bool = False

    def site(self, release: Release) -> Site:
        """Return where a release of it is found."""
        return Site(self.app, release.environment, release.port, self.addresses)


def bundle_of(workspace: Workspace, records: Records, release: Release) -> Bundle:
    """Return what the bundle of a release says of its image, and where and how it is looked at.

    Raises:
        UntrustedError: the bundle is gone or damaged, or the configuration is.
    """
    bundle = read_bundle(workspace, records.build(release.build_id))
    given = records.configuration(release)
    return bundle._replace(
        requests=(*bundle.requests, *configuration.requests(given)),
        addresses=configuration.addresses(given),
    )


def read_bundle(workspace: Workspace, build: Build) -> Bundle:
    """Return what the bundle of a build says of its image.

    Raises:
        UntrustedError: the bundle is gone or damaged, or is about another image than the build.
    """
    found = bundles.image(workspace, build)
    try:
        modules = bundles.plan(workspace, build)["facts"]["modules"]
        has_migrations = any(module["migrations"] for module in modules)
        platforms = found.get("platforms") or {"": found}
        image = platforms.get(machine_platform()) or platforms[min(platforms)]
        bundle = Bundle(
            found["app"],
            found["reference"],
            image["image_digest"],
            image["config_digest"],
            tuple(image["diff_ids"]),
            _health(modules),
            has_migrations=has_migrations,
            migrates=has_migrations and any(module.get("migrate") for module in modules),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise UntrustedError(f"the bundle of build {build.id[:8]} describes no image") from error
    if "platforms" in found and bundle.image_digest not in _manifests(workspace, build):
        raise UntrustedError(
            f"the bundle of build {build.id[:8]} names another image for a platform"
        )
    return bundle


def _health(modules: list[dict[str, Any]]) -> tuple[Request, ...]:
    """Return a request for each module that names a path for it, in dependency order."""
    paths = [module["health"] for module in modules]
    return tuple(Request(path) for path in dict.fromkeys(paths) if path)


def _manifests(workspace: Workspace, build: Build) -> set[str]:
    return {*Layout(workspace.layout).platforms(str(build.image_digest)).values()}


def read_surfaces(workspace: Workspace, build: Build) -> dict[str, dict[str, Any]]:
    """Return what the bundle of a build keeps of what the code of each module promises.

    Raises:
        UntrustedError: the bundle is gone or damaged.
    """
    return bundles.read_json(workspace, build, "surface.json")


def base_of(workspace: Workspace, build: Build) -> Base:
    """Return what the image of a build stands on.

    Raises:
        UntrustedError: the bundle is gone, or its plan is not the one that the build was made from.
    """
    base = bundles.plan(workspace, build)["base"]
    # Of several platforms each has its own; name and kind are the same.
    return Base(**(base if "name" in base else next(iter(base.values()))))


def facts_of(workspace: Workspace, build: Build) -> list[dict[str, Any]]:
    """Return what the manifests of a build's modules said when it was made.

    Raises:
        UntrustedError: the bundle is gone, or its plan is not the one that the build was made from.
    """
    modules: list[dict[str, Any]] = bundles.plan(workspace, build)["facts"]["modules"]
    return modules


def deployment(workspace: Workspace, records: Records, release: Release) -> Deployment:
    """Return a release as something to run in its environment, without the values of secrets.

    Its errors are those of `runnable`.
    """
    build, given = records.build(release.build_id), records.configuration(release)
    candidate = runnable(workspace, build)
    addresses = configuration.addresses(given)
    return replace(
        candidate,
        site=Site(candidate.site.app, release.environment, release.port, addresses),
        release_id=release.id,
        generation=release.generation or 0,
        configuration=configuration.configured(given, facts_of(workspace, build)),
        requests=(*candidate.requests, *configuration.requests(given)),
    )


def candidate_in(
    workspace: Workspace, build: Build, site: Site, given: configuration.Document | None
) -> Deployment:
    """Return a build as something to try out in an environment, without being a release there.

    Raises:
        RefusedError: the build has no image, or a secret is not there.
        UntrustedError: its bundle is gone, damaged, or about another image.
    """
    return replace(
        runnable(workspace, build),
        site=site._replace(addresses=configuration.addresses(given)),
        configuration=configuration.configured(given, facts_of(workspace, build)),
        secrets=configuration.read_secrets(workspace.root, given),
    )


def with_secrets(
    workspace: Workspace, records: Records, release: Release, found: Deployment
) -> Deployment:
    """Return the deployment of a release with the values of its secrets, which are read now.

    Raises:
        RefusedError: some of them are not there.
    """
    given = records.configuration(release)
    return replace(found, secrets=configuration.read_secrets(workspace.root, given))


def runnable(workspace: Workspace, build: Build) -> Deployment:
    """Return a build as something to run, not yet as a release of any environment.

    Raises:
        RefusedError: it has no image.
        UntrustedError: its bundle is gone, damaged, or about another image.
    """
    layout = Layout(workspace.layout)
    if build.image_digest is None:
        raise RefusedError(f"build {build.id[:8]} is {build.status}: it has no image")
    bundle = read_bundle(workspace, build)
    return Deployment(
        site=Site(bundle.app, TRIAL, 0),
        release_id=f"build_{build.id[:8]}",
        generation=0,
        manifest_hash=build.manifest_hash,
        image_digest=bundle.image_digest,
        config_digest=bundle.config_digest,
        image_reference=bundle.reference,
        archive=lambda known: hybrid_archive(
            layout, bundle.image_digest, name=bundle.reference, known=known
        ),
        layers=bundle.diff_ids,
        requests=bundle.requests,
    )


def load_image(settings: Settings, progress: Progress, build: Build) -> str:
    """Load a build's image into the Docker Engine and return the id that it has there."""
    from xtask.release.docker.engine import ensure_image  # noqa: PLC0415 - start-up

    with progress.stage("load"):
        return ensure_image(runnable(settings.workspace, build))


def try_image(settings: Settings, progress: Progress, build: Build, *, port: int) -> Running:
    """Start a build once on a loopback port (0: a free one) and wait until it is ready."""
    from xtask.release.docker.trial import run  # noqa: PLC0415 - start-up

    with progress.stage("run"):
        candidate = runnable(settings.workspace, build)
        return run(replace(candidate, site=candidate.site._replace(port=port)))


def stop_trial(settings: Settings, progress: Progress) -> bool:
    """Stop what `try_image` started for this product; return whether there was something.

    Raises:
        InvalidError: `modules.toml` does not say which product this is.
        TargetError: the engine refuses.
    """
    from xtask.release.docker.trial import stop  # noqa: PLC0415 - start-up

    problems = Problems()
    composition = read_composition(settings.workspace.manifest, problems)
    if composition is None or not composition.app:
        problems.raise_if_any()
        return False
    with progress.stage("stop"):
        return stop(Site(composition.app, TRIAL, 0))
