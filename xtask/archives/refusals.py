"""Why an archive is refused: one stable word each, what it says, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xtask.errors import UntrustedError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHOWN = 60


class Refusal(NamedTuple):
    """What a reason says of an entry, or of the archive, and the help line under it."""

    says: str
    help: str


_RENAME = "rename it and pack the archive again"
_PLAIN = "put a plain file there and pack again; `zip -r` without `-y` does so for symbolic links"
_REPACK = "unpack it and pack the files again with `zip -r` or Python's zipfile"
_DAMAGED = "fetch the archive again; if that does not help, ask those who made it"
_ONE_FOLDER = "pack one folder: `zip -r NAME.zip FOLDER`"
_SMALLER = "leave out what the application does not need, or make two archives of it"

REASONS: Mapping[str, Refusal] = {
    # Names.
    "absolute-name": Refusal("is an absolute path", _RENAME),
    "drive-letter": Refusal("begins with a drive letter", _RENAME),
    "backslash": Refusal("has a backslash, which is a separator for some systems", _RENAME),
    "parent-segment": Refusal("leads out of its folder with `..`", _RENAME),
    "empty-segment": Refusal("has an empty part or a `.` between its slashes", _RENAME),
    "control-character": Refusal("has a character that controls instead of showing", _RENAME),
    "not-utf8": Refusal("is not a name in UTF-8, or does not say so", _RENAME),
    "long-name": Refusal("has too long a name", _RENAME),
    "deep-name": Refusal("lies too deep", _RENAME),
    "unicode-path": Refusal("has a second name that is another one", _REPACK),
    "duplicate-name": Refusal("is there twice", _REPACK),
    "case-collision": Refusal("differs from another path in upper and lower case only", _RENAME),
    "unicode-collision": Refusal("differs from another path in Unicode form only", _RENAME),
    "file-as-directory": Refusal("is a file, and a folder of other files too", _RENAME),
    # Types.
    "symbolic-link": Refusal("is a symbolic link", _PLAIN),
    "hard-link": Refusal("has a Unix field with a link or a device", _PLAIN),
    "special-file": Refusal("is neither a file nor a folder", _PLAIN),
    "type-mismatch": Refusal("is a folder by its name or by its type, but not by both", _REPACK),
    "directory-content": Refusal("is a folder with content", _REPACK),
    # Structure.
    "no-end-record": Refusal("is not a ZIP file, or its end is missing", _DAMAGED),
    "second-end-record": Refusal("has more than one end", _REPACK),
    "trailing-data": Refusal("goes on after its end", _DAMAGED),
    "comment": Refusal("has a comment that is not a commit id", _REPACK),
    "zip64": Refusal("uses ZIP64, which nothing as small as this needs", _REPACK),
    "multi-disk": Refusal("is part of an archive in several files", _REPACK),
    "wrong-offset": Refusal("has its directory elsewhere than its end says", _DAMAGED),
    "wrong-count": Refusal("has another number of entries than its end says", _DAMAGED),
    "encrypted": Refusal("is encrypted", "pack the archive again without a password"),
    "data-descriptor": Refusal(
        "has its size behind its content, as Finder and programs that write to a pipe put it",
        "unpack it and pack the files again into a file: `zip -r NAME.zip FOLDER`",
    ),
    "unknown-flag": Refusal("uses a feature of ZIP that is not read here", _REPACK),
    "newer-version": Refusal("needs a newer version of ZIP", _REPACK),
    "unknown-method": Refusal("is neither stored nor deflated", _REPACK),
    "extra-field": Refusal("has an extra field that is damaged or far too large", _REPACK),
    "header-mismatch": Refusal("is described in two ways that differ", _DAMAGED),
    "central-only": Refusal("is in the directory, but not in the archive", _DAMAGED),
    "local-only": Refusal("has an entry that is not in its directory", _DAMAGED),
    "overlap": Refusal("shares bytes with what follows it", _DAMAGED),
    "data-before-first": Refusal("has something before its first entry", _REPACK),
    "gap": Refusal("has something between or after its entries", _REPACK),
    # Size.
    "large-archive": Refusal("is too large", _SMALLER),
    "many-entries": Refusal("has too many entries", _SMALLER),
    "large-content": Refusal("is too large when unpacked", _SMALLER),
    "large-ratio": Refusal("would grow too much when unpacked", "leave it out"),
    # Content.
    "truncated": Refusal("became shorter while it was read", _DAMAGED),
    "damaged-content": Refusal("cannot be decompressed", _DAMAGED),
    "longer-than-declared": Refusal("is longer than it says", _DAMAGED),
    "size-mismatch": Refusal("has another size than it says", _DAMAGED),
    "crc-mismatch": Refusal("is not what its check sum says", _DAMAGED),
    # Use.
    "no-files": Refusal("has no files", _ONE_FOLDER),
    "no-single-top": Refusal("does not lie in one folder with everything else", _ONE_FOLDER),
}  # fmt: skip
"""Every reason for a refusal, by its word; words stay the same in later versions."""


class ArchiveError(UntrustedError):
    """An archive is refused; `reason` is a key of REASONS."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence, help=REASONS[reason].help)
        self.reason = reason

    def within(self, archive: str) -> ArchiveError:
        """Return the same refusal, in a sentence that names the archive."""
        return ArchiveError(self.reason, f"{archive}: {self.message}")


def refusal(reason: str, entry: str | bytes | None = None, *, detail: str = "") -> ArchiveError:
    """Return the error for a reason.

    Args:
        reason: a key of REASONS.
        entry: the name of the entry at fault, None for the archive.
        detail: what else there is to say, in words that are not foreign.
    """
    subject = "the archive" if entry is None else shown(entry)
    return ArchiveError(
        reason, f"{subject} {REASONS[reason].says}" + (f" ({detail})" if detail else "")
    )


def shown(name: str | bytes) -> str:
    """Return a foreign name in quotes: short, and everything that cannot be seen is an escape."""
    text = name.decode(errors="replace") if isinstance(name, bytes) else name
    if len(text) > _SHOWN:
        text = f"{text[: _SHOWN // 2]}…{text[-_SHOWN // 2 :]}"
    return repr(text)
