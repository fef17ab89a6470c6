"""Whether an image is what somebody whom we trust has made from what it says.

The checks of SLSA 1.0, "Verifying artifacts", in its order. Nothing is read here and no clock is
asked: bytes, expectations and the time come in. Unknown fields are refused everywhere, because a
field that nobody checks is a field that nobody may rely on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.digest import hex_of, sha256, short
from xtask.errors import UntrustedError
from xtask.image.evidence import envelope, provenance, sbom
from xtask.image.evidence.strict import read_object, require_keys
from xtask.image.evidence.trust import BUILD, LOCAL_BUILDER, require_current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from xtask.image.evidence.trust import Trust, TrustedKey

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z", re.ASCII)
_SIGN = "`xtask keys sign` signs it, where a trusted key is"
NOT_SIGNED = "there is none: whoever can write in this workspace could have written all of it"

_PREDICATE = ("buildDefinition", "runDetails")
_DEFINITION = ("buildType", "externalParameters", "internalParameters", "resolvedDependencies")
_RUN = ("builder", "metadata", "byproducts")
_METADATA = ("invocationId", "startedOn", "finishedOn")
_VERSIONS = ("formats", "python", "xtask")


class Expected(NamedTuple):
    """What the records say of the image, and what evidence has to agree with."""

    reference: str
    image_digest: str
    manifest_hash: str
    platforms: tuple[str, ...]
    build_id: str
    files: Mapping[str, str]
    """The digests of the files in the bundle by their paths there."""


class Evidence(NamedTuple):
    """What was found beside the image: provenance with its media type, bill of materials."""

    provenance: bytes
    provenance_type: str
    sbom: bytes


class Check(NamedTuple):
    """One check and what came of it."""

    name: str
    ok: bool
    says: str
    help: str = ""
    """What to do about one that failed; nothing when that is not known."""


class Signed(NamedTuple):
    """Bytes, what they are said to be, and the trusted keys that have signed both."""

    payload: bytes
    payload_type: str
    signers: tuple[TrustedKey, ...]


class Statement(NamedTuple):
    """A statement whose fields are those that it may have."""

    subject: dict[str, Any]
    predicate_type: str
    predicate: dict[str, Any]

    @property
    def definition(self) -> dict[str, Any]:
        """What was built, from what."""
        return require_keys(self.predicate["buildDefinition"], _DEFINITION, "`buildDefinition`")

    @property
    def run(self) -> dict[str, Any]:
        """How it went."""
        return require_keys(self.predicate["runDetails"], _RUN, "`runDetails`")


def verify(
    evidence: Evidence, expected: Expected, trust: Trust | None, now: datetime
) -> Iterator[Check]:
    """Yield the outcome of one check after the other, up to the first that fails.

    Args:
        evidence: what was found.
        expected: what it has to say.
        trust: whom we believe; without it a statement that nobody signed passes, and says so.
        now: the time, for keys that have an end.
    """
    found: list[Signed] = []

    def signature() -> str:
        found.append(_signed(evidence, trust, now))
        names = [f"key {key.id[:16]}" for key in found[0].signers]
        return f"of {' and '.join(names)}" if names else NOT_SIGNED

    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("signature", signature),
        ("subject", lambda: _subject(_statement(found[0]), expected)),
        ("predicate", lambda: _predicate(_statement(found[0]), found[0].payload_type)),
        ("builder", lambda: _builder(_statement(found[0]), found[0].signers, expected)),
        ("parameters", lambda: _parameters(_statement(found[0]), expected)),
        ("sbom", lambda: _sbom(_statement(found[0]), evidence.sbom, expected)),
        ("files", lambda: _files(_statement(found[0]), expected)),
    )
    for name, make in checks:
        yield (check := attempt(name, make))
        if not check.ok:
            return


def attempt(name: str, check: Callable[[], str]) -> Check:
    """Return the outcome of a check that says something, or raises `UntrustedError`."""
    try:
        return Check(name, ok=True, says=check())
    except UntrustedError as error:
        return Check(name, ok=False, says=error.message, help=error.help or "")


def byproducts_of(data: bytes, media_type: str) -> dict[str, str]:
    """Return the digests of what provenance says was made beside the image, by path.

    Whoever has signed it is not asked.

    Raises:
        UntrustedError: it is no provenance.
    """
    payload = envelope.parse(data).payload if media_type == envelope.ENVELOPE_TYPE else data
    return _byproducts(_statement(Signed(payload, envelope.STATEMENT_TYPE, ())))


def builder_of(payload: bytes) -> str | None:
    """Return the `builder.id` that a statement names, None when it names none."""
    try:
        statement = _statement(Signed(payload, envelope.STATEMENT_TYPE, ()))
        found = require_keys(statement.run["builder"], ("id",), "`builder`")["id"]
    except UntrustedError:
        return None
    return found if isinstance(found, str) else None


def _signed(evidence: Evidence, trust: Trust | None, now: datetime) -> Signed:
    """Return what is signed by enough trusted keys whose time is not over."""
    if evidence.provenance_type != envelope.ENVELOPE_TYPE:
        if trust is not None:
            raise UntrustedError("nobody has signed the provenance", help=_SIGN)
        return Signed(evidence.provenance, evidence.provenance_type, ())
    if trust is None:
        raise UntrustedError(
            "the provenance is signed, and no key is trusted here",
            help="get the trust file from whoever signs, not from here: `xtask keys trust FILE`",
        )
    require_current(trust, now)
    signed = envelope.parse(evidence.provenance)
    keys = trust.of_role(BUILD)
    good = envelope.good_signatures(signed, {key.id: key.public for key in keys.values()})
    over = [one[:16] for one in sorted(good) if keys[one].is_expired(now)]
    signers = tuple(keys[one] for one in sorted(good) if not keys[one].is_expired(now))
    if len(signers) < trust.threshold[BUILD]:
        raise UntrustedError(
            f"{len(signers)} of {trust.threshold[BUILD]} keys have signed the provenance"
            + "".join(f"; key {one} has expired" for one in over),
            help=_SIGN,
        )
    return Signed(signed.payload, signed.payload_type, signers)


def _statement(signed: Signed) -> Statement:
    document = require_keys(
        read_object(signed.payload, "the statement"),
        ("_type", "subject", "predicateType", "predicate"),
        "the statement",
    )
    subjects = document["subject"]
    if document["_type"] != provenance.STATEMENT:
        raise UntrustedError("the statement is not an in-toto Statement v1")
    if not isinstance(subjects, list) or len(subjects) != 1:
        raise UntrustedError("the statement is not about one image")
    subject = require_keys(subjects[0], ("name", "digest"), "the subject")
    predicate = require_keys(document["predicate"], _PREDICATE, "the predicate")
    return Statement(subject, str(document["predicateType"]), predicate)


def _subject(statement: Statement, expected: Expected) -> str:
    if statement.subject["digest"] != {"sha256": hex_of(expected.image_digest)}:
        raise UntrustedError("the statement is about another image")
    if statement.subject["name"] != expected.reference:
        raise UntrustedError("the statement is about an image of another name")
    return f"about {short(expected.image_digest)}"


def _predicate(statement: Statement, payload_type: str) -> str:
    if payload_type != envelope.STATEMENT_TYPE:
        raise UntrustedError(f"what is signed is {payload_type!r} and no statement")
    if statement.predicate_type != provenance.PREDICATE:
        raise UntrustedError(f"the statement is {statement.predicate_type!r} and no provenance")
    return provenance.PREDICATE


def _builder(statement: Statement, signers: tuple[TrustedKey, ...], expected: Expected) -> str:
    run = statement.run
    builder = require_keys(run["builder"], ("id",), "`builder`")["id"]
    allowed = {key.builder for key in signers} or {LOCAL_BUILDER}
    if allowed != {builder}:
        raise UntrustedError(f"whoever signed may not sign as the builder {builder!r}")
    metadata = require_keys(run["metadata"], _METADATA, "`metadata`")
    if metadata["invocationId"] != expected.build_id:
        raise UntrustedError("the statement is of another build than the records name")
    moments = [metadata["startedOn"], metadata["finishedOn"]]
    if not all(isinstance(one, str) and _MOMENT.fullmatch(one) for one in moments):
        raise UntrustedError("start and end of the build are not dates and times in UTC")
    if moments != sorted(moments):
        raise UntrustedError("the build ended before it started")
    return f"{builder}, build {expected.build_id[:8]}, finished {moments[1]}"


def _parameters(statement: Statement, expected: Expected) -> str:
    definition = statement.definition
    if definition["buildType"] != provenance.BUILD_TYPE:
        raise UntrustedError(f"the build is of the unknown type {definition['buildType']!r}")
    wanted = provenance.parameters(expected.manifest_hash, expected.platforms)
    given = require_keys(definition["externalParameters"], wanted, "`externalParameters`")
    if wrong := [key for key in sorted(wanted) if given[key] != wanted[key]]:
        raise UntrustedError(f"`{wrong[0]}` is another one than that of the build")
    require_keys(
        definition["internalParameters"], _VERSIONS, "`internalParameters`", optional=("revision",)
    )
    materials = definition["resolvedDependencies"]
    if not isinstance(materials, list):
        raise UntrustedError("`resolvedDependencies` is not a list")
    for one in materials:
        require_keys(one, ("name", "digest"), "a dependency", optional=("uri",))
    return f"made from {short(expected.manifest_hash)} and {len(materials)} dependencies"


def _sbom(statement: Statement, data: bytes, expected: Expected) -> str:
    if _byproducts(statement).get(provenance.SBOM_NAME) != sha256(data):
        raise UntrustedError("the bill of materials is not the one that the statement names")
    document = read_object(data, "the bill of materials")
    metadata = document.get("metadata")
    component = metadata.get("component") if isinstance(metadata, dict) else None
    if not isinstance(component, dict) or component.get("version") != expected.image_digest:
        raise UntrustedError("the bill of materials is of another image")
    if document.get("serialNumber") != sbom.serial_number(expected.manifest_hash):
        raise UntrustedError("the bill of materials is of another manifest hash")
    components = document.get("components")
    return f"{len(components) if isinstance(components, list) else 0} components"


def _files(statement: Statement, expected: Expected) -> str:
    named = _byproducts(statement)
    if missing := provenance.NAMED - named.keys():
        raise UntrustedError(f"the statement does not name {min(missing)}", help="build again")
    for name, digest in named.items():
        if expected.files.get(name) != digest:
            raise UntrustedError(
                f"{name} in the bundle is not the one that the statement names",
                help=f"remove {name} there, then build the same commit again",
            )
    return f"{len(named)} files of the bundle are as they were made"


def _byproducts(statement: Statement) -> dict[str, str]:
    """Return the digest of each file that was made beside the image by its path in the bundle."""
    listed, found = statement.run["byproducts"], dict[str, str]()
    if not isinstance(listed, list):
        raise UntrustedError("`byproducts` is not a list")
    for each in listed:
        named = require_keys(each, ("name", "digest"), "a byproduct")
        digest = require_keys(named["digest"], ("sha256",), "the digest of a byproduct")["sha256"]
        if found.setdefault(str(named["name"]), f"sha256:{digest}") != f"sha256:{digest}":
            raise UntrustedError(f"the byproduct {named['name']!r} is there twice")
    return found
