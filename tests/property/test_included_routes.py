"""What is read of routers over several files is what FastAPI answers once they are imported."""

from __future__ import annotations

import importlib
import itertools
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from tests.support.budgets import budget
from tests.support.workspace import no_problems, write
from xtask.diagnostics import Place, Problems, Source
from xtask.manifest.dialects.shared import operations, python_files
from xtask.manifest.folder import Folder
from xtask.manifest.module import EntryPoint, Router
from xtask.manifest.operations import openapi_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HERE = Place(Source("module.json"))
NUMBERS = itertools.count()
# Each may include those after it.
MODULES = ("main", "a", "b", "c.d", "c.e")
WAYS = (
    "from {whole} import router as r{n}\nrouter.include_router(r{n}, prefix={prefix!r})",
    "import {whole} as r{n}\nrouter.include_router(r{n}.router, prefix={prefix!r})",
    "import {whole}\nrouter.include_router({whole}.router, prefix={prefix!r})",
    """from {near} import router as x{n}
r{n} = x{n}
router.include_router(r{n}, prefix={prefix!r})""",
    """from {near} import router as x{n}
for r{n} in [x{n}]:
    router.include_router(r{n}, prefix={prefix!r})""",
)
PREFIXES = st.sampled_from(["", "/x", "/y", "/z"])
PATHS = st.sampled_from(["/p", "/q/{item}", "/r/{rest:path}"])


class Plan(NamedTuple):
    """What a file has: its router's prefix and paths, and which others it includes, and how."""

    prefix: str
    paths: list[str]
    includes: list[tuple[str, str, str]]

    def source(self, package: str, dots: str) -> Iterator[str]:
        yield f"from fastapi import APIRouter\nrouter = APIRouter(prefix={self.prefix!r})"
        for path in self.paths:
            yield f"@router.get({path!r})\ndef f(): ..."
        for n, (module, way, prefix) in enumerate(self.includes):
            whole, near = f"{package}.{module}", f"{dots}{module}"
            yield way.format(whole=whole, near=near, n=n, prefix=prefix)


def plans(after: tuple[str, ...]) -> st.SearchStrategy[Plan]:
    include = st.tuples(st.sampled_from(after or ("none",)), st.sampled_from(WAYS), PREFIXES)
    includes = st.lists(include, max_size=2 if after else 0)
    return st.builds(Plan, PREFIXES, st.lists(PATHS, unique=True, max_size=2), includes)


@pytest.mark.filterwarnings("ignore:Duplicate Operation ID")
@budget(25)
@given(st.tuples(*(plans(MODULES[number:]) for number in range(1, len(MODULES) + 1))))
def test_what_is_read_is_what_fastapi_answers(
    tmp_path_factory: pytest.TempPathFactory, planned: tuple[Plan, ...]
) -> None:
    package, root = f"included{next(NUMBERS)}", tmp_path_factory.getbasetemp() / "included"
    files = {"__init__.py": "", "c/__init__.py": ""}
    for module, plan in zip(MODULES, planned, strict=True):
        dots = "." * (module.count(".") + 1)
        files[f"{module.replace('.', '/')}.py"] = "\n".join(plan.source(package, dots)) + "\n"
    folder, problems = Folder(write(root / package, files), package), Problems()
    routers = [Router("/api", EntryPoint(f"{package}.main", "router"), HERE)]
    read = operations(routers, package, folder, python_files(folder, problems), problems)
    no_problems(problems)
    assert answered(root, package) == {(openapi_path(item.path), item.method) for item in read}


def answered(root: Path, package: str) -> set[tuple[str, str]]:
    """Return what FastAPI answers when a package is imported for real."""
    sys.path.insert(0, str(root))
    try:
        importlib.invalidate_caches()
        app = FastAPI()
        app.include_router(importlib.import_module(f"{package}.main").router, prefix="/api")
        paths = app.openapi()["paths"]
        return {(path, method.upper()) for path in paths for method in paths[path]}
    finally:
        sys.path.remove(str(root))
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            del sys.modules[name]
