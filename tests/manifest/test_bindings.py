"""Routers of several files are one: imports lead from each to the next, and nothing is imported."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.budgets import budget
from tests.support.workspace import no_problems, write
from xtask.diagnostics import Place, Problems, Source
from xtask.manifest.dialects.shared import operations, python_files
from xtask.manifest.folder import Folder
from xtask.manifest.module import EntryPoint, Router

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from xtask.manifest.module import Operation

HERE = Place(Source("module.json"))
MAKE = "from fastapi import APIRouter\nrouter = APIRouter()\n"
USERS = f'{MAKE}@router.get("/me")\ndef me(): ...\n'
PACKAGES = {"__init__.py": "", "api/__init__.py": "", "api/v1/__init__.py": ""}
HOME = "app.modules.shop"


def read(
    root: Path, files: Mapping[str, str], *mounted: str, problems: Problems | None = None
) -> tuple[Operation, ...]:
    """Return what the routers of some files of a package answer below `/p`."""
    noted = Problems() if problems is None else problems
    folder = Folder(write(root / "shop", files), "shop")
    routers = [Router("/p", EntryPoint(f"{HOME}.{name}", "router"), HERE) for name in mounted]
    found = operations(routers, HOME, folder, python_files(folder, noted), noted)
    if problems is None:
        no_problems(noted)
    return found


def seen(root: Path, files: Mapping[str, str], *mounted: str) -> list[str]:
    found = read(root, files, *(mounted or ("api.main",)))
    return [f"{item.method} {item.path} {item.place}" for item in found]


@pytest.mark.parametrize(
    ("imports", "router"),
    [
        ("from .users import router as users", "users"),
        ("from .users import router as users", "router=users"),
        ("from . import users", "users.router"),
        ("from . import users as u\nv = u\nw = v.router", "w"),
        ("from ..api.users import router as users", "users"),
        ("from .. import api\nfrom ..api import users", "api.users.router"),
        ("from .users import router as users\ndef f():\n users = 1", "users"),
        ("from .users import router as users\ndef f():\n from x import users", "users"),
        ("from app.modules.shop.api.users import router as users", "users"),
        ("from app.modules.shop.api import users", "users.router"),
        ("from app.modules.shop import api\nfrom . import users", "api.users.router"),
        ("from app.modules import shop\nfrom . import users", "shop.api.users.router"),
        ("from app import modules\nfrom . import users", "modules.shop.api.users.router"),
        ("import app.modules.shop.api.users", "app.modules.shop.api.users.router"),
        ("import app.modules.shop.x\nfrom . import users", "app.modules.shop.api.users.router"),
        ("import app.modules.shop.api.users as users", "users.router"),
    ],
)  # fmt: skip
def test_every_way_to_name_a_router_of_another_file_is_followed(
    tmp_path: Path, imports: str, router: str
) -> None:
    main = f"{MAKE}{imports}\nrouter.include_router({router})\n"
    files = PACKAGES | {"api/main.py": main, "api/users.py": USERS}
    assert seen(tmp_path, files) == ["GET /p/me shop/api/users.py:3"]


@pytest.mark.parametrize(
    "code",
    [
        "from .users import router as u\nALL = (u,)\nfor r in ALL:\n {}include_router(r)",
        "from . import users\nfor r in [f(), users.router]:\n {}include_router(r)",
        "from . import users\n[{}include_router(r) for r in (users.router,)]",
        "try:\n from .users import router as u\n {}include_router(u)\nexcept ImportError: 0",
        "if x:\n from .users import router as u\n {}include_router(u)",
    ],
)
def test_a_router_of_another_file_may_be_included_in_a_block(tmp_path: Path, code: str) -> None:
    files = PACKAGES | {"api/main.py": MAKE + code.format("router."), "api/users.py": USERS}
    assert seen(tmp_path, files) == ["GET /p/me shop/api/users.py:3"]


@pytest.mark.parametrize(
    "code",
    [
        "from fastapi_users import router as users",
        "from ...other.api.users import router as users",
        "from .....users import router as users",
        "from modules.shop.api.users import router as users",
        "from app.modules.shopping.api.users import router as users",
        "from .nowhere import router as users",
        "from .users import nothing as users",
        "from .users import *",
        "from .users import router as users\nfrom x import *",
        "from .users import router as users\nfrom .other import router as users",
        "from .users import router as users\nusers = wrapped(users)",
        "from .users import router as users\ndef f():\n global users\n users = 1",
        "from .users import make_router\nusers = make_router()",
        "def f():\n from .users import router as users",
        "users = import_module('.users', __package__).router",
    ],
)
def test_what_only_running_the_code_could_tell_is_not_seen(tmp_path: Path, code: str) -> None:
    main = f"{MAKE}{code}\nrouter.include_router(users)\n@router.get('/own')\ndef own(): ...\n"
    files = PACKAGES | {"api/main.py": main, "api/users.py": USERS}
    assert [item.split()[1] for item in seen(tmp_path, files)] == ["/p/own"]


def test_a_folder_without_an_init_file_is_a_package_too(tmp_path: Path) -> None:
    main = f"{MAKE}from .v1.users import router as users\nfrom . import v1\n"
    main += 'router.include_router(users)\nrouter.include_router(v1.users.router, prefix="/v1")\n'
    files = {"api/main.py": main, "api/v1/users.py": USERS}
    assert [item.split()[1] for item in seen(tmp_path, files)] == ["/p/me", "/p/v1/me"]


@pytest.mark.parametrize("home", [".", "app.modules.shop.api"])
def test_a_package_includes_what_its_own_files_have(tmp_path: Path, home: str) -> None:
    main = f"{MAKE}from {home} import users\nrouter.include_router(users.router)\n"
    files = {"api/__init__.py": main, "api/users.py": USERS}
    assert seen(tmp_path, files, "api") == ["GET /p/me shop/api/users.py:3"]


def test_a_name_in_a_package_is_before_a_file_in_it(tmp_path: Path) -> None:
    files = {
        "api/__init__.py": "from .v1 import router as users\n",
        "api/v1.py": f'{MAKE}@router.get("/v1")\ndef v1(): ...\n',
        "api/users.py": USERS,
        "main.py": f"{MAKE}from .api import users\nrouter.include_router(users)\n",
    }
    assert seen(tmp_path, files, "main") == ["GET /p/v1 shop/api/v1.py:3"]


def test_prefixes_of_include_and_of_router_add_up_over_files(tmp_path: Path) -> None:
    files = PACKAGES | {
        "api/main.py": 'P = "/a"\nfrom .v1 import hub\nrouter = APIRouter(prefix=P)\n'
        'router.include_router(hub, prefix="/b")\n',
        "api/v1/__init__.py": "from .hub import main as hub\n",
        "api/v1/hub.py": 'from ..users import router\nmain = APIRouter(prefix="/c")\n'
        'main.include_router(router, prefix="/d")\nmain.include_router(router, prefix=f())\n',
        "api/users.py": USERS.replace("APIRouter()", 'APIRouter(prefix="/e")'),
    }
    assert seen(tmp_path, files) == ["GET /p/a/b/c/d/e/me shop/api/users.py:3"]


def test_one_router_below_two_prefixes_answers_below_both(tmp_path: Path) -> None:
    main = f"{MAKE}from . import users\n"
    main += "".join(f'router.include_router(users.router, prefix="/{x}")\n' for x in "aba")
    files = PACKAGES | {"api/main.py": main, "api/users.py": USERS}
    assert [item.split()[1] for item in seen(tmp_path, files)] == ["/p/a/me", "/p/b/me"]


def test_what_a_file_adds_to_the_router_of_another_is_that_routers(tmp_path: Path) -> None:
    files = {
        "api/__init__.py": 'router = APIRouter(prefix="/x")\nfrom . import users\n',
        "api/users.py": 'from . import router\n@router.get("/me")\ndef me(): ...\n',
        "api/unused.py": 'from . import router\n@router.get("/old")\ndef old(): ...\n',
    }
    assert seen(tmp_path, files, "api") == ["GET /p/x/me shop/api/users.py:2"]
    assert seen(tmp_path, files, "api.users") == ["GET /p/x/me shop/api/users.py:2"]


def test_a_star_import_runs_what_adds_to_a_router(tmp_path: Path) -> None:
    files = {
        "api/__init__.py": "router = APIRouter()\nfrom .users import *\n",
        "api/users.py": 'from . import router\n@router.get("/me")\ndef me(): ...\n',
    }
    assert seen(tmp_path, files, "api") == ["GET /p/me shop/api/users.py:2"]


def test_one_route_of_two_mounted_routers_is_there_once(tmp_path: Path) -> None:
    main = f"{MAKE}from .users import router as users\nrouter.include_router(users)\n"
    files = PACKAGES | {"api/main.py": main, "api/users.py": USERS}
    assert seen(tmp_path, files, "api.main", "api.users") == ["GET /p/me shop/api/users.py:3"]


def test_the_same_route_of_two_files_is_there_twice(tmp_path: Path) -> None:
    main = f"{USERS}from .users import router as users\nrouter.include_router(users)\n"
    files = PACKAGES | {"api/main.py": main, "api/users.py": USERS}
    assert seen(tmp_path, files) == [
        "GET /p/me shop/api/main.py:3",
        "GET /p/me shop/api/users.py:3",
    ]


ONE = "from .users import router as one\n"
TWO = "from .v1.users import router as two\n"


@pytest.mark.parametrize(
    "code",
    [
        "if x: router.include_router(one)\nelse: router.include_router(two)\n",
        "if x: router.include_router(one)\nrouter.include_router(two)\n",
        "for r in [one]: router.include_router(r)\nrouter.include_router(two)\n",
    ],
)
def test_routes_of_two_branches_are_there_once(tmp_path: Path, code: str) -> None:
    main = MAKE + ONE + TWO + code
    files = {"api/main.py": main, "api/users.py": USERS, "api/v1/users.py": USERS}
    assert len(seen(tmp_path, files)) == 1


def test_what_a_branch_may_import_is_not_the_second(tmp_path: Path) -> None:
    add = 'from .main import router\n@router.get("/me")\ndef me(): ...\n'
    main = f"{MAKE}if x:\n from . import one\nelse:\n from . import two\n"
    files = {"api/main.py": main, "api/one.py": add, "api/two.py": add}
    assert len(seen(tmp_path, files)) == 1
    main = f"{MAKE}if x:\n from . import one, two\nfrom . import one, two\n"
    assert len(seen(tmp_path, files | {"api/main.py": main})) == 2


def test_files_that_include_each_other_end(tmp_path: Path) -> None:
    link = "from .{0} import router as other\nrouter.include_router(other, prefix='/{0}')\n"
    files = {"api/main.py": USERS + link.format("b"), "api/b.py": USERS + link.format("main")}
    assert seen(tmp_path, files) == [
        "GET /p/b/me shop/api/b.py:3",
        "GET /p/me shop/api/main.py:3",
    ]


@pytest.mark.parametrize(
    "files",
    [
        {"api/main.py": "from .a import router\n", "api/a.py": "from .main import router\n"},
        {"api/main.py": "from .main import router\n"},
        {"api/main.py": "from . import router\n", "api/__init__.py": "from .main import router"},
        {"api/main.py": "from . import main as router\nrouter.include_router(router.router)\n"},
        {"api/main.py": "a = b.c\nb = a.c\nrouter = a\nrouter.include_router(a)\n"},
    ],
)
def test_names_that_lead_to_themselves_end(tmp_path: Path, files: Mapping[str, str]) -> None:
    assert seen(tmp_path, files) == []


def fan(times: int, depth: int) -> dict[str, str]:
    """Return files of which each includes the router of the next some times."""
    link = 'router.include_router(other, prefix="/{0}")\n'
    files = {
        f"api/f{index}.py": f"{MAKE}from .f{index + 1} import router as other\n"
        + "".join(link.format(turn) for turn in range(times))
        for index in range(depth)
    }
    return files | {f"api/f{depth}.py": USERS}


@pytest.mark.parametrize(("times", "depth"), [(1, 25), (2, 18), (100, 4)])
def test_files_that_multiply_are_refused_at_once(tmp_path: Path, times: int, depth: int) -> None:
    problems, started = Problems(), time.process_time()
    assert read(tmp_path, fan(times, depth), "api.f0", problems=problems) == ()
    assert time.process_time() - started < 2
    assert [(item.code, str(item.place), item.message) for item in problems.found] == [
        ("XT0218", "shop/api/f0.py:1", "`shop/api/f0.py` has more operations than anybody writes")
    ]


def test_all_routers_of_a_module_share_one_limit(tmp_path: Path) -> None:
    mounted = [f"api.g{index}" for index in range(9)]
    whole = f"{MAKE}from .f0 import router as other\nrouter.include_router(other)\n"
    files = fan(11, 3) | {f"api/g{index}.py": whole for index in range(9)}
    assert len(read(tmp_path, files, "api.g0")) == 11**3
    problems = Problems()
    assert read(tmp_path, files, *mounted, problems=problems) == ()
    assert [item.code for item in problems.found] == ["XT0218"]


FILES = ["__init__", "a", "b", "c/__init__", "c/d"]
MODULES = ["a", "b", "c", "c.d", "nowhere"]
NAMES = ["router", "a", "b", "c", "d", "x"]
STATEMENTS = st.one_of(
    st.builds(
        "from {}{} import {} as {}".format,
        st.sampled_from([".", "..", "...", f"{HOME}."]),
        st.sampled_from(MODULES),
        st.sampled_from(NAMES),
        st.sampled_from(NAMES),
    ),
    st.sampled_from(["from . import a, b", "from . import router", "from .a import *"]),
    st.builds("import {}.{} as {}".format, st.just(HOME), st.sampled_from(MODULES),
              st.sampled_from(NAMES)),
    st.builds("{} = {}".format, st.sampled_from(NAMES),
              st.sampled_from(["APIRouter()", *NAMES, "a.router", "c.d.router"])),
    st.builds("{}.include_router({}, prefix='/{}')".format, st.sampled_from(NAMES),
              st.sampled_from([*NAMES, "a.router", "c.d.router"]), st.sampled_from(NAMES)),
    st.builds("{}.get('/{}')(print)".format, st.sampled_from(NAMES), st.sampled_from(NAMES)),
)  # fmt: skip


@budget(150)
@given(st.lists(st.lists(STATEMENTS, max_size=12), min_size=len(FILES), max_size=len(FILES)))
def test_reading_ends_whatever_files_import_of_each_other(
    tmp_path_factory: pytest.TempPathFactory, codes: list[list[str]]
) -> None:
    files = {f"{name}.py": "\n".join(code) + "\n" for name, code in zip(FILES, codes, strict=True)}
    names = [name.removesuffix("/__init__").replace("/", ".") for name in FILES[1:]]
    problems, started = Problems(), time.process_time()
    read(tmp_path_factory.getbasetemp() / "linked", files, *names, problems=problems)
    assert time.process_time() - started < 1
    assert {item.code for item in problems.found} <= {"XT0218"}
