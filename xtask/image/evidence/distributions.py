"""What the distributions in a layer say of themselves: name, version, licences.

PyPA specification "Core metadata". It is read as what it is, words of strangers: nothing in it is
believed, and nothing in it can stop a build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from email.message import Message
    from pathlib import Path

_MAX_SIZE = 1 << 20
_MAX_NAME = 100
# Licences that packages write in the old free fields, by what they write there; what could be more
# than one licence of the SPDX list, such as `BSD License`, stays a name.
_KNOWN = {
    "0BSD": "0BSD",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache-2.0": "Apache-2.0",
    "BSD-2-Clause": "BSD-2-Clause",
    "BSD-3-Clause": "BSD-3-Clause",
    "GPL-3.0-only": "GPL-3.0-only",
    "GPL-3.0-or-later": "GPL-3.0-or-later",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "ISC": "ISC",
    "ISC License (ISCL)": "ISC",
    "LGPL-3.0-only": "LGPL-3.0-only",
    "LGPL-3.0-or-later": "LGPL-3.0-or-later",
    "MIT": "MIT",
    "MIT License": "MIT",
    "MPL-2.0": "MPL-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSF-2.0": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Unlicense": "Unlicense",
    "Zlib": "Zlib",
}
_CLASSIFIER = "License ::"
# A classifier that names a family and no licence.
_FAMILIES = frozenset({"OSI Approved", "License", "Other/Proprietary License"})


class Licences(NamedTuple):
    """An SPDX expression, or ids of the SPDX list and other names; empty when nothing is said."""

    expression: str = ""
    ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


class Distribution(NamedTuple):
    """One distribution as its METADATA describes it."""

    name: str
    version: str
    licences: Licences


def distributions(site: Path) -> tuple[Distribution, ...]:
    """Return what is installed in a folder of Python's path, by name.

    Args:
        site: the folder, with one `.dist-info` for each distribution.
    """
    from email.parser import BytesHeaderParser  # noqa: PLC0415 - start-up

    found = []
    for path in site.glob("*.dist-info/METADATA"):
        with path.open("rb") as stream:
            head, _, _ = stream.read(_MAX_SIZE).replace(b"\r\n", b"\n").partition(b"\n\n")
        said = BytesHeaderParser().parsebytes(head)
        name, _, version = path.parent.name.removesuffix(".dist-info").partition("-")
        found.append(
            Distribution(
                _text(said, "Name") or name, _text(said, "Version") or version, _said(said)
            )
        )
    return tuple(sorted(found))


def stated(text: str | None) -> Licences:
    """Return the licence that a module's manifest states in words."""
    words = " ".join((text or "").split())
    if not words or len(words) > _MAX_NAME:
        return Licences()
    if words in _KNOWN:
        return Licences(ids=(_KNOWN[words],))
    return Licences(names=(words,))


def _said(said: Message) -> Licences:
    """Return the licences: the expression (PEP 639), else the free text, else the classifiers."""
    if expression := _text(said, "License-Expression"):
        known = _KNOWN.get(expression) == expression
        return Licences(ids=(expression,)) if known else Licences(expression=expression)
    if (text := stated(str(said.get("License", "")))) != Licences():
        return text
    classifiers = [str(value) for value in said.get_all("Classifier", [])]
    return _classified([one for one in classifiers if one.startswith(_CLASSIFIER)])


def _classified(classifiers: Sequence[str]) -> Licences:
    named = {one.rpartition("::")[2].strip() for one in classifiers} - _FAMILIES
    named = {name for name in named if name and len(name) <= _MAX_NAME}
    ids = {_KNOWN[name] for name in named if name in _KNOWN}
    return Licences(ids=tuple(sorted(ids)), names=tuple(sorted(named - _KNOWN.keys())))


def _text(said: Message, field: str) -> str:
    text = " ".join(str(said.get(field, "")).split())
    return "" if text == "UNKNOWN" or not text.isprintable() else text
