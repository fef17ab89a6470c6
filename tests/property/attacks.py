"""Foreign text in every text of every dialect, and what of it may be in files that xtask writes.

Products are made of the golden one of five systems, with hostile text in it. One that is refused
is not looked at further; of one that is accepted every generated file, and the project that is
written for a folder, is compared with lists of what is allowed, see `verdicts`. What the verbs of
authors write is looked at too. `python -m tests.property` runs a campaign.
"""

from __future__ import annotations

import ast
import json
import shutil
import tomllib
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import tomlkit

from tests.property import authored
from tests.property.verdicts import examine
from tests.support.manifests import paths
from xtask.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.manifests import Path_

BASE = Path(__file__).parents[1] / "golden/modules_of_five_systems"
NATIVE = "host/module.toml"
DIALECTS = {
    NATIVE: "native",
    "databases/module.json": "flux",
    "crm/__manifest__.py": "fastvue",
    "rack-power/manifest.json": "capability",
    "invoice_ocr/module.json": "bmc",
    "blog/rustok-module.toml": "rustok",
}
CODE = ("databases/routes.py", "crm/api/routes.py", "invoice_ocr/backend/router.py")
SCRIPT = "databases/migrations/001_initial.sql"
TEXTS = (
    '"', "'", '"""', "'''", "\\", "\\\\'", "\n", "\r\n", "\r", "\t", "\0", "\x1b[31m", "\x7f",
    "{", "}", "{{ 7 * 7 }}", "{% include 'x' %}", "{# x #}", "#}", "%}", "}}", "${x}", "`", "%s",
    "\x85", "\u202e", "\u2066", "\u200b", "\u2028", "\u2029", "\ufeff", "\U0001d4b3", "\ufb01le",
    "\u0440\u0430\u0443\u0440\u0430l", "\uff46\uff55\uff4c\uff4c", "\u0131", "\u212a", "e\u0301",
    "</script>", "<script>", "<!--", "-->", "]]>", "&amp;", "*/", "/*", "//", "#", "--", ";", "{0}",
    "__proto__", "constructor", "prototype", "__import__('os')", "import os", "None", "eval", "",
    '");import os;("', "'+__import__('os')+'", '"}};//', "'; DROP TABLE x; --", "..", "../../x",
    "\\N{BULLET}", "\\u0041", "\\x41", "\\\n", "a" * 300, "-1", "1e999", "NaN", "/", "漢字",
)  # fmt: skip
"""Pieces of hostile text: quotes, ends of comments, templates, controls, look-alikes, names."""

# What people read, which takes nearly any text; a parent is named by the text of a link.
_PROSE = frozenset(
    {"display_name", "displayName", "description", "author", "license", "title", "icon", "label"}
    | {"summary", "category", "nav_label", "page_title", "parent", "website", "nav_group"}
)
_OFTEN, _RARELY, _HARDLY_EVER = 0.5, 0.1, 0.04


class Outcome(NamedTuple):
    """What became of one product: where more than prose was changed, why it was refused.

    `nodes` and `texts` are those of generated code, see `Seen`; `begun` and
    `added` say what the verbs of authors took.
    """

    changed: frozenset[str]
    codes: frozenset[str]
    nodes: int
    texts: int
    begun: bool
    added: bool


def outcomes(seed: int, count: int, root: Path) -> Iterator[Outcome]:
    """Compose products in one folder after the other; the same seed makes the same products.

    Raises:
        AssertionError: something foreign is in generated code.
    """
    shutil.copytree(BASE, root, ignore=shutil.ignore_patterns("generated"))
    plain = {path: (BASE / path).read_bytes() for path in (*DIALECTS, *CODE, SCRIPT)}
    for number in range(count):
        random = Random(f"{seed}:{number}")  # noqa: S311 - repeatable, not secret
        for path, data in plain.items():
            (root / path).write_bytes(data)
        changed = _change(random, root)
        try:
            verbs = authored.outcome(random, text(random))
            outcome = Outcome(changed, frozenset(), *examine(root), *verbs)
        except InvalidError as error:
            outcome = Outcome(changed, _codes(error), 0, 0, *verbs)
        except BaseException as error:
            error.add_note(f"product {number} of seed {seed}")
            raise
        yield outcome


def _codes(error: InvalidError) -> frozenset[str]:
    return frozenset(item.code for item in error.problems if item.severity == "error")


def text(random: Random) -> str:
    """Return one to three hostile pieces, sometimes around a harmless word."""
    pieces = [random.choice(TEXTS) for _ in range(random.randint(1, 3))]
    return "".join([*pieces, "word"] if random.random() < _OFTEN else pieces)


def _change(random: Random, root: Path) -> frozenset[str]:
    """Write hostile text into the product; return the dialects where it is in more than prose."""
    documents = {path: _read(path) for path in DIALECTS}
    spelled: dict[str, str] = {}
    for values in documents.values():
        _change_prose(random, values, spelled)
    requirement = f"pandas>=2; platform_version != {text(random)!r}"
    documents["crm/__manifest__.py"]["external_dependencies"]["python"] = [requirement]
    strange = [path for path in DIALECTS if random.random() < _HARDLY_EVER]
    for path in strange:
        _change_any(random, documents[path])
    for path, values in documents.items():
        (root / path).write_text(_WRITERS[Path(path).suffix](values), newline="")
    if random.random() < _OFTEN / 2:
        path = random.choice(CODE)
        code = (root / path).read_text()
        (root / path).write_text(code + f"\n@router.get({'/' + text(random)!r})\ndef more(): ...\n")
    if random.random() < _OFTEN / 2:
        (root / SCRIPT).write_text(f'CREATE TABLE "databases_{text(random)}" (id);\n', newline="")
    return frozenset(DIALECTS[path] for path in strange)


def _read(path: str) -> dict[str, Any]:
    source = (BASE / path).read_text()
    if path.endswith(".json"):
        return dict(json.loads(source))
    return dict(tomllib.loads(source) if path.endswith(".toml") else ast.literal_eval(source))


_WRITERS: dict[str, Callable[[dict[str, Any]], str]] = {
    ".json": lambda values: json.dumps(values, ensure_ascii=False),
    ".toml": tomlkit.dumps,
    ".py": repr,
}


def _change_prose(random: Random, values: dict[str, Any], spelled: dict[str, str]) -> None:
    """Replace what people read; what was spelled alike in other manifests still is."""
    for path in [*paths(values)]:
        value = _at(values, path)
        is_prose = path[-1] in _PROSE or (path[0], path[-1]) == ("menus", "name")
        if is_prose and isinstance(value, str) and not value.startswith("/"):
            is_kept = random.random() < _RARELY
            _put(values, path, spelled.setdefault(value, value if is_kept else text(random)))


def _change_any(random: Random, values: dict[str, Any]) -> None:
    """Replace or surround one text or key, whatever it is; other types have no room for text."""
    keys = [path for path in paths(values) if isinstance(path[-1], str)]
    texts = [path for path in paths(values) if isinstance(_at(values, path), str)]
    hostile = text(random)
    if random.random() < _OFTEN / 2:
        path = random.choice(keys)
        inside = _at(values, path[:-1])
        inside[hostile] = inside.pop(path[-1])
    else:
        path = random.choice(texts)
        around = (_at(values, path), "") if random.random() < _OFTEN else ("", "")
        _put(values, path, hostile.join(around))


def _at(values: Any, path: Path_) -> Any:
    for key in path:
        values = values[key]
    return values


def _put(values: dict[str, Any], path: Path_, value: object) -> None:
    _at(values, path[:-1])[path[-1]] = deepcopy(value)
