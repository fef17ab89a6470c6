"""One repository of one registry: what is in it, read and written.

OCI Distribution Specification 1.1. Nothing that comes back is trusted: documents are hashed before
they are returned, blobs by whoever writes them down.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from xtask.digest import canonical_json, hex_of, sha256
from xtask.errors import UntrustedError
from xtask.image.layout import INDEX_TYPE
from xtask.image.registry.documents import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    Descriptor,
    media_type_of,
    parse_index,
)
from xtask.image.registry.download import pieces
from xtask.image.registry.retries import Retries
from xtask.image.registry.transport import MAX_DOCUMENT, Request, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from xtask.image.registry.reference import Reference
    from xtask.image.registry.transport import Answer

_ACCEPT = {"Accept": ", ".join((*INDEX_TYPES, *MANIFEST_TYPES))}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_OK, _CREATED, _NOT_FOUND = 200, 201, 404
# What registries answer that do not know the referrers API; the specification names 404 only.
_NO_REFERRERS = (400, 404, 405, 501)
_NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')
_MAX_PAGES = 100


class Repository:
    """A repository of a registry; a context manager that closes its connections.

    Credentials are those of `docker login`. Failures that pass by themselves are tried again, and
    `listener` is told why there is a wait.
    """

    def __init__(
        self,
        reference: Reference,
        *,
        listener: Callable[[str], None] | None = None,
        retries: Retries | None = None,
    ) -> None:
        """Connect to nothing yet; tag and digest of the reference do not count."""
        self.name = reference.repository
        self.registry = reference.registry
        self.retries = retries or (Retries(listener=listener) if listener else Retries())
        self.transport = Transport(reference.registry, self.retries)
        self._scope = f"repository:{self.name}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.transport.__exit__(kind, error, trace)

    def resolve(self, tag_or_digest: str) -> Descriptor:
        """Return what a tag or a digest names, its digest computed from its bytes.

        Raises:
            RegistryError: there is none, or the registry does not answer.
            UntrustedError: what comes back is no image, or not what its digest says.
        """
        data, media_type = self.manifest(tag_or_digest)
        return Descriptor(media_type, sha256(data), len(data))

    def manifest(self, digest_or_tag: str) -> tuple[bytes, str]:
        """Return a manifest or an index, at most 4 MiB, and its media type.

        Raises:
            RegistryError: there is none, or the registry does not answer.
            UntrustedError: what comes back is no image, or not what its digest says.
        """
        answer = self.transport.ask(self._manifest_request("GET", digest_or_tag), _OK)
        return self._checked(answer, digest_or_tag)

    def find_manifest(self, digest_or_tag: str) -> tuple[bytes, str] | None:
        """Return what `manifest` does, or None when there is none."""
        answer = self.transport.ask(self._manifest_request("GET", digest_or_tag), _OK, _NOT_FOUND)
        return None if answer.status == _NOT_FOUND else self._checked(answer, digest_or_tag)

    def has_manifest(self, digest: str) -> bool:
        """Return whether the registry says that it has a manifest."""
        return self._has(self._manifest_request("HEAD", digest), digest)

    def has_blob(self, digest: str, size: int) -> bool:
        """Return whether the registry says that it has a blob of so many bytes."""
        request = Request("HEAD", self.url(f"blobs/{_digest(digest)}"), self.pull_scopes)
        return self._has(request, digest, size)

    def blob(self, digest: str, offset: int = 0) -> Iterator[bytes]:
        """Yield the bytes of a blob from `offset` on, asking for the rest after a drop.

        The caller limits how much it takes, and compares the digest at the end.

        Raises:
            RegistryError: there is none, or the registry does not answer.
        """
        request = Request("GET", self.url(f"blobs/{_digest(digest)}"), self.pull_scopes)
        return pieces(self.transport, request, offset)

    def referrers(self, digest: str) -> list[dict[str, Any]]:
        """Return descriptors of the manifests whose subject is `digest`, sorted by their digest.

        Registries without that API have them in an index under a tag ("Referrers Tag Schema").

        Raises:
            RegistryError: the registry does not answer.
            UntrustedError: what comes back is no index.
        """
        url: str | None = self.url(f"referrers/{_digest(digest)}")
        found: dict[str, dict[str, Any]] = {}
        for _ in range(_MAX_PAGES):
            request = Request("GET", str(url), self.pull_scopes, {"Accept": INDEX_TYPE})
            answer = self.transport.ask(request, _OK, *_NO_REFERRERS)
            if answer.status != _OK:
                return self.tagged_referrers(digest)
            found |= _described(answer.body)
            following = _NEXT.search(answer.headers.get("Link", ""))
            if following is None:
                break
            url = self.transport.followed(following[1], answer.url)
        return [found[one] for one in sorted(found)]

    def tagged_referrers(self, digest: str) -> list[dict[str, Any]]:
        """Return what the index under the fallback tag of `digest` lists."""
        found = self.find_manifest(referrers_tag(digest))
        if found is None:
            return []
        described = _described(found[0])
        return [described[one] for one in sorted(described)]

    def put_manifest(self, data: bytes, media_type: str, name: str) -> Mapping[str, str]:
        """Write a manifest or an index under its digest or a tag; return the answer's headers.

        Raises:
            RegistryError: the registry refuses it, for one because a blob is missing.
            UntrustedError: the registry has stored something else.
        """
        headers = {"Content-Type": media_type}
        request = self._manifest_request("PUT", name)._replace(
            scopes=self.push_scopes, headers=headers, body=lambda: [data], size=len(data)
        )
        answer = self.transport.ask(request, _CREATED)
        self.require_digest(answer, sha256(data))
        return answer.headers

    def require_digest(self, answer: Answer, digest: str) -> None:
        """Compare what the registry says that it has with what it should have.

        Raises:
            UntrustedError: it is something else.
        """
        stated = answer.headers.get("Docker-Content-Digest")
        if stated and stated != digest:
            raise UntrustedError(
                f"registry {self.registry} calls {digest} {stated!r:.100}",
                help="the registry or something in front of it alters what it stores",
            )

    def url(self, path: str) -> str:
        """Return an address in the repository."""
        return f"{self.transport.address}/v2/{self.name}/{path}"

    @property
    def pull_scopes(self) -> tuple[str, ...]:
        """What a token for reading is for."""
        return (f"{self._scope}:pull",)

    @property
    def push_scopes(self) -> tuple[str, ...]:
        """What a token for writing is for."""
        return (f"{self._scope}:pull,push",)

    def _manifest_request(self, method: str, name: str) -> Request:
        return Request(
            method, self.url(f"manifests/{quote(name, safe=':')}"), self.pull_scopes, _ACCEPT
        )

    def _checked(self, answer: Answer, name: str) -> tuple[bytes, str]:
        digest = sha256(answer.body)
        if _DIGEST.fullmatch(name) and name != digest:
            raise UntrustedError(
                f"registry {self.registry} sends {digest} for {name}",
                help="the registry or something in front of it alters what it sends",
            )
        self.require_digest(answer, digest)
        return answer.body, media_type_of(answer.body, answer.headers.get("Content-Type", ""))

    def _has(self, request: Request, digest: str, size: int | None = None) -> bool:
        """Ask with HEAD; where a registry redirects to, that may not be allowed: then no.

        What states another digest or size is not it: the caller sends it, and that answer counts.
        """
        answer = self.transport.ask(request, _OK, _NOT_FOUND, 403)
        if answer.status == 403 and answer.url == request.url:  # noqa: PLR2004 - forbidden
            raise self.transport.refused(request, answer.status, answer.headers, b"")
        stated = answer.headers.get("Docker-Content-Digest") or digest
        length = answer.headers.get("Content-Length") if size is not None else None
        return answer.status == _OK and stated == digest and length in {None, str(size)}


def referrers_tag(digest: str) -> str:
    """Return the tag under which registries without a referrers API keep them."""
    return f"sha256-{hex_of(_digest(digest))}"


def referrers_index(descriptors: list[dict[str, Any]]) -> bytes:
    """Return the index for that tag; the order does not depend on who pushed first."""
    ordered = sorted(descriptors, key=lambda one: str(one["digest"]))
    return canonical_json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": ordered})


def _described(data: bytes) -> dict[str, dict[str, Any]]:
    if len(data) > MAX_DOCUMENT:
        raise UntrustedError("the index of referrers is too large")
    entries = parse_index(data)
    described = json.loads(data)["manifests"]
    return {entry.descriptor.digest: one for entry, one in zip(entries, described, strict=True)}


def _digest(digest: str) -> str:
    if not _DIGEST.fullmatch(digest):
        raise UntrustedError(f"{digest!r:.100} is not sha256: and 64 hexadecimal digits")
    return digest
