"""A strict cursor over one table of a manifest: what was not asked for is an unknown key.

Every read checks presence and type and notes what is wrong with its place; after a problem the
read returns an empty value, so that reading goes on and one run shows everything.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

from xtask.diagnostics import Place, Problems, did_you_mean, listed
from xtask.manifest.grammar import DURATION, MAX_LENGTH

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from xtask.diagnostics import KeyPath, Source
    from xtask.manifest.grammar import Grammar

Scalar = str | int | float | bool
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# More keys than a help line can name, or a reader wants to see.
_MANY_KEYS = 40
_PLAIN = "write strings, numbers, true and false, or arrays and tables of them"
# Levels of arrays and tables in a plain value.
_MAX_DEPTH = 17

_NAMES: dict[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    list: "an array",
    dict: "a table",
    datetime: "a date with time and offset",
}

_HELP: dict[type, str] = {
    str: 'put it in quotes: `"…"`',
    bool: "write `true` or `false`, without quotes",
    int: "write a number, without quotes",
    float: "write a number, without quotes",
    list: 'put it in brackets: `["…", "…"]`, or `[[…]]` for a list of tables',
    dict: "write a table: `[…]` on a line of its own, or `{ … }`",
    datetime: "write it without quotes and in UTC: `2026-12-24T00:00:00Z`",
}
# In notations that are not TOML, whose tables and arrays have one form.
_PLAIN_HELP: dict[type, str] = {
    list: 'put it in brackets: `["…", "…"]`',
    dict: 'write a table: `{"…": …}`',
}
_PYTHON_HELP: dict[type, str] = {bool: "write `True` or `False`, without quotes"}


class Table:
    """One table, its place, and the keys that were asked for."""

    __slots__ = ("_asked", "_is_table", "_key", "_named", "_values", "place", "problems")

    def __init__(
        self,
        values: dict[str, Any],
        place: Place,
        problems: Problems,
        named: str | Table,
        key: str = "",
    ) -> None:
        """Start reading `values`.

        None, which JSON and Python have, counts as absent.

        Args:
            values: the table.
            place: where it stands.
            problems: where everything wrong goes.
            named: what messages call the table, or the table that it stands in.
            key: its key there.
        """
        self._values = values
        self._asked: set[str] = set()
        self._is_table = True
        self.place = place
        self.problems = problems
        self._named = named
        self._key = key

    @property
    def name(self) -> str:
        """What messages call the table."""
        return self._named if isinstance(self._named, str) else self._named.path_of(self._key)

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def text(self, key: str, *, default: str | None = None, grammar: Grammar | None = None) -> str:
        """Return a string; without a default the key is required.

        Args:
            key: the key in this table.
            default: the value when the key is absent.
            grammar: what the string has to follow (XT0205 and an empty string otherwise).
        """
        value = self._get(key, str, "" if default is None else default, required=default is None)
        if grammar is None or not isinstance(self._values.get(key), str):
            return str(value)
        return self.checked(value, key, grammar)

    def checked(self, value: str, key: str, grammar: Grammar, code: str = "XT0205") -> str:
        """Return a string that follows a grammar; otherwise nothing, and note what it is not."""
        if grammar.matches(value):
            return value
        limit = f"has more than {MAX_LENGTH} characters"
        what = limit if len(value) > MAX_LENGTH else f"is not {grammar.meaning}"
        self.wrong(code, f"`{shortened(value)}` {what}", key, help=grammar.rule)
        return ""

    def wrong(self, code: str, message: str, *key: str | int, help: str | None = None) -> None:  # noqa: A002
        """Note that something under `key` is wrong."""
        self.problems.add(code, message, self.place.at(*key), help=help)

    def require_key(self, key: str, grammar: Grammar) -> None:
        """Note a key of this table that the user chose and that does not follow its grammar."""
        if not grammar.matches(key):
            message = f"`{shortened(key)}` is not {grammar.meaning}"
            place = self.place.at(key, part="key")
            self.problems.add("XT0205", message, place, help=grammar.rule)

    def optional_text(self, key: str) -> str | None:
        """Return a string, or None when the key is absent."""
        return self._get(key, str, None)  # type: ignore[no-any-return]

    def integer(self, key: str, *, default: int) -> int:
        """Return an integer."""
        return int(self._get(key, int, default))

    def boolean(self, key: str, *, default: bool = False) -> bool:
        """Return true or false."""
        return bool(self._get(key, bool, default))

    def duration(self, key: str, *, default: int = 0) -> int:
        """Return a duration in seconds, such as 90 of `90s`."""
        text = self.text(key, default="", grammar=DURATION)
        number, unit = DURATION.parts(text) or (None, "s")
        return default if number is None else int(number) * _SECONDS[unit]

    def moment(self, key: str) -> datetime | None:
        """Return a moment, or note that it is absent, something else, or of no time zone."""
        value: datetime | None = self._get(key, datetime, None, required=True)
        if value is not None and value.tzinfo is None:
            message = f"`{key}` does not say in which time zone it is"
            self.wrong("XT0203", message, key, help=_HELP[datetime])
            return None
        return value

    def choice(self, key: str, options: Collection[str], *, default: str | None = None) -> str:
        """Return one of the allowed words (XT0204 otherwise)."""
        value = self.text(key, default=default)
        if isinstance(self._values.get(key), str) and value not in options:
            self.wrong(
                "XT0204",
                f"`{shortened(value)}` is not a value of `{key}`",
                key,
                help=did_you_mean(value, options) or f"its values are {listed(sorted(options))}",
            )
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return an array of strings, empty when the key is absent."""
        values = self._get(key, list, [])
        for index, value in enumerate(values):
            if not isinstance(value, str):
                self._wrong_type(f"an entry of `{key}`", str, value, self.place.at(key, index))
        return tuple(value for value in values if isinstance(value, str))

    def scalar(self, key: str) -> Scalar | None:
        """Return a string, finite number or boolean as it stands, or None when there is none."""
        self._asked.add(key)
        return self._scalar(f"`{key}`", self._values.get(key), self.place.at(key))

    def number(self, key: str) -> float | None:
        """Return a finite number as it stands, or None when there is none."""
        value = self.scalar(key)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        self._wrong_type(f"`{key}`", float, value, self.place.at(key))
        return None

    def plain(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return a value that JSON has too, and that is not nested too deeply, or None."""
        value = self.value(key)
        waiting: list[tuple[KeyPath, object]] = [((key,), value)]
        while waiting:
            path, item = waiting.pop()
            if isinstance(item, list | dict) and len(path) <= _MAX_DEPTH:
                inside = item.items() if isinstance(item, dict) else enumerate(item)
                waiting += [((*path, name), part) for name, part in inside]
            elif wrong := _not_plain(item):
                what = f"`{key}`" if len(path) == 1 else f"a part of `{key}`"
                self.wrong("XT0203", f"{what} {wrong}", *path, help=_PLAIN)
                return None
        return value

    def scalars(self, key: str) -> tuple[Scalar, ...]:
        """Return an array of strings, numbers or booleans, empty when the key is absent."""
        values = [
            self._scalar(f"an entry of `{key}`", value, self.place.at(key, index))
            for index, value in enumerate(self._get(key, list, []))
        ]
        return tuple(value for value in values if value is not None)

    def table(self, key: str) -> Table:
        """Return a table inside this one, empty when the key is absent."""
        inside = Table(self._get(key, dict, {}), self.place.at(key), self.problems, self, key)
        # Of something else than a table nothing more is said than that.
        inside._is_table = isinstance(self._values.get(key, {}), dict)
        return inside

    def tables(self, key: str) -> list[Table]:
        """Return an array of tables, empty when the key is absent."""
        found = []
        for index, value in enumerate(self._get(key, list, [])):
            if isinstance(value, dict):
                place = self.place.at(key, index)
                found.append(Table(value, place, self.problems, self, key))
            else:
                self._wrong_type(f"an entry of `{key}`", dict, value, self.place.at(key, index))
        return found

    def items(self) -> Iterator[tuple[str, Table]]:
        """Yield each key and its table, for tables whose keys are names that the user chose."""
        for key in self._values:
            yield key, self.table(key)

    def keys(self) -> Iterator[str]:
        """Yield the keys, for tables whose keys are names that the user chose."""
        yield from self._values

    def kind(self, key: str) -> type | None:
        """Return the type of a value that may have more than one, None when it is absent."""
        value = self._values.get(key)
        return None if value is None else type(value)

    def value(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return a value as it stands, for keys that may hold anything."""
        self._asked.add(key)
        return self._values.get(key)

    def ignore(self, *keys: str) -> None:
        """Know keys that change nothing in a product, so that they are not unknown."""
        self._asked.update(keys)

    def done(self) -> None:
        """Note every key that nobody asked for (XT0201); of very many, the first ones."""
        if self._values.keys() <= self._asked:
            return
        absent = sorted(self._asked - self._values.keys())
        unknown = [key for key in self._values if key not in self._asked]
        for key in unknown[:_MANY_KEYS]:
            near = did_you_mean(key, absent)
            self._unknown(f"unknown key `{shortened(key)}` in {self.name}", key, near)
        if more := unknown[_MANY_KEYS:]:
            self._unknown(f"{len(more)} more unknown keys in {self.name}", more[0])

    def _unknown(self, message: str, key: str, near: str | None = None) -> None:
        place = self.place.at(key, part="key")
        self.problems.add("XT0201", message, place, help=near or self._keys_help())

    def _keys_help(self) -> str:
        if len(self._asked) > _MANY_KEYS:
            return f"{self.name} has {len(self._asked)} keys, and none of them is close to this"
        return f"the keys of {self.name} are {listed(sorted(self._asked))}"

    def _get(self, key: str, kind: type, default: Any, *, required: bool = False) -> Any:  # noqa: ANN401
        self._asked.add(key)
        if self._values.get(key) is None:
            if required and self._is_table:
                message = f"`{key}` is missing in {self.name}"
                pair = self.place.source.pair.format(key)
                self.problems.add("XT0202", message, self.place, help=f"add `{pair}`")
            return default
        value = self._values[key]
        if type(value) is not kind:
            self._wrong_type(f"`{key}`", kind, value, self.place.at(key))
            return default
        return value

    def path_of(self, key: str) -> str:
        """Return what messages call something under a key of this table."""
        brackets = "[{}]" if "=" in self.place.source.pair else "{}"
        path = f"{self.name.strip('`[]')}.{key}" if self.place.key else key
        return f"`{brackets.format(path)}`"

    def _scalar(self, what: str, value: object, place: Place) -> Scalar | None:
        """Return the value if JSON has it too (RFC 8259 section 6 has no infinity and no NaN)."""
        if isinstance(value, float) and not math.isfinite(value):
            self.problems.add("XT0203", f"{what} must be a finite number", place, help=_HELP[int])
        elif isinstance(value, Scalar):
            return value
        elif value is not None:
            got = _named(value)
            wanted = "a string, a number, true or false"
            self.problems.add(
                "XT0203", f"{what} must be {wanted}, not {got}", place, help=_HELP[str]
            )
        return None

    def _wrong_type(self, what: str, kind: type, value: object, place: Place) -> None:
        message = f"{what} must be {_NAMES[kind]}, not {_named(value)}"
        self.problems.add("XT0203", message, place, help=_help(kind, place.source))


def _help(kind: type, source: Source) -> str:
    """Return how a value of a kind is written in the notation of a file."""
    if "=" in source.pair:
        return _HELP[kind]
    of_python = _PYTHON_HELP if source.path.endswith(".py") else {}
    return of_python.get(kind) or _PLAIN_HELP.get(kind, _HELP[kind])


def _named(value: object) -> str:
    name = None if isinstance(value, datetime) else _NAMES.get(type(value))
    return "nothing" if value is None else name or "a date or time"


def _not_plain(value: object) -> str | None:
    """Return why a value inside arrays and tables is not plain, or None."""
    if isinstance(value, list | dict):
        return f"is nested more than {_MAX_DEPTH} levels deep"
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    return None if value is None or isinstance(value, Scalar) else f"may not be {_named(value)}"


def shortened(text: str, limit: int = 60) -> str:
    """Return the text as a message quotes it: its start when it is long."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
