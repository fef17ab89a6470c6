"""The story of `verify`: hash everything again, then ask who vouches for it.

Also the story of `keys sign`, which verifies all but the signature before it adds one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from xtask.digest import short
from xtask.errors import RefusedError, UntrustedError, UsageError
from xtask.files import locked, write_atomic
from xtask.image.evidence import cosign, envelope, referrers
from xtask.image.evidence.provenance import PROVENANCE_NAME, SBOM_NAME
from xtask.image.evidence.sbom import SBOM_TYPE
from xtask.image.evidence.trust import BUILD
from xtask.image.evidence.verification import Check, Evidence, Expected, attempt, builder_of
from xtask.image.evidence.verification import verify as verified
from xtask.image.layout import Layout
from xtask.pipeline import bundles
from xtask.pipeline.building.attest import bill_artifact, provenance_artifact
from xtask.pipeline.signing import signing
from xtask.pipeline.trusting import read_trust_file, trusted
from xtask.records.store import open_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from xtask.image.evidence.trust import Trust
    from xtask.pipeline.progress import Progress
    from xtask.records.values import Build
    from xtask.settings import Settings, Workspace

_MANY = 10_000


@dataclass(frozen=True, slots=True)
class Verified:
    """A build, and the checks of it up to the first that failed."""

    build: Build
    is_signed: bool
    checks: tuple[Check, ...]

    @property
    def failed(self) -> Check | None:
        """The check that failed, None when all is well."""
        return next((check for check in self.checks if not check.ok), None)


def verify(
    settings: Settings,
    progress: Progress,
    *,
    what: str,
    trust_file: Path | None,
    now: datetime,
) -> Verified:
    """Check everything about a build that can be checked without making it again.

    Args:
        settings: where, which records.
        progress: who is told.
        what: a build id, a manifest hash or a release id; empty for the latest build.
        trust_file: whom to believe instead of whom this workspace believes.
        now: the time.

    Raises:
        RefusedError: there is no such build, or it has no image.
        UntrustedError: the trust file is damaged.
    """
    workspace = settings.workspace
    build = _build(settings, what)
    signed = read_trust_file(trust_file) if trust_file else trusted(workspace)
    found: list[Evidence] = []
    with progress.stage("verify") as stage:
        checks = [*_checks(workspace, build, signed.trust if signed else None, now, found)]
        stage.detail = f"build {build.id[:8]}, checks passed: {sum(one.ok for one in checks)}"
    is_signed = bool(found) and found[0].provenance_type == envelope.ENVELOPE_TYPE
    return Verified(build, is_signed, tuple(checks))


def sign(settings: Settings, progress: Progress, *, what: str, now: datetime) -> Verified:
    """Add the signatures of the keys that are here to the provenance of a build.

    Raises:
        RefusedError: there is no such build, or it has no image.
        UsageError: there is no key here that can sign.
        UntrustedError: what would be signed does not hold.
    """
    workspace, who = settings.workspace, signing(settings, now)
    signed = trusted(workspace)
    if signed is None or not who.signers:
        raise UsageError("there is no key here that signs builds", help="xtask keys list")
    build = _build(settings, what)
    layout, image = Layout(workspace.layout), str(build.image_digest)
    with progress.stage("sign") as stage, locked(workspace.releases / ".build.lock"):
        for check in _stored(workspace, build):
            _require(check)
        expected, found = _expected(workspace, build), _evidence(layout, image)
        payload, kept = _signed_by_others(found, signed.trust)
        _require_builder(payload, who.builder, workspace.root / str(build.bundle))
        made = envelope.sign(payload, envelope.STATEMENT_TYPE, who.signers, kept).document()
        evidence = Evidence(made, envelope.ENVELOPE_TYPE, found.sbom)
        enough = replace(signed.trust, threshold={**signed.trust.threshold, BUILD: 1})
        checks = tuple(verified(evidence, expected, enough, now))
        for check in checks:
            _require(check)
        repository = str(build.image_ref).rpartition(":")[0]
        others = cosign.signatures(referrers.attached(layout, image).get(cosign.COSIGN_KIND))
        signatures = others | cosign.sign_image(image, repository, who.signers)
        bundle = workspace.root / str(build.bundle)
        write_atomic(bundle / PROVENANCE_NAME, made)
        referrers.attach(
            layout,
            image,
            [
                bill_artifact(found.sbom),
                cosign.cosign_artifact(image, repository, signatures),
                provenance_artifact(made, envelope.ENVELOPE_TYPE),
            ],
        )
        stage.detail = f"build {build.id[:8]}"
    return Verified(build, is_signed=True, checks=checks)


def _build(settings: Settings, what: str) -> Build:
    with open_records(settings.database_url, create=False) as records:
        found = (
            records.find_build(what)
            if what
            else next((row for row in records.builds(limit=_MANY) if row.image_digest), None)
        )
    if found is None:
        raise RefusedError("no build has succeeded yet", help="make one: xtask build")
    if found.image_digest is None:
        raise RefusedError(f"build {found.id[:8]} is {found.status}: it has no image")
    return found


def _checks(
    workspace: Workspace,
    build: Build,
    trust: Trust | None,
    now: datetime,
    found: list[Evidence],
) -> Iterator[Check]:
    """Yield the checks in their order, up to the first that fails."""
    for check in _stored(workspace, build):
        yield check
        if not check.ok:
            return
    yield from _vouched(workspace, build, trust, now, found)


def doubt(workspace: Workspace, build: Build, now: datetime) -> str:
    """Return why nobody whom this workspace trusts vouches for a build; nothing when one does.

    The bytes of its image are not hashed here.

    Raises:
        UntrustedError: the trust file is damaged.
    """
    signed = trusted(workspace)
    if signed is None:
        return "no key is trusted here"
    for check in _vouched(workspace, build, signed.trust, now, []):
        if not check.ok:
            return f"{check.name}: {check.says}"
    return ""


def _vouched(
    workspace: Workspace,
    build: Build,
    trust: Trust | None,
    now: datetime,
    found: list[Evidence],
) -> Iterator[Check]:
    """Yield what the evidence beside an image says of it, up to the first check that fails."""
    layout, expected = Layout(workspace.layout), list[Expected]()

    def evidence() -> str:
        image = str(build.image_digest)
        found.append(_evidence(layout, image))
        referrers.require_blobs(layout, referrers.attached(layout, image).values())
        _require_same_copies(workspace, build, found[0])
        expected.append(_expected(workspace, build))
        return f"{SBOM_NAME} and {PROVENANCE_NAME}, in the layout and in the bundle"

    yield (check := attempt("evidence", evidence))
    if check.ok:
        yield from verified(found[0], expected[0], trust, now)


def _stored(workspace: Workspace, build: Build) -> Iterator[Check]:
    """Yield what hashing everything that is stored says."""
    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("image", lambda: _image(workspace, build)),
        ("index", lambda: _index(workspace, build)),
        ("bundle", lambda: _bundle(workspace, build)),
    )
    for name, make in checks:
        yield (check := attempt(name, make))
        if not check.ok:
            return


def _image(workspace: Workspace, build: Build) -> str:
    Layout(workspace.layout).verify(str(build.image_digest))
    return f"{short(str(build.image_digest))} and all that it names"


def require_intact(workspace: Workspace, build: Build) -> None:
    """Hash the image and look at the bundle of a build, whoever vouches for them.

    Raises:
        UntrustedError: something is gone or altered.
    """
    _image(workspace, build)
    _bundle(workspace, build)


def _index(workspace: Workspace, build: Build) -> str:
    """Check that the name of the image leads to it."""
    layout, reference = Layout(workspace.layout), str(build.image_ref)
    layout.require_marker()
    listed = layout.named(reference)
    wanted = referrers.descriptor(layout, str(build.image_digest))
    if listed is None or any(listed.get(key) != value for key, value in wanted.items()):
        raise UntrustedError(f"index.json does not lead from {reference} to this image")
    return reference


def _bundle(workspace: Workspace, build: Build) -> str:
    """Check that the bundle is of this build."""
    bundles.plan(workspace, build)
    bundles.image(workspace, build)
    return f"plan.json and image.json are of {short(build.manifest_hash)}"


def _require_same_copies(workspace: Workspace, build: Build, found: Evidence) -> None:
    for name, data in ((SBOM_NAME, found.sbom), (PROVENANCE_NAME, found.provenance)):
        if bundles.read(workspace, build, name) != data:
            raise UntrustedError(
                f"{name} in the bundle is another one than in the layout",
                help=bundles.way_out(workspace, build, name),
            )


def _evidence(layout: Layout, image: str) -> Evidence:
    found = referrers.attached(layout, image)
    for kind in (SBOM_TYPE, envelope.STATEMENT_TYPE):
        if kind not in found:
            raise UntrustedError(f"there is no evidence of the kind {kind}", help="build again")
    bill, _ = referrers.content(layout, found[SBOM_TYPE])
    provenance, kind = referrers.content(layout, found[envelope.STATEMENT_TYPE])
    return Evidence(provenance, kind, bill)


def _expected(workspace: Workspace, build: Build) -> Expected:
    """Return what evidence has to say; the bundle's plan is what the manifest hash is of."""
    named = bundles.plan(workspace, build)["platform"]
    return Expected(
        str(build.image_ref),
        str(build.image_digest),
        build.manifest_hash,
        tuple(named) if isinstance(named, list) else (named,),
        build.id,
        bundles.files(workspace, build),
    )


def _signed_by_others(found: Evidence, trust: Trust) -> tuple[bytes, list[envelope.Signature]]:
    """Return what is to be signed, and the signatures of trusted keys that it has."""
    if found.provenance_type != envelope.ENVELOPE_TYPE:
        return found.provenance, []
    signed, keys = envelope.parse(found.provenance), trust.of_role(BUILD)
    kept = [one for one in signed.signatures if one.key_id in keys]
    return signed.payload, kept


def _require_builder(payload: bytes, builder: str, bundle: Path) -> None:
    """Refuse provenance of another builder than the keys sign as, with the way out."""
    if (said := builder_of(payload)) not in {None, builder}:
        raise UntrustedError(
            f"the provenance names the builder {said!r}, and the keys here sign as {builder!r}",
            help=f"attest it again with these keys: `rm {bundle / PROVENANCE_NAME}`, then `xtask "
            "build` with the sources of that build, which signs it",
        )


def _require(check: Check) -> None:
    if not check.ok:
        raise UntrustedError(f"{check.name}: {check.says}")


def document(verified: Verified) -> dict[str, Any]:
    """Return what was found as a JSON value."""
    build = verified.build
    return {
        "build_id": build.id,
        "manifest_hash": build.manifest_hash,
        "image_digest": build.image_digest,
        "verified": verified.failed is None,
        "signed": verified.is_signed,
        "checks": [
            {"check": check.name, "ok": check.ok, "says": check.says} for check in verified.checks
        ],
    }
