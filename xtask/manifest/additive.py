"""Whether the SQL of a migration only adds, so that the code of before works with it too."""

from __future__ import annotations

import re

# What other databases read in another way than this file does, so that a statement could hide in
# it: escapes in strings, dollar quotes, names in brackets or backticks, comments in comments.
_AMBIGUOUS = re.compile(r"[\\$`]|\[(?!\])|/\*(?:[^*]|\*(?!/))*?/\*", re.DOTALL)
_TOKEN = re.compile(
    r"""--[^\n]*+ | /\*.*?(?:\*/|\Z) | (?P<string>'[^']*+(?:'|\Z)) | (?P<name>"[^"]*+(?:"|\Z))""",
    re.DOTALL | re.VERBOSE,
)
_NAME = r'(?:[\w"]++(?:\s*+\.\s*+[\w"]++)?)'
_UNLESS_THERE = r"(?:IF\s+NOT\s+EXISTS\s+)?"
_TABLE = re.compile(rf"CREATE\s+TABLE\s+{_UNLESS_THERE}({_NAME}).*", re.IGNORECASE | re.DOTALL)
_INDEX = re.compile(
    rf"CREATE\s+(UNIQUE\s+)?INDEX\s+(?:CONCURRENTLY\s+)?{_UNLESS_THERE}{_NAME}\s+ON\s+({_NAME}).*",
    re.IGNORECASE | re.DOTALL,
)
_COLUMNS = re.compile(
    rf"ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?{_NAME}\s+(ADD\b.*)",
    re.IGNORECASE | re.DOTALL,
)
_NEXT_COLUMN = re.compile(r",\s*(?=ADD\b)", re.IGNORECASE)
# A column that rows of before may lack, or that has a value for them.
_COLUMN = re.compile(
    rf"""ADD\s+(?:COLUMN\s+)?{_UNLESS_THERE}
    (?!(?:CONSTRAINT|PRIMARY|FOREIGN|UNIQUE|CHECK|EXCLUDE)\b)[\w"]++\s
    (?!.*\b(?:PRIMARY|UNIQUE|CHECK|CONSTRAINT|GENERATED|DROP|ALTER|RENAME|SET)\b)
    (?=.*\bDEFAULT\b|(?!.*\bNOT\s+NULL\b)).*""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_TRANSACTION = re.compile(r"(?:BEGIN|COMMIT)(?:\s+TRANSACTION)?", re.IGNORECASE)


def is_additive(sql: str) -> bool:
    """Return whether each statement creates a table, an index, or a column that may be left out.

    What this does not know is not additive, and neither is an index that makes rows of before
    unique. Text that two databases would divide in two ways is not looked at any further.
    """
    if _AMBIGUOUS.search(sql):
        return False
    statements = [text.strip() for text in _TOKEN.sub(_blank, sql).split(";") if text.strip()]
    new = {found[1].lower() for text in statements if (found := _TABLE.fullmatch(text))}
    return all(_adds(statement, new) for statement in statements)


def _blank(token: re.Match[str]) -> str:
    """Return what stands for a comment, a string or a quoted name while statements are read."""
    if token["name"]:
        return '"' + "".join(c if c.isalnum() else f"_{ord(c):x}_" for c in token["name"]) + '"'
    return "''" if token["string"] else " "


def _adds(statement: str, new: set[str]) -> bool:
    if _TABLE.fullmatch(statement) or _TRANSACTION.fullmatch(statement):
        return True
    if index := _INDEX.fullmatch(statement):
        return not index[1] or index[2].lower() in new
    columns = _COLUMNS.fullmatch(statement)
    return columns is not None and all(
        _COLUMN.fullmatch(action) for action in _NEXT_COLUMN.split(columns[1])
    )
