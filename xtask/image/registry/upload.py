"""One blob into a repository: mounted from another one, at once, or in chunks that can be resumed.

OCI Distribution Specification 1.1, "Pushing blobs".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from xtask.digest import sha256_file
from xtask.errors import UntrustedError
from xtask.image.registry.errors import RegistryError
from xtask.image.registry.transport import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from xtask.image.registry.client import Repository
    from xtask.image.registry.documents import Descriptor
    from xtask.image.registry.transport import Answer

CHUNK = 64 << 20
"""Bytes of one request: gateways in front of registries refuse more than about 100 MB."""

_SMALL_CHUNK = 8 << 20
_PIECE = 1 << 18
_MAX_MINIMUM = 1 << 30
# Less than that between two drops is no progress: the upload would take for ever.
_PROGRESS = 1 << 20
_CREATED, _ACCEPTED, _NO_CONTENT = 201, 202, 204
_TOO_LARGE = 413
# The answers of a registry that has forgotten an upload, or counts its bytes differently.
_LOST = frozenset({400, 404, 416})
_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,18})")
_RESTARTS = 2
# Without the right to read a repository one cannot mount from it, and uploads instead.
_NOT_MOUNTED = (400, 401, 403, 404, 405)


@dataclass(slots=True)
class _Session:
    """An upload that has begun: where it goes on, how far it is, the least that a chunk has."""

    location: str
    offset: int = 0
    least: int = 0


class _Source(NamedTuple):
    """The blob to send, the file with its bytes, and who is told how far that is."""

    blob: Descriptor
    path: Path
    done: Callable[[int], None]

    def part(self, start: int, end: int) -> Callable[[], Iterator[bytes]]:
        """Return what yields the bytes from `start` to before `end`, each time anew."""

        def pieces() -> Iterator[bytes]:
            with self.path.open("rb") as stream:
                stream.seek(start)
                sent = start
                while piece := stream.read(min(_PIECE, end - sent)):
                    yield piece
                    sent += len(piece)
                    self.done(sent)

        return pieces


def mount_blob(repository: Repository, blob: Descriptor, sources: Sequence[str]) -> bool:
    """Return whether the blob could be taken over from one of the other repositories."""
    for source in sources:
        query = f"?mount={quote(blob.digest, safe='')}&from={quote(source, safe='')}"
        scopes = (*repository.push_scopes, f"repository:{source}:pull")
        request = Request("POST", repository.url("blobs/uploads/") + query, scopes)
        answer = repository.transport.ask(request, _CREATED, _ACCEPTED, *_NOT_MOUNTED)
        if answer.status == _CREATED:
            repository.require_digest(answer, blob.digest)
            return True
        if answer.status == _ACCEPTED:
            _cancel(repository, _location(repository, answer))
    return False


def upload_blob(
    repository: Repository, blob: Descriptor, path: Path, done: Callable[[int], None]
) -> None:
    """Send the file as a blob; after a drop, what the registry does not have yet.

    Args:
        repository: where to.
        blob: digest and size that the file must have.
        path: the file.
        done: told how many bytes of it are on their way, or there.

    Raises:
        UntrustedError: the file, or what the registry has stored, is something else.
        RegistryError: the registry refuses it, or fails again and again.
    """
    if path.stat().st_size != blob.size or sha256_file(path) != blob.digest:
        raise UntrustedError(f"blob {blob.digest} is altered", help="remove it and build again")
    session: _Session | None = None
    failures, furthest, chunk = 0, 0, CHUNK
    while True:
        try:
            session = session or _begin(repository)
            _send(repository, session, _Source(blob, path, done), chunk)
        except RegistryError as error:
            if error.status == _TOO_LARGE and chunk > _SMALL_CHUNK:
                session, chunk = None, _SMALL_CHUNK
                continue
            failures += 1
            error.transient |= (
                session is not None and error.status in _LOST and failures <= _RESTARTS
            )
            repository.retries.pause(failures, error)
            if repository.has_blob(blob.digest, blob.size):
                break
            session = session and _resumed(repository, session, blob)
            if session and session.offset >= furthest + _PROGRESS:
                failures, furthest = 0, session.offset
        else:
            break
    done(blob.size)


def _begin(repository: Repository) -> _Session:
    request = Request("POST", repository.url("blobs/uploads/"), repository.push_scopes)
    answer = repository.transport.ask_once(request, _ACCEPTED)
    stated = answer.headers.get("OCI-Chunk-Min-Length", "")
    least = int(stated) if stated.isdecimal() and len(stated) <= len(str(_MAX_MINIMUM)) else 0
    return _Session(_location(repository, answer), least=min(least, _MAX_MINIMUM))


def _send(repository: Repository, session: _Session, source: _Source, chunk: int) -> None:
    """Send what is left and close the upload: small ones in one request."""
    size = max(chunk, session.least)
    left = source.blob.size - session.offset
    while left and (session.offset or left > size):
        _send_chunk(repository, session, source, min(size, left))
        left = source.blob.size - session.offset
    _close(repository, session, source)


def _send_chunk(repository: Repository, session: _Session, source: _Source, size: int) -> None:
    start, end = session.offset, session.offset + size
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Range": f"{start}-{end - 1}",
    }
    request = Request(
        "PATCH", session.location, repository.push_scopes, headers, source.part(start, end), size
    )
    answer = repository.transport.ask_once(request, _ACCEPTED)
    session.location = _location(repository, answer)
    stated = _RANGE.fullmatch(answer.headers.get("Range", ""))
    if stated and int(stated[1]) + 1 != end:
        message = f"registry {repository.registry} does not keep what is uploaded"
        raise RegistryError(message, transient=True)
    session.offset = end


def _close(repository: Repository, session: _Session, source: _Source) -> None:
    """End the upload, with all of the blob when nothing of it was sent before."""
    blob = source.blob
    mark = "&" if "?" in session.location else "?"
    url = f"{session.location}{mark}digest={quote(blob.digest, safe='')}"
    start = 0 if session.offset == 0 else blob.size
    headers = {"Content-Type": "application/octet-stream"}
    request = Request(
        "PUT",
        url,
        repository.push_scopes,
        headers,
        source.part(start, blob.size),
        blob.size - start,
    )
    repository.require_digest(repository.transport.ask_once(request, _CREATED), blob.digest)


def _resumed(repository: Repository, session: _Session, blob: Descriptor) -> _Session | None:
    """Return the upload as far as the registry has it; None when it has forgotten it."""
    request = Request("GET", session.location, repository.push_scopes)
    try:
        answer = repository.transport.ask(request, _NO_CONTENT)
    except RegistryError as error:
        if error.transient:
            raise
        return None
    stated = _RANGE.fullmatch(answer.headers.get("Range", ""))
    # "0-0" is one byte by the grammar, and nothing by what most registries mean.
    offset = int(stated[1]) + 1 if stated and int(stated[1]) else 0
    if offset > blob.size:
        return None
    location = _location(repository, answer) if "Location" in answer.headers else session.location
    return _Session(location, offset, session.least)


def _cancel(repository: Repository, location: str) -> None:
    """Let the registry forget an upload that nobody goes on with; it does so by itself later."""
    request = Request("DELETE", location, repository.push_scopes)
    repository.transport.ask(request, *range(200, 300), *range(400, 500))


def _location(repository: Repository, answer: Answer) -> str:
    location = answer.headers.get("Location")
    if not location:
        raise RegistryError(f"registry {repository.registry} does not say where to upload to")
    return repository.transport.followed(location, answer.url)
