"""Evidence of a build: bill of materials, provenance, signatures, attached to its image."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import xtask
from xtask.digest import sha256
from xtask.image.evidence import cosign, provenance
from xtask.image.evidence.distributions import Distribution, distributions, stated
from xtask.image.evidence.envelope import ENVELOPE_TYPE, STATEMENT_TYPE, sign
from xtask.image.evidence.provenance import PROVENANCE_NAME, SBOM_NAME, Material
from xtask.image.evidence.referrers import Artifact, Part, attach
from xtask.image.evidence.sbom import (
    SBOM_TYPE,
    BasePart,
    Contents,
    ModulePart,
    PackagePart,
    package_purl,
    sbom,
)
from xtask.image.layout import Layout
from xtask.package.git import git
from xtask.package.target import RUNNING
from xtask.pipeline.signing import signing, unsigned
from xtask.process import ProcessError
from xtask.records.values import timestamp
from xtask.resolve.lock import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from xtask.diagnostics import Diagnostic
    from xtask.image.assemble import Image
    from xtask.image.product import ProductLayer
    from xtask.package.wheels import Wheel
    from xtask.pipeline.building.planning import Planned
    from xtask.records.values import Build
    from xtask.resolve.plan import Plan
    from xtask.settings import Settings

PREDICATE = "in-toto.io/predicate-type"


class Made(NamedTuple):
    """What a build has made: its image, and the wheels in it by platform and name.

    `files` are those of the bundle by path, without the evidence; `described` says what `described`
    found in the layers.
    """

    planned: Planned
    image: Image
    files: dict[str, bytes]
    wheels: Mapping[str, Mapping[str, Wheel]]
    described: tuple[Distribution, ...]

    @property
    def distinct_wheels(self) -> dict[str, tuple[Wheel, ...]]:
        """The wheels of all platforms by name, each once."""
        found: dict[str, dict[str, Wheel]] = {}
        for some in self.wheels.values():
            for name, wheel in some.items():
                found.setdefault(name, {})[wheel.digest] = wheel
        return {name: tuple(each[one] for one in sorted(each)) for name, each in found.items()}


class Attested(NamedTuple):
    """Evidence as files of the bundle by name, and the ids of the keys that have signed it.

    `warnings` say that nobody has, where somebody is expected to.
    """

    files: dict[str, bytes]
    signers: tuple[str, ...]
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def says(self) -> str:
        """What a stage shows of it."""
        if not self.signers:
            return "not signed: no key"
        return "signed by " + ", ".join(one[:8] for one in self.signers)


def attest(
    made: Made, row: Build, settings: Settings, *, started: datetime, finished: datetime
) -> Attested:
    """Attach bill of materials and provenance to the image, signed when there is a key for it.

    Args:
        made: what was built.
        row: the record of the build.
        settings: where the keys and the layout are.
        started: when the build began.
        finished: when the image was there; keys have to have time left then.

    Raises:
        UsageError: there are keys, and none of them can sign.
        UntrustedError: others may read a key.
    """
    plan, image = made.planned.plan, made.image
    who = signing(settings, finished)
    bill = sbom(contents(made))
    statement = provenance.statement(
        provenance.Subject(
            image.reference,
            image.digest,
            plan.manifest_hash,
            tuple(plan.selection.composition.platforms),
            {name: sha256(data) for name, data in (made.files | {SBOM_NAME: bill}).items()},
        ),
        frozenset(_materials(made)),
        _versions(plan.formats, settings.workspace.root),
        provenance.Run(who.builder, row.id, timestamp(started), timestamp(finished)),
    )
    signed, kind = statement, STATEMENT_TYPE
    artifacts = [bill_artifact(bill)]
    if who.signers:
        signed, kind = sign(statement, STATEMENT_TYPE, who.signers).document(), ENVELOPE_TYPE
        repository = plan.selection.composition.repository
        signatures = cosign.sign_image(image.digest, repository, who.signers)
        artifacts.append(cosign.cosign_artifact(image.digest, repository, signatures))
    artifacts.append(provenance_artifact(signed, kind))
    attach(Layout(settings.workspace.layout), image.digest, artifacts)
    return Attested(
        {SBOM_NAME: bill, PROVENANCE_NAME: signed},
        tuple(signer.public_key.keyid for signer in who.signers),
        () if who.signers else unsigned(settings),
    )


def bill_artifact(data: bytes) -> Artifact:
    """Return a bill of materials as evidence."""
    return Artifact(SBOM_TYPE, (Part(data, SBOM_TYPE),))


def provenance_artifact(data: bytes, media_type: str) -> Artifact:
    """Return provenance, an envelope or a statement that nobody has signed, as evidence."""
    return Artifact(STATEMENT_TYPE, (Part(data, media_type),), {PREDICATE: provenance.PREDICATE})


def described(layers: Mapping[str, Mapping[str, ProductLayer]]) -> tuple[Distribution, ...]:
    """Return what the layers of all platforms hold, which are unpacked, as that describes itself.

    Wheels of two platforms may describe one package differently: that is two distributions.
    """
    sites = {layer.site for some in layers.values() for layer in some.values()}
    return tuple(sorted({part for site in sites for part in distributions(site)}))


def contents(made: Made) -> Contents:
    """Return what is in the image, as the layers hold it and the lock explains it."""
    plan, composition = made.planned.plan, made.planned.plan.selection.composition
    wheels = made.distinct_wheels
    owners = {_of_wheel(wheel): name for name, some in wheels.items() for wheel in some}
    # Of two that describe one package the last one counts: the same one in every process.
    own = {owners.get(normalised(part.name), ""): part for part in made.described}
    modules = {module.name for module in plan.selection.modules}
    third_party = [
        part for part in made.described if owners.get(normalised(part.name), "") not in modules
    ]
    return Contents(
        app=composition.app,
        app_version=composition.app_version or "",
        repository=composition.repository,
        image_digest=made.image.digest,
        manifest_hash=plan.manifest_hash,
        bases=tuple(
            BasePart(base.platform, base.name, base.digest, base.python) for base in plan.bases
        ),
        modules=tuple(_modules(plan, wheels, own)),
        packages=tuple(_packages(plan, wheels, third_party)),
    )


def _modules(
    plan: Plan, wheels: Mapping[str, tuple[Wheel, ...]], own: Mapping[str, Distribution]
) -> Iterator[ModulePart]:
    locked = {module.name: module for module in plan.lock.modules}
    for module in plan.selection.modules:
        part, made = own.get(module.name), wheels.get(module.name, ())
        yield ModulePart(
            name=module.name,
            version=module.version or (part.version if part else ""),
            dialect=module.dialect,
            source=_without_secrets(locked[module.name].source),
            digest=plan.sources[module.name],
            licences=part.licences if part and any(part.licences) else stated(module.license),
            requires=tuple(plan.selection.needs[module.name]),
            wheel=made[0].path.name if made else "",
            wheel_digest=made[0].digest if made else "",
            distribution=normalised(part.name) if part else "",
            published=part.version if part and module.root is None else "",
        )


def _packages(
    plan: Plan, wheels: Mapping[str, tuple[Wheel, ...]], found: Iterable[Distribution]
) -> Iterator[PackagePart]:
    parts = {normalised(part.name): part for part in found}
    declared = {
        normalised(module.name): (module.name, {_named(text) for text in module.dependencies})
        for module in plan.lock.modules
    }
    files: dict[str, set[tuple[str, str]]] = {}
    for wheel in (wheel for some in wheels.values() for wheel in some):
        files.setdefault(_of_wheel(wheel), set()).add((wheel.path.name, wheel.digest))
    for name, part in sorted(parts.items()):
        locked = plan.lock.package(name)
        asked = locked.required_by if locked else ()
        # A lock names modules and packages alike, and one of each may have one name.
        of_modules = {
            one
            for one in asked
            if one in declared and (one not in parts or name in declared[one][1])
        }
        yield PackagePart(
            name=name,
            version=part.version,
            licences=part.licences,
            wheels=tuple(sorted(files.get(name, ()))),
            required_by_modules=tuple(sorted(declared[one][0] for one in of_modules)),
            required_by_packages=tuple(sorted((set(asked) - of_modules) & parts.keys())),
        )


def _named(requirement: str) -> str:
    """Return the normalised name at the start of a requirement (PEP 508)."""
    return normalised(re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0])


def _materials(made: Made) -> Iterator[Material]:
    """Yield what went into the image: modules, third-party wheels, layers of the base."""
    plan = made.planned.plan
    locked = {module.name: module.source for module in plan.lock.modules}
    for name, digest in plan.sources.items():
        yield Material(f"module {name}", digest, _address(locked[name]))
    for name, wheels in made.distinct_wheels.items():
        if name not in plan.sources:
            package, _, version = name.partition("==")
            for wheel in wheels:
                yield Material(
                    f"wheel {wheel.path.name}", wheel.digest, package_purl(package, version)
                )
    for base in made.planned.bases.values():
        for layer in base.layers:
            yield Material(f"base layer for {base.platform}", layer.digest)


def _versions(formats: Mapping[str, object], root: Path) -> Mapping[str, object]:
    """Return what the caller of a build does not choose, and the commit that was checked out."""
    found = {
        "formats": formats, "python": RUNNING, "xtask": xtask.__version__
    }  # fmt: skip
    revision = _revision(root)
    return found | ({"revision": revision} if revision else {})


def _revision(root: Path) -> str:
    try:
        return git(root, "rev-parse", "--verify", "HEAD").strip()
    except ProcessError:
        return ""


def _address(source: str) -> str:
    """Return what a lock says of a source as a URI (SPDX download location), if it is one."""
    kind, _, rest = source.partition(" ")
    if kind != "git":
        return ""
    url, rev, path = [*rest.split(" "), "", ""][:3]
    return f"git+{_without_userinfo(url)}@{rev}#{path}"


def _without_secrets(source: str) -> str:
    return " ".join(
        _without_userinfo(word) if "://" in word else word for word in source.split(" ")
    )


def _without_userinfo(url: str) -> str:
    """Return an address without the name and password that it may have."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _of_wheel(wheel: Wheel) -> str:
    """Return the normalised name of the distribution in a wheel file."""
    return normalised(wheel.path.name.split("-", 1)[0])
