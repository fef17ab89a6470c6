"""The import check: everything that the registry names is imported before an image exists.

The child that imports is started by itself, so that its interpreter can load what every registry
needs before there is a product.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from xtask.errors import XtaskError
from xtask.process import Child, ProcessError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xtask.diagnostics import Place, Problems
    from xtask.manifest.module import Hook, Job, Module
    from xtask.resolve.select import Selection

_PROGRAM = Path(__file__).with_name("import_probe.py")
_REGISTRY = "generated.registry:MODULES"
_SECONDS = 300


class _Named(NamedTuple):
    module: str
    target: str
    place: Place


def start_probe(python: Sequence[str] = (sys.executable,)) -> Child:
    """Return a child that is ready to import a product with its Python, `python` starts it.

    Raises:
        ProcessError: it cannot be started.
    """
    environment = {"PATH": os.defpath, "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    return Child([*python, "-I", "-S", str(_PROGRAM)], env=environment)


def check_imports(selection: Selection, site: Path, problems: Problems, probe: Child) -> None:
    """Import the registry and all it names in a child process; XT0401 for what fails.

    Args:
        selection: the product.
        site: a folder with exactly what the image has on its module path.
        problems: where failures go.
        probe: a child that has imported nothing of a product yet; it ends.

    Raises:
        XtaskError: the registry itself or the probe failed.
    """
    named = [entry for module in selection.modules for entry in _named(module)]
    targets = sorted({_REGISTRY, *(entry.target for entry in named)})
    request = json.dumps({"site": str(site), "targets": targets})
    try:
        *_, answer = probe.finish(request, timeout=_SECONDS).splitlines()
    except ProcessError as error:
        raise _early_end(error.message) from error
    if not answer.startswith("{"):
        raise _early_end(answer)
    failures: dict[str, str] = json.loads(answer)
    for entry in named:
        if entry.target in failures:
            problems.add(
                "XT0401",
                f"`{entry.target}` of module `{entry.module}` cannot be imported",
                entry.place,
                failures[entry.target].splitlines()[0],
                help="correct the name here or the code of the module; packages that it imports "
                "belong in `dependencies` of its pyproject.toml",
            )
    if _REGISTRY in failures and not problems.found:
        raise XtaskError(f"the generated registry cannot be imported: {failures[_REGISTRY]}")


def _early_end(said: str) -> XtaskError:
    return XtaskError(
        f"the import check ended early: {said}",
        help="the last import named above ends the interpreter or never returns",
    )


def _named(module: Module) -> Iterator[_Named]:
    """Yield each target that a module's manifest names, with the place of the name."""
    for router in module.routers:
        yield _Named(module.name, str(router.target), router.place.at("router"))
    for app in module.apps:
        yield _Named(module.name, str(app.target), app.place.at("app"))
    for endpoint in module.endpoints:
        yield _Named(module.name, str(endpoint.target), endpoint.place.at("handler"))
    called: tuple[Job | Hook, ...] = (*module.jobs, *module.hooks)
    for part in called:
        yield _Named(module.name, str(part.target), part.place.at("run"))
    if module.host:
        host = module.place._replace(key=("host", "main"))
        yield _Named(module.name, str(module.host), host)
