"""The folder of a module: every file that its normal form says is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xtask.manifest.module import EntryPoint, Module

ROUTER = "from fastapi import APIRouter\n\nrouter = APIRouter()\n"
FUNCTION = "\n\nasync def {}(data, context): ...\n"
OPERATION = '\n\n@router.{}("{}")\nasync def answer{}(): ...\n'


def files_of(module: Module, source: str = "") -> dict[str, str]:
    """Return files by their paths, without the manifest.

    Args:
        module: a module in its normal form.
        source: the folder that has the package when the module's folder itself is none.
    """
    files = dict(_code(module, source))
    for route in module.routes if module.assets else ():
        files[f"{source}{module.assets}/{route.entry}"] = "export default {}\n"
    for step, table in zip(module.migrations, [*module.tables, *module.migrations], strict=False):
        sql = (
            f'CREATE TABLE "{table.name}" (id INT);\n' if table in module.tables else "SELECT 1;\n"
        )
        files |= {f"{source}{step.up}": sql, f"{source}{step.down}": "SELECT 2;\n"}
    return files


def _targets(module: Module) -> Iterator[EntryPoint]:
    for part in (*module.endpoints, *module.jobs, *module.hooks, *module.apps):
        yield part.target
    yield from [module.host] if module.host else []


def _code(module: Module, source: str) -> Iterator[tuple[str, str]]:
    """Yield Python files: routers with what they answer, and everything else that is named."""
    texts: dict[str, str] = {f"{module.package}.__init__": f'__version__ = "{module.version}"\n'}
    for router in module.routers:
        texts[router.target.module] = ROUTER + "".join(
            OPERATION.format(item.method.lower(), item.path[len(router.prefix) :], index)
            for index, item in enumerate(module.operations)
            if item.path.startswith(f"{router.prefix}/")
        )
    for target in dict.fromkeys(_targets(module)):
        texts.setdefault(target.module, "")
        texts[target.module] += FUNCTION.format(target.attribute)
    for name, text in texts.items():
        steps = name[len(module.package) + 1 :].split(".")
        for depth in range(1, len(steps)):
            yield f"{source}{'/'.join(steps[:depth])}/__init__.py", ""
        yield f"{source}{'/'.join(steps)}.py", text
