"""A strict cursor over one table of a manifest: what was not asked for is an unknown key.

Every read checks presence and type and notes what is wrong with its place; after a problem the
read returns an empty value, so that reading goes on and one run shows everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xtask.diagnostics import Place, Problems, did_you_mean, listed

if TYPE_CHECKING:
    import re
    from collections.abc import Collection, Iterator

Scalar = str | int | float | bool

_NAMES: dict[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    list: "an array",
    dict: "a table",
}


class Table:
    """One table, its place, and the keys that were asked for."""

    __slots__ = ("_asked", "_values", "name", "place", "problems")

    def __init__(self, values: dict[str, Any], place: Place, problems: Problems, name: str) -> None:
        """Start reading `values`; `name` is what messages call the table."""
        self._values = values
        self._asked: set[str] = set()
        self.place = place
        self.problems = problems
        self.name = name

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def text(
        self,
        key: str,
        *,
        default: str | None = None,
        grammar: re.Pattern[str] | None = None,
        meaning: str = "",
    ) -> str:
        """Return a string; without a default the key is required.

        Args:
            key: the key in this table.
            default: the value when the key is absent.
            grammar: what the whole string has to match (XT0205 otherwise).
            meaning: how a message describes that grammar.
        """
        value = self._get(key, str, "" if default is None else default, required=default is None)
        if grammar and key in self._values and isinstance(self._values[key], str):
            self.require_grammar(value, key, grammar=grammar, meaning=meaning)
        return str(value)

    def require_grammar(
        self, value: str, *key: str | int, grammar: re.Pattern[str], meaning: str
    ) -> None:
        """Note XT0205 when a string does not match."""
        if not grammar.fullmatch(value):
            self.wrong("XT0205", f"`{_shortened(value)}` is not {meaning}", *key)

    def wrong(self, code: str, message: str, *key: str | int, help: str | None = None) -> None:  # noqa: A002
        """Note that something under `key` is wrong."""
        self.problems.add(code, message, self.place.at(*key), help=help)

    def optional_text(self, key: str) -> str | None:
        """Return a string, or None when the key is absent."""
        return self._get(key, str, None)  # type: ignore[no-any-return]

    def integer(self, key: str, *, default: int) -> int:
        """Return an integer."""
        return int(self._get(key, int, default))

    def boolean(self, key: str, *, default: bool = False) -> bool:
        """Return true or false."""
        return bool(self._get(key, bool, default))

    def choice(self, key: str, options: Collection[str], *, default: str | None = None) -> str:
        """Return one of the allowed words (XT0204 otherwise)."""
        value = self.text(key, default=default)
        if isinstance(self._values.get(key), str) and value not in options:
            self.wrong(
                "XT0204",
                f"`{_shortened(value)}` is not a value of `{key}`",
                key,
                help=did_you_mean(value, options) or f"one of {listed(sorted(options))}",
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
        """Return a string, number or boolean as it stands, or None when the key is absent."""
        self._asked.add(key)
        value = self._values.get(key)
        if value is not None and not isinstance(value, Scalar):
            message = f"`{key}` must be a string, a number, true or false"
            self.problems.add("XT0203", message, self.place.at(key))
            return None
        return value

    def scalars(self, key: str) -> tuple[Scalar, ...]:
        """Return an array of strings, numbers or booleans, empty when the key is absent."""
        return tuple(value for value in self._get(key, list, []) if isinstance(value, Scalar))

    def table(self, key: str) -> Table:
        """Return a table inside this one, empty when the key is absent."""
        return self._inside(key, self._get(key, dict, {}))

    def tables(self, key: str) -> list[Table]:
        """Return an array of tables, empty when the key is absent."""
        found = []
        for index, value in enumerate(self._get(key, list, [])):
            if isinstance(value, dict):
                found.append(
                    Table(value, self.place.at(key, index), self.problems, self._path(key))
                )
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

    def done(self) -> None:
        """Note every key that nobody asked for (XT0201)."""
        for key in self._values.keys() - self._asked:
            near = did_you_mean(key, self._asked - self._values.keys())
            self.problems.add(
                "XT0201",
                f"unknown key `{_shortened(key)}` in {self.name}",
                self.place.at(key, part="key"),
                help=near or f"the keys of {self.name} are {listed(sorted(self._asked))}",
            )

    def _get(self, key: str, kind: type, default: Any, *, required: bool = False) -> Any:  # noqa: ANN401
        self._asked.add(key)
        if key not in self._values:
            if required:
                self.problems.add("XT0202", f"`{key}` is missing in {self.name}", self.place)
            return default
        value = self._values[key]
        if type(value) is not kind:
            self._wrong_type(f"`{key}`", kind, value, self.place.at(key))
            return kind() if kind in (str, dict, list) else default
        return value

    def _inside(self, key: str, values: dict[str, Any]) -> Table:
        return Table(values, self.place.at(key), self.problems, self._path(key))

    def _path(self, key: str) -> str:
        return f"`[{key}]`" if not self.place.key else f"`[{self.name.strip('`[]')}.{key}]`"

    def _wrong_type(self, what: str, kind: type, value: object, place: Place) -> None:
        got = _NAMES.get(type(value), "a date or time")
        self.problems.add("XT0203", f"{what} must be {_NAMES[kind]}, not {got}", place)


def _shortened(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
