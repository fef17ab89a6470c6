"""Extra fields: the second place where a ZIP file may say what an entry is.

APPNOTE 4.5, and `extrafld.txt` of Info-ZIP. Times and owners (UT, ux, NTFS) mean nothing here.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from xtask.archives.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = struct.Struct("<2H")
_ZIP64, _UNIX, _ASI_UNIX, _UNICODE_PATH = 0x0001, 0x000D, 0x756E, 0x7075
_ENCRYPTION = frozenset({0x0017, 0x9901})
# 4.5.7: what follows the times and owners is the target of a link, or a device.
_PLAIN_UNIX_SIZE = 12
# 4.6.9: a version and a CRC-32 come before the name. Readers differ in whether they heed them.
_UNICODE_PATH_HEAD = 5
# Ordinary programs write less than 100 bytes; thousands of tiny fields would only cost time.
_MAX_SIZE = 4096


def refuse_extra(extra: bytes, name: bytes) -> None:
    """Refuse extra fields that change the name, the type or the size of the entry `name`.

    Raises:
        ArchiveError: there is one, or the fields cannot be told apart.
    """
    for tag, data in _fields(extra, name):
        if tag == _ZIP64:
            raise refusal("zip64", name)
        if tag in _ENCRYPTION:
            raise refusal("encrypted", name)
        if tag == _ASI_UNIX or (tag == _UNIX and len(data) > _PLAIN_UNIX_SIZE):
            raise refusal("hard-link", name)
        if tag == _UNICODE_PATH and data[_UNICODE_PATH_HEAD:] != name:
            raise refusal("unicode-path", name)


def _fields(extra: bytes, name: bytes) -> Iterator[tuple[int, bytes]]:
    if len(extra) > _MAX_SIZE:
        raise refusal("extra-field", name)
    rest = extra
    while rest:
        if len(rest) < _HEAD.size:
            raise refusal("extra-field", name)
        tag, size = _HEAD.unpack_from(rest)
        end = _HEAD.size + size
        if len(rest) < end:
            raise refusal("extra-field", name)
        yield tag, rest[_HEAD.size : end]
        rest = rest[end:]
