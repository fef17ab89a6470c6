"""Synthetic products: N native modules and a host, the same bytes for the same seed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HOST = "host"
_MAX_REQUIRES = 3
_STATIC_FILES = 4
_STATIC_BYTES = 25_000
_FUNCTIONS = 10
_TEXT = """
    account amount article basket buyer carrier cart change charge city client coupon customer
    delivery discount entry event filter group history index invoice item label ledger level
    limit list margin market note notice number offer order owner page parcel parent payment
    period price product profile quantity query rate reason receipt record refund region report
    request result review role rule sale season section seller session stage state status stock
    store subject supply table target tax term title token total value vendor version volume
"""
_WORDS = _TEXT.split()

_MODULE = """\
[module]
name = "{name}"
version = "1.0.0"
description = "Synthetic module {name}"
package = "{package}"
license = "Apache-2.0"
{requires}
[[api.routers]]
prefix = "/api/{name}"
router = "{package}.api:router"

[[frontend.routes]]
name = "{name}.page"
path = "/{name}"
entry = "page0.js"
title = "{name}"

[[frontend.navigation]]
label = "{name}"
route = "{name}.page"
permission = "{name}.read"

[permissions]
"{name}.read" = "Read what {name} has"

[assets]
directory = "static"
"""
_HOST = """\
[module]
name = "host"
version = "1.0.0"
description = "Synthetic host"
package = "host"
license = "Apache-2.0"

[host]
main = "host.main:run"
"""
_PROJECT = """\
[build-system]
requires = ["hatchling>=1.25"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "1.0.0"
requires-python = ">=3.11"
dependencies = []

[tool.hatch.build.targets.wheel]
packages = ["src/{package}"]
"""
_COMPOSITION = """\
schema = 1
app = "bench"

[image]
base = "interpreter"
repository = "localhost/bench/product"

[modules]
host = {{ source = "path", path = "modules/host", required = true }}
{modules}
[settings]
default_enabled = [{enabled}]
"""


def module_names(count: int) -> list[str]:
    """Return the names of the modules beside the host, in the order of `modules.toml`."""
    return [f"m{number:05d}" for number in range(count)]


def write_workspace(root: Path, count: int, *, seed: int, small: bool = False) -> list[str]:
    """Write a workspace of a host and `count` modules and return the modules' names.

    Args:
        root: a new folder.
        count: how many modules beside the host.
        seed: the same seed gives the same bytes.
        small: one Python file and one line of JavaScript per module instead of about 200 lines of
            Python in five files and 100 kB of JavaScript in four.
    """
    names = module_names(count)
    lines = "".join(f'{n} = {{ source = "path", path = "modules/{n}" }}\n' for n in names)
    enabled = ", ".join(f'"{name}"' for name in names)
    _write(root / "modules.toml", _COMPOSITION.format(modules=lines, enabled=enabled))
    host = root / "modules" / HOST
    _write(host / "module.toml", _HOST)
    _write(host / "pyproject.toml", _PROJECT.format(name=HOST, package=HOST))
    _write(host / "src" / HOST / "__init__.py", '"""Synthetic host."""\n')
    _write(host / "src" / HOST / "main.py", "def run():\n    return 0\n")
    for number, name in enumerate(names):
        chance = random.Random(f"{seed}/{name}")  # noqa: S311 - synthetic text, not a secret
        earlier = sorted(
            chance.sample(names[:number], chance.randint(0, min(_MAX_REQUIRES, number)))
        )
        _write_module(root / "modules" / name, name, earlier, chance, small=small)
    return names


def edit_module(root: Path, name: str, number: int) -> None:
    """Append a line that no earlier edit wrote to one Python file of a module."""
    with (root / "modules" / name / "src" / name / "rules.py").open("a") as stream:
        stream.write(f"EDITED = {number}\n")


def _write_module(
    folder: Path, name: str, requires: list[str], chance: random.Random, *, small: bool
) -> None:
    lines = "".join(f'{other} = "^1.0"\n' for other in requires)
    table = f"\n[requires]\n{lines}" if requires else ""
    _write(folder / "module.toml", _MODULE.format(name=name, package=name, requires=table))
    _write(folder / "pyproject.toml", _PROJECT.format(name=name, package=name))
    package = folder / "src" / name
    _write(package / "__init__.py", f'"""Synthetic module {name}."""\n')
    _write(package / "api.py", f'router = {{"prefix": "/api/{name}"}}\n')
    if small:
        _write(package / "static" / "page0.js", "export const page = 0;\n")
        return
    for part in ("entries", "rules", "store"):
        _write(package / f"{part}.py", _python(part, chance))
    for number in range(_STATIC_FILES):
        _write(package / "static" / f"page{number}.js", _javascript(chance))


def _python(part: str, chance: random.Random) -> str:
    """Return a file of about 65 lines."""
    text = f'"""The {part}."""\n'
    for number in range(_FUNCTIONS):
        first, second, third = chance.sample(_WORDS, 3)
        text += (
            f"\n\ndef {first}_{second}_{number}({third}):\n"
            f'    """Return the {first} of a {third}."""\n'
            f'    {first} = [{third}, {chance.randint(0, 9999)}, "{second}"]\n'
            f"    return sorted({first}, key=str)\n"
        )
    return text


def _javascript(chance: random.Random) -> str:
    """Return about 25 kB of functions."""
    parts: list[str] = []
    size = 0
    while size < _STATIC_BYTES:
        first, second, third, fourth = chance.sample(_WORDS, 4)
        parts.append(
            f"export function {first}_{len(parts)}({second}, {third}) {{\n"
            f"  const {fourth} = {second}.{first} * {chance.randint(0, 99999)};\n"
            f'  return `<div class="{third}" id="{chance.getrandbits(64):016x}">'
            f"${{{fourth}}} ${{{third}}}</div>`;\n}}\n"
        )
        size += len(parts[-1])
    return "".join(parts)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
