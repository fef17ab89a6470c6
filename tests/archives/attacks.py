"""Archives that are something else than they seem, each with the reason for its refusal."""

from __future__ import annotations

import unicodedata
from typing import Any

from tests.archives.builder import DEFLATED, FOLDER, Part, archive, deflated, end, extra

MIB = 1 << 20


def named(*names: str | bytes) -> bytes:
    return archive(*(Part(name=name.encode() if isinstance(name, str) else name) for name in names))


def one(**overrides: Any) -> bytes:
    return archive(Part(both=overrides))


def local(**overrides: Any) -> bytes:
    return archive(Part(local=overrides))


def central(**overrides: Any) -> bytes:
    return archive(Part(central=overrides))


def of_mode(mode: int, name: bytes = b"top/x", data: bytes = b"") -> bytes:
    return archive(Part(name=name, mode=mode, data=data))


def folder(**overrides: Any) -> bytes:
    return archive(Part(name=b"top/", mode=FOLDER, **overrides))


WIDEST = extra(0xCAFE, bytes(4088)) + extra(0xCAFE, b"")
FIRST, SECOND = Part(name=b"top/a"), Part(name=b"top/b")
ATTACKS: dict[str, tuple[str, bytes]] = {
    # Names.
    "absolute": ("absolute-name", named("/etc/passwd")),
    "drive": ("drive-letter", named("C:/x")),
    "drive without slash": ("drive-letter", named("c:x")),
    "backslash": ("backslash", named("top\\..\\x")),
    "parent": ("parent-segment", named("top/../../x")),
    "parent alone": ("parent-segment", named("..")),
    "parent as a folder": ("parent-segment", archive(Part(name=b"../", mode=FOLDER, data=b""))),
    "empty part": ("empty-segment", named("top//x")),
    "dot": ("empty-segment", named("top/./x")),
    "empty name": ("empty-segment", named("")),
    "only a slash": ("empty-segment", archive(Part(name=b"/", mode=FOLDER, data=b""))),
    "two slashes at the end": ("empty-segment", archive(Part(name=b"x//", mode=0, data=b""))),
    "NUL": ("control-character", named("top/x.txt\0.py")),
    "escape": ("control-character", named("top/\x1b[2J")),
    "delete": ("control-character", named("top/\x7f")),
    "C1 control": ("control-character", named("top/\x9b2J")),
    "line separator": ("control-character", named("top/\u2028x")),
    "bidi override": ("control-character", named("top/\u202egnp.py")),
    "latin-1": ("not-utf8", named("top/é".encode("latin-1"))),
    "latin-1 marked as UTF-8": (
        "not-utf8",
        archive(Part(name=b"top/\xe9", both={"flags": 0x800})),
    ),
    "overlong UTF-8": ("not-utf8", named(b"top/\xc0\xaf")),
    "surrogate": ("not-utf8", named(b"top/\xed\xa0\x80")),
    "unmarked, from MS-DOS": (
        "not-utf8",
        archive(Part(name="top/é".encode(), central={"made_by": 0})),
    ),
    "long": ("long-name", named("x" * 241)),
    "long in bytes": ("long-name", named("é" * 121)),
    "deep": ("deep-name", named("/".join("x" * 21))),
    "unicode path": (
        "unicode-path",
        one(extra=extra(0x7075, b"\1" + bytes(4) + b"top/other")),
    ),
    "unicode path, local only": (
        "unicode-path",
        local(extra=extra(0x7075, b"\1" + bytes(4) + b"../x")),
    ),
    "unicode path without a name": ("unicode-path", one(extra=extra(0x7075, b"\1"))),
    "twice": ("duplicate-name", named("top/x", "top/x")),
    "folder twice": (
        "duplicate-name",
        archive(*[Part(name=b"top/", mode=FOLDER, data=b"")] * 2),
    ),
    "central record twice": (
        "duplicate-name",
        archive(FIRST, Part(name=b"top/a", is_stored=False, central={"offset": 0})),
    ),
    "case": ("case-collision", named("top/readme", "top/README")),
    "case of a folder": ("case-collision", named("top/A/x", "top/a/y")),
    "case beyond ASCII": ("case-collision", named("top/straße", "top/STRASSE")),
    "Unicode form": (
        "unicode-collision",
        named(*(unicodedata.normalize(form, "top/é") for form in ("NFC", "NFD"))),
    ),
    "Unicode form and case": ("unicode-collision", named("top/É", "top/e\u0301")),
    "file below a file": ("file-as-directory", named("top/x", "top/x/y")),
    "file above a file": ("file-as-directory", named("top/x/y", "top/x")),
    "file and folder": (
        "file-as-directory",
        archive(Part(name=b"x"), Part(name=b"x/", mode=FOLDER, data=b"")),
    ),
    # Types.
    "symbolic link": ("symbolic-link", of_mode(0o120777, data=b"/etc/passwd")),
    "symbolic link from MS-DOS": (
        "symbolic-link",
        central(attributes=0o120777 << 16, made_by=0),
    ),
    "link to a folder": ("symbolic-link", of_mode(0o120777, name=b"top/")),
    "hard link": ("hard-link", one(extra=extra(0x000D, bytes(12) + b"/etc/passwd"))),
    "hard link, local only": ("hard-link", local(extra=extra(0x000D, bytes(12) + b"x"))),
    "ASi Unix field": ("hard-link", one(extra=extra(0x756E, bytes(14)))),
    "FIFO": ("special-file", of_mode(0o010644)),
    "socket": ("special-file", of_mode(0o140644)),
    "block device": ("special-file", of_mode(0o060644)),
    "character device": ("special-file", of_mode(0o020644)),
    "unknown type": ("special-file", of_mode(0o150644)),
    "volume label": ("special-file", central(attributes=0x08)),
    "reparse point": ("special-file", central(attributes=0x400)),
    "folder without a slash": ("type-mismatch", of_mode(FOLDER)),
    "MS-DOS folder without a slash": ("type-mismatch", central(attributes=0x10)),
    "file with a slash": ("type-mismatch", of_mode(0o100644, name=b"top/")),
    "folder with content": ("directory-content", folder(data=b"x")),
    "folder with a check sum": ("directory-content", folder(data=b"", both={"crc": 1})),
    "folder with packed content": (
        "directory-content",
        folder(data=b"", packed=b"\3\0\0", method=DEFLATED),
    ),
    # Structure.
    "nothing": ("no-end-record", b""),
    "text": ("no-end-record", b"PK is a text"),
    "gzip": ("no-end-record", b"\x1f\x8b" + bytes(100)),
    "cut off": ("no-end-record", named("top/x")[:-1]),
    "only the mark": ("no-end-record", b"PK\5\6"),
    "two ends": ("second-end-record", archive(FIRST, middle=end())),
    "zip behind a zip": ("second-end-record", named("top/a") + named("top/b")),
    "zip behind a larger zip": ("wrong-offset", named("top/abc") + named("top/b")),
    "end far behind the directory": ("wrong-offset", archive(FIRST, start=0)),
    "directory behind the end": ("wrong-offset", archive(FIRST, length=5000)),
    "bytes at the end": ("trailing-data", named("top/x") + b"\n"),
    "comment shorter than declared": ("trailing-data", archive(FIRST, comment=b"ab")[:-1]),
    "comment": ("comment", archive(FIRST, comment=b"hello")),
    "comment of other letters": ("comment", archive(FIRST, comment=b"g" * 40)),
    "comment of another length": ("comment", archive(FIRST, comment=b"a" * 41)),
    "comment with a line end": ("comment", archive(FIRST, comment=b"a" * 40 + b"\n")),
    "comment of an entry": ("comment", central(comment=b"hello")),
    "ZIP64 locator": ("zip64", archive(FIRST, middle=b"PK\6\7" + bytes(16))),
    "ZIP64 count": ("zip64", archive(FIRST, entries=0xFFFF)),
    "ZIP64 place": ("zip64", archive(FIRST, start=0xFFFF_FFFF)),
    "ZIP64 size": ("zip64", one(size=0xFFFF_FFFF)),
    "ZIP64 offset": ("zip64", central(offset=0xFFFF_FFFF)),
    "ZIP64 field": ("zip64", one(extra=extra(1, bytes(16)))),
    "ZIP64 field, local only": ("zip64", local(extra=extra(1, bytes(16)))),
    "number of a disk": ("multi-disk", archive(FIRST, disk=1)),
    "directory on another disk": ("multi-disk", archive(FIRST, start_disk=1)),
    "entry on another disk": ("multi-disk", central(disk=1)),
    "too few counted": ("wrong-count", archive(FIRST, SECOND, entries=1)),
    "too many counted": ("wrong-count", archive(FIRST, entries=2)),
    "counted in two ways": ("wrong-count", archive(FIRST, here=0)),
    "something else in the directory": (
        "wrong-count",
        named("top/x").replace(b"PK\1\2", b"PK\5\5"),
    ),
    "name longer than the directory": (
        "wrong-count",
        named("top/x").replace(b"\5\0\0\0\0\0\0\0", b"\6\0\0\0\0\0\0\0"),
    ),
    "encrypted": ("encrypted", one(flags=0x1)),
    "strongly encrypted": ("encrypted", one(flags=0x40)),
    "encrypted directory": ("encrypted", one(flags=0x2000)),
    "AES field": ("encrypted", one(extra=extra(0x9901, bytes(7)))),
    "data descriptor": ("data-descriptor", one(flags=0x8)),
    "patch": ("unknown-flag", one(flags=0x20)),
    "newer version": ("newer-version", one(version=64)),
    "bzip2": ("unknown-method", one(method=12)),
    "AES method": ("unknown-method", one(method=99)),
    "extra field cut off": ("extra-field", one(extra=b"UT\5\0\1")),
    "extra field of one byte": ("extra-field", one(extra=b"U")),
    "huge extra field": ("extra-field", one(extra=extra(0xCAFE, bytes(4093)))),
    "local extra field cut off": ("extra-field", local(extra=b"UT\5\0\1")),
    "other name": ("header-mismatch", local(name=b"top/else")),
    "other size": ("header-mismatch", local(size=1)),
    "other packed size": ("header-mismatch", local(packed=1)),
    "other CRC": ("header-mismatch", local(crc=1)),
    "other method": ("header-mismatch", local(method=DEFLATED)),
    "other flags": ("header-mismatch", local(flags=0x800)),
    "descriptor, local only": ("header-mismatch", local(flags=0x8)),
    "in the directory only": (
        "central-only",
        archive(FIRST, Part(name=b"top/ghost", is_stored=False)),
    ),
    "offset of something else": (
        "central-only",
        named("top/x").replace(b"PK\3\4", b"PK\3\5"),
    ),
    "offset behind the end": ("central-only", central(offset=10_000)),
    "in the archive only": (
        "local-only",
        archive(FIRST, Part(name=b"top/hidden", is_listed=False)),
    ),
    "local header twice": (
        "local-only",
        archive(Part(name=b"top/a", data=b"evil", is_listed=False), FIRST),
    ),
    "two entries with one content": (
        "overlap",
        archive(FIRST, Part(name=b"top/b", is_stored=False, central={"offset": 0})),
    ),
    "content that holds the next": (
        "overlap",
        archive(Part(name=b"top/a", both={"packed": 60, "size": 60}), SECOND),
    ),
    "content that holds the directory": ("overlap", one(packed=40, size=40)),
    "local name that holds the directory": (
        "overlap",
        named("top/x").replace(b"\5\0\0\0top/x", b"\5\0\xff\0top/x", 1),
    ),
    "program before the archive": (
        "data-before-first",
        archive(Part(before=b"#!/bin/sh\n")),
    ),
    "only something before the end": ("data-before-first", archive(gap=b"x")),
    "between two": ("gap", archive(FIRST, Part(name=b"top/b", before=b"secret"))),
    "behind the last": ("gap", archive(FIRST, gap=b"x")),
    # Size.
    "many": ("many-entries", archive(FIRST, entries=1001)),
    "many folders": (
        "many-entries",
        archive(*(Part(name=b"%d/" % n, mode=FOLDER, data=b"") for n in range(1001))),
    ),
    "large together": (
        "large-content",
        archive(
            *(
                Part(name=b"%d" % n, method=DEFLATED, both={"size": 21 * MIB, "packed": MIB})
                for n in range(5)
            )
        ),
    ),
    "bomb": ("large-ratio", archive(Part(method=DEFLATED, data=bytes(2 * MIB)))),
    "many small bombs": (
        "large-ratio",
        archive(
            *(Part(name=b"%d" % n, method=DEFLATED, data=bytes(MIB // 2)) for n in range(3))
        ),
    ),
    "declared from nothing": (
        "large-ratio",
        archive(Part(method=DEFLATED, packed=b"", both={"size": 2 * MIB})),
    ),
    # Content; folders are read with the listing.
    "stored in another size": ("size-mismatch", one(size=1)),
    "folder with a packed surprise": (
        "damaged-content",
        folder(data=b"", packed=b"\x07\xff", method=DEFLATED),
    ),
}  # fmt: skip
CONTENTS: dict[str, tuple[str, Part]] = {
    "longer": ("longer-than-declared", Part(method=DEFLATED, data=b"xx", both={"size": 1})),
    "much longer": (
        "longer-than-declared",
        Part(method=DEFLATED, data=bytes(64 * MIB), both={"size": 9}),
    ),
    "shorter": ("size-mismatch", Part(method=DEFLATED, data=b"xx", both={"size": 3})),
    "other CRC": ("crc-mismatch", Part(both={"crc": 1})),
    "not deflated": ("damaged-content", Part(method=DEFLATED, packed=b"\xff" * 7)),
    "cut off": ("damaged-content", Part(method=DEFLATED, packed=deflated(b"content")[:-1])),
    "something behind": (
        "damaged-content",
        Part(method=DEFLATED, packed=deflated(b"content") + b"x"),
    ),
    "much behind": (
        "damaged-content",
        Part(method=DEFLATED, packed=deflated(b"content") + bytes(MIB)),
    ),
    "nothing": ("damaged-content", Part(method=DEFLATED, packed=b"")),
}  # fmt: skip
