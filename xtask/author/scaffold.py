"""The files of a new module in each dialect: it builds as it is, nothing waits to be replaced."""

from __future__ import annotations

import re
from functools import lru_cache
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING

from xtask.errors import UsageError
from xtask.manifest import grammar

if TYPE_CHECKING:
    from jinja2 import Environment

_SNAKE = grammar.Grammar(
    r"[a-z][a-z0-9]*(_[a-z0-9]+)*",
    "a name in snake case",
    "lower-case letters, digits, and single `_` between them, such as `gift_cards`",
)
_KEBAB = grammar.Grammar(
    r"(?=.{3,50}\Z)[a-z][a-z0-9]*(-[a-z0-9]+)*",
    "a name in kebab case",
    "3 to 50 lower-case letters, digits, and single `-` between them, such as `gift-cards`",
)
_GRAMMARS = {
    "native": grammar.NAME,
    "flux": _SNAKE,
    "fastvue": _SNAKE,
    "capability": _KEBAB,
    "bmc": grammar.NAME,
}
DIALECTS = tuple(_GRAMMARS)
"""The dialects that a module can be begun in, in the order of the documentation."""

_TEMPLATES = Path(__file__).with_name("templates")
# The step of a template's path that becomes the module's own package.
_PACKAGE = "PACKAGE"


def scaffold(name: str, dialect: str) -> dict[str, bytes]:
    """Return the files of a new module by path, sorted.

    Args:
        name: what it is called in `modules.toml`.
        dialect: one of `DIALECTS`.

    Raises:
        UsageError: no module of the dialect can be called that.
    """
    require_name(name, _GRAMMARS[dialect])
    package = name.replace("-", "_")
    if iskeyword(package):
        raise UsageError(
            f"`{package}` is a word of Python's grammar, no package can be called that",
            help="give the module another name",
        )
    words = {
        "name": name,
        "package": package,
        "owner": name.replace("_", "-"),
        "title": re.sub("[-_]", " ", name).capitalize(),
    }
    top = _TEMPLATES / dialect
    found = {}
    for path in sorted(top.rglob("*.j2")):
        relative = path.relative_to(top).as_posix().removesuffix(".j2")
        template = _environment().get_template(f"{dialect}/{relative}.j2")
        found[relative.replace(_PACKAGE, package)] = template.render(words).encode()
    return dict(sorted(found.items()))


def require_name(name: str, kind: grammar.Grammar = grammar.NAME) -> None:
    """Refuse what no module can be called.

    Raises:
        UsageError: the name does not follow the grammar.
    """
    if not kind.matches(name):
        raise UsageError(f"`{name[:60]}` is not {kind.meaning}", help=kind.rule)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - start-up

    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - names have passed a grammar without any special character
    )
