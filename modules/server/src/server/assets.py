"""A module's static files, revalidated by content."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse

if TYPE_CHECKING:
    import os

    from starlette.types import Scope


class Assets(StaticFiles):
    """The files below `directory` of an installed package.

    Every file in an image has the same modification time, so the usual entity tag (time and size)
    would keep an old file alive in a browser after a release. This one is the content's digest.
    """

    def __init__(self, package: str, directory: str) -> None:
        super().__init__(directory=Path(str(files(package))) / directory)

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Return the file, or 304 to a browser that has these bytes (RFC 9110 section 13.1.2)."""
        tag = _entity_tag(str(full_path), stat_result.st_mtime_ns, stat_result.st_size)
        response = FileResponse(
            full_path,
            status_code=status_code,
            stat_result=stat_result,
            headers={"ETag": tag, "Cache-Control": "no-cache"},
        )
        # Without a tag to compare, a date alone must not answer 304 for the reason given above.
        asked = Headers(scope=scope).get("if-none-match")
        if asked and self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response


@lru_cache(maxsize=1024)
def _entity_tag(path: str, _modified: int, _size: int) -> str:
    return f'"{hashlib.sha256(Path(path).read_bytes()).hexdigest()[:32]}"'
