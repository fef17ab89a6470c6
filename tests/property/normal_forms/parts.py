"""Parts of modules in their normal form, and what several dialects write alike.

`modules()` of each dialect beside this file draws a module as its manifests can describe one, and
`manifest()` writes it down. Nothing here has a place: a place is what reading adds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from xtask.diagnostics import Place, Source
from xtask.manifest.module import EntryPoint, Migration, Operation, Requirement, Setting, Stated

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

NOWHERE = Place(Source(""))
IN_FOLDER = {
    "is_package": True,
    "build_requires": ("hatchling>=1.25",),
    "build_back_end": "hatchling.build",
}
"""What every module has that is a folder of another system, for which xtask writes a project."""
FEW = 3


# Letters of which no word of Python's grammar is made.
LETTERS, WORD = (
    st.text("abcdxyz", min_size=1, max_size=2),
    st.text("abcdxyz2", min_size=1, max_size=4),
)


def joined(sign: str, *, first: st.SearchStrategy[str] = LETTERS) -> st.SearchStrategy[str]:
    """Return one to three short words, of which the first begins with a letter."""
    long = st.builds("{}{}".format, first, WORD).map(lambda word: f"{word}zz")
    rest = st.lists(WORD, max_size=2)
    return st.builds(lambda word, more: sign.join([word, *more]), long, rest)


PROSE = st.text(max_size=12)
TITLES = st.text(min_size=1, max_size=12)
SNAKE = joined("_")
KEBAB = joined("-")
NAMES = SNAKE | KEBAB
NUMBER = st.integers(0, 400)
LABELS = st.sampled_from(["", "", "-rc.1", "-0a", "+build.7", "-alpha-1.2+5"])
VERSIONS = st.builds("{}.{}.{}{}".format, NUMBER, NUMBER, NUMBER, LABELS)
RANGES = st.sampled_from(["*", "^1.2", "~2.0.1", ">=1.0.0", "=3.1.4"])
PERMISSIONS = st.builds("{}:{}".format, SNAKE, SNAKE)
ORDERS = st.integers(-1000, 1000)
FEATURES = st.builds(
    "/{}{}".format, joined("/"), st.sampled_from(["", "", "/:id", "/a-b/:one/:two"])
)
METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"])
SCHEDULES = st.sampled_from(["* * * * *", "*/5 0-6 1,15 jan-mar mon", "0 4 29 2 *"])
INTEGERS = st.integers(-(2**53), 2**53)
NUMBERS = INTEGERS | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = {"string": PROSE, "integer": INTEGERS, "number": NUMBERS, "boolean": st.booleans()}


def few(
    items: st.SearchStrategy[Any], key: Callable[[Any], object] | None = None
) -> st.SearchStrategy[tuple[Any, ...]]:
    """Return a few different things."""
    return st.lists(items, max_size=FEW, unique_by=key or repr).map(tuple)


def maybe(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | items


def stated(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Stated]:
    return st.builds(Stated, texts, st.just(NOWHERE))


def page_name(module: str, path: str) -> str:
    """Return what docs/manifest.md calls the page at a path of letters, digits, `-` and `:`."""
    return f"{module.replace('_', '-')}.{'-'.join(re.findall(r'[a-z0-9]+', path))}"


def requirements(
    ranges: st.SearchStrategy[str], names: st.SearchStrategy[str] = NAMES
) -> st.SearchStrategy[tuple[Requirement, ...]]:
    return few(st.builds(Requirement, names, ranges, st.just(NOWHERE)), lambda item: item.module)


def paths(module: str) -> st.SearchStrategy[tuple[str, ...]]:
    """Return paths of pages whose names differ."""
    return few(FEATURES, lambda path: page_name(module, path))


def operations(prefix: str) -> st.SearchStrategy[tuple[Operation, ...]]:
    """Return what a router below a prefix answers."""
    path = st.builds("{}/{}{}".format, st.just(prefix), joined("/"), st.sampled_from(["", "/{id}"]))
    return few(st.builds(Operation, METHODS, path, st.just(NOWHERE)), lambda item: item.path)


def targets(package: str, attributes: st.SearchStrategy[str]) -> st.SearchStrategy[EntryPoint]:
    """Return names in files of a package; no file is called like a package beside it."""
    module = joined("_x.q").map(lambda text: f"{package}.{text}_y")
    return st.builds(EntryPoint, module, attributes)


def migrations(folder: str, ending: str = "") -> st.SearchStrategy[tuple[Migration, ...]]:
    """Return the steps 001, 002 and so on with any names."""
    return few(SNAKE).map(
        lambda names: tuple(
            Migration(
                f"{folder}/{number:03}_{name}{ending}.sql", f"{folder}/{number:03}_{name}.down.sql"
            )
            for number, name in enumerate(names, start=1)
        )
    )


@st.composite
def setting(
    draw: st.DrawFn, keys: st.SearchStrategy[str], kinds: Collection[str], *, secrets: bool = True
) -> Setting:
    """Draw a setting of a scalar type whose default fits its bounds or options."""
    kind = draw(st.sampled_from(sorted(kinds)))
    values = SCALARS[kind]
    found = Setting(
        key=draw(keys), type=kind, default=draw(maybe(values)), required=draw(st.booleans()),
        description=draw(PROSE), minimum=None, maximum=None, options=(), secret=False,
        place=NOWHERE,
    )  # fmt: skip
    how = draw(st.sampled_from(["free", "bounds", "options", "secret"]))
    if how == "bounds" and kind in {"integer", "number"}:
        low, *middle, high = sorted(draw(st.lists(values, min_size=3, max_size=3)))
        default = None if found.default is None else middle[0]
        return found._replace(default=default, minimum=low, maximum=high)
    if how == "options" and kind != "boolean":
        options = draw(st.lists(values, min_size=1, max_size=FEW, unique=True))
        default = None if found.default is None else draw(st.sampled_from(options))
        return found._replace(default=default, options=tuple(options))
    if how == "secret" and secrets:
        return found._replace(default=None, secret=True)
    return found


def spelled(
    values: Mapping[str, Any], defaults: Mapping[str, Any], *, terse: bool
) -> dict[str, Any]:
    """Return a table as it is written: a terse one leaves out what is as if it were not there."""
    empty = {key: value for key, value in defaults.items() if terse}
    return {
        key: value
        for key, value in values.items()
        if not (key in empty and value == empty[key] and type(value) is type(empty[key]))
    }
