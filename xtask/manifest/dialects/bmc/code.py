"""What the BMC Hub demands of the code of a module; its manifest is read in `bmc`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xtask.diagnostics import Place, Source
from xtask.manifest.code import locate
from xtask.manifest.notation.text import read_text
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from xtask.diagnostics import Problems
    from xtask.manifest.code import Code
    from xtask.manifest.folder import Folder
    from xtask.manifest.module import DatabaseTable, Module, Operation, Router
    from xtask.manifest.table import Table

# What the template of the hub has where a module's name belongs. Jinja and f-strings have braces.
_PLACEHOLDER = re.compile(
    r"(?<!\w)_template(?!\w)|\bTest Module Module\b|\bMODULES__(?:MY_MODULE|TEMPLATE)__\w*"
    r"|(?<!\w)TEMPLATE(?!\w)"
)
_MOST_SHOWN = 20
_BRACES = re.compile(r"\{\{\s*\w+\s*\}\}")


def health(table: Table, operations: Sequence[Operation], routers: Sequence[Router]) -> str | None:
    """Return the path that says whether the module works, which the hub's convention names."""
    for router in routers:
        path = f"{router.prefix}/health"
        if not router.prefix.startswith("/api/"):
            continue
        if any(item[:2] == ("GET", path) for item in operations):
            return path
        message = f"nothing answers `GET {path}`, so no release can ask how the module is"
        tip = 'write it in `backend/router.py`: `@router.get("/health")`'
        table.problems.warn("XT0223", message, router.place, help=tip)
    return None


def tables(
    created: Sequence[DatabaseTable], files: Mapping[str, Code]
) -> tuple[DatabaseTable, ...]:
    """Return the tables of migrations and code, each once, by name."""
    found = {item.name: item for code in files.values() for item in code.tables}
    found |= {item.name: item for item in created}
    return tuple(found[name] for name in sorted(found))


def require_prefix(module: Module, problems: Problems) -> None:
    """Note tables that the prefix does not keep apart from those of other modules (XT0205)."""
    prefix = module.table_prefix.text if module.table_prefix else ""
    for table in module.tables:
        if not table.name.lower().startswith(prefix):
            message = f"table `{shortened(table.name)}` does not begin with `{prefix}`"
            tip = f"call it `{prefix}{shortened(table.name)}`, or change `table_prefix`"
            problems.add("XT0205", message, table.place, help=tip)


def warn_of_placeholders(table: Table, folder: Folder, files: Mapping[str, Code]) -> None:
    """Warn of text that belongs to the hub's template (XT0222), once for each file and text."""
    source = table.place.source
    texts = {source.path: source.text}
    for path in (*(["README.md"] if folder.has_file("README.md") else []), *files):
        shown = f"{folder.shown}/{path}"
        texts[shown] = read_text(folder.root / path, shown, table.problems) or ""
    for shown, text in texts.items():
        for found, place in _placeholders(shown, text):
            message = f"`{shortened(found)}` was left over from a template"
            tip = "write the module's own name"
            table.problems.warn("XT0222", message, place, help=tip)


def _placeholders(shown: str, text: str) -> Iterator[tuple[str, Place]]:
    patterns = (_PLACEHOLDER,) if shown.endswith(".py") else (_PLACEHOLDER, _BRACES)
    source = Source(shown, text, locate)
    seen: set[str] = set()
    for pattern in patterns:
        for match in pattern.finditer(text):
            if match[0] not in seen and len(seen) < _MOST_SHOWN:
                seen.add(match[0])
                line = text.count("\n", 0, match.start()) + 1
                column = match.start() - text.rfind("\n", 0, match.start())
                yield match[0], Place(source, (line, column, len(match[0])))
