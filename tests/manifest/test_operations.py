"""What routers answer is read from literals; what only running the code could tell is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.workspace import no_problems, write
from xtask.diagnostics import Place, Problems, Source
from xtask.manifest.code import read_code
from xtask.manifest.dialects.shared import operations, python_files
from xtask.manifest.folder import Folder
from xtask.manifest.module import EntryPoint, Operation, Router
from xtask.manifest.operations import openapi_path, unnamed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Answers = Callable[[str], list[str]]

HERE = Place(Source("x.py"))
ROUTER = 'r = APIRouter(prefix="/p")\n'
DEFINE = "\ndef f(): pass\n"


def seen(root: Path, files: Mapping[str, str], name: str = "x:r") -> tuple[Operation, ...]:
    """Return what a router of the package `p` answers, such as `r` of `x.py`."""
    folder, problems = Folder(write(root / "p", files), "p"), Problems()
    code = python_files(folder, problems)
    module, _, attribute = name.partition(":")
    routers = [Router("", EntryPoint(f"p.{module}".rstrip("."), attribute), HERE)]
    found = operations(routers, "p", folder, code, problems)
    no_problems(problems)
    return found


@pytest.fixture
def answers(tmp_path: Path) -> Callable[[str], list[str]]:
    """Return what all routers of one file answer."""

    def all_of(text: str) -> list[str]:
        folder = Folder(write(tmp_path / "p", {"x.py": text}), "p")
        code = read_code(folder, "x.py", Problems())
        assert code
        return [
            f"{name}: {item.method} {item.path}"
            for name in dict.fromkeys((*code.routers.answers, *code.routers.includes))
            for item in seen(tmp_path, {"x.py": text}, f"x:{name}")
        ]

    return all_of


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head", "options"])
def test_each_method_is_answered_below_the_prefix(method: str, answers: Answers) -> None:
    text = f'{ROUTER}@r.{method}("/x"){DEFINE}'
    assert [f"r: {method.upper()} /p/x"] == answers(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('@r.api_route("/x", methods=["get", "PUT"])', ["r: GET /p/x", "r: PUT /p/x"]),
        ('@r.api_route("/x", methods=("POST",))', ["r: POST /p/x"]),
        ('@r.api_route("/x")', ["r: GET /p/x"]),
        ('@r.api_route("/x", methods=METHODS)', []),
        ('@r.api_route("/x", **METHODS)', []),
        ('@r.get(path="/x")', ["r: GET /p/x"]),
        ('@r.get("")', ["r: GET /p"]),
        ('@r.get("/{a}/{b:path}/{c:int}")', ["r: GET /p/{a}/{b:path}/{c:int}"]),
        ('@r.get("/{a:str}")', ["r: GET /p/{a}"]),
        ('@r.get("/a")\n@r.post("/b")', ["r: GET /p/a", "r: POST /p/b"]),
        ('@api.router.get("/x")', ["api.router: GET /x"]),
        ('@imported.get("/x")', ["imported: GET /x"]),
        ('@r.get("x")', []),
        ('@r.get("/" + "x")', []),
        ('@r.get(f"/{x}")', []),
        ("@r.get(PATH)", []),
        ("@r.get()", []),
        ("@r.get", []),
        ('@get("/x")', []),
        ('@make()["x"].get("/x")', []),
        ('@r.websocket("/x")', []),
    ],
)
def test_only_literal_paths_and_methods_count(
    text: str, expected: list[str], answers: Answers
) -> None:
    assert expected == answers(f"{ROUTER}{text}{DEFINE}")


@pytest.mark.parametrize(
    ("made", "prefix"),
    [
        ("r = APIRouter()", ""),
        ("r = fastapi.APIRouter(prefix='/a', tags=['x'])", "/a"),
        ("r: APIRouter = APIRouter(prefix='/a')", "/a"),
        ("r = other = APIRouter(prefix='/a')", "/a"),
        ("r = ModuleRouter('databases')", ""),
        ("r = FastAPI()", ""),
        ("if x:\n  r = APIRouter(prefix='/a')", "/a"),
        ("r = APIRouter(prefix=PREFIX)", None),
        ("r = APIRouter(**OPTIONS)", None),
        ("r = APIRouter(prefix='/a', **OPTIONS)", "/a"),
        ("r = APIRouter(prefix=f'/{x}')", None),
    ],
)
def test_a_prefix_is_literal_or_the_router_says_nothing(
    made: str, prefix: str | None, answers: Answers
) -> None:
    found = answers(f'{made}\n@r.get("/x"){DEFINE}')
    assert ([] if prefix is None else [f"r: GET {prefix}/x"]) == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('P = "/a"\nr = APIRouter(prefix=P)\n@r.get("/x")', ["r: GET /a/x"]),
        ('P: Final = "/a"\nr = APIRouter()\n@r.get(P)', ["r: GET /a"]),
        ('P = "/a"\nQ = P\nr = APIRouter(prefix=Q)\n@r.get(path=Q)', ["r: GET /a/a"]),
        ('R = APIRouter\nr = R(prefix="/a")\nr.get("/x")(f)\n@r.get("/y")',
         ["r: GET /a/x", "r: GET /a/y"]),
        ('R = fastapi.APIRouter\nr = R(prefix=f())\n@r.get("/x")', []),
        ('P = "/a"\nr = APIRouter()\ns = APIRouter()\nr.include_router(s, prefix=P)\n@s.get("/x")',
         ["s: GET /x", "r: GET /a/x"]),
    ],
)  # fmt: skip
def test_a_name_that_is_bound_once_is_as_good_as_its_value(
    text: str, expected: list[str], answers: Answers
) -> None:
    assert expected == answers(f"{text}{DEFINE}")


@pytest.mark.parametrize(
    "bound",
    [
        'P = "/a"\nP = "/b"',
        'P = "/a"\nP += "/b"',
        'P = "/a"\nif x: P = "/b"',
        'if x: P = "/a"',
        'for P in ("/a",): 0',
        'P = "/a"\nfor P in x: 0',
        'P = "/a"\nfrom x import P',
        'P = "/a"\nfrom x import *',
        'P = "/a"\nimport x as P',
        'P = "/a"\ndef P(): 0',
        'P = "/a"\nclass A:\n P = "/b"',
        'P = "/a"\ndef g():\n global P\n P = "/b"',
        'P = "/a"\ntry: 0\nexcept E as P: 0',
        'P = "/a"\nmatch x:\n case P: 0',
        'P = "/a"\n(P := "/b")',
        'P = "/" + "a"',
        "P = P",
        "P = Q\nQ = P",
        'P, Q = "/a", "/b"',
    ],
)
def test_a_name_that_may_stand_for_something_else_is_not_followed(
    bound: str, answers: Answers
) -> None:
    text = f'{bound}\nr = APIRouter()\nq = APIRouter(prefix=P)\n@q.get("/x"){DEFINE}@r.get(P)'
    assert answers(f"{text}{DEFINE}") == []


def test_calls_in_place_of_decorators_count_for_known_routers_only(answers: Answers) -> None:
    text = f'{ROUTER}r.get("/a")(f)\nr.add_api_route("/b", f, methods=["PUT"])\ncache.get("/c")\n'
    assert answers(text) == ["r: GET /p/a", "r: PUT /p/b"]


def test_methods_of_a_class_count_and_the_insides_of_functions_do_not(answers: Answers) -> None:
    text = f'{ROUTER}class A:\n @r.get("/a")\n def f(self): 0\ndef g():\n @r.get("/b")\n def h(): 0'
    assert answers(text) == ["r: GET /p/a"]


def test_included_routers_add_up_and_keep_their_own_operations(answers: Answers) -> None:
    text = (
        'a = APIRouter(prefix="/a")\nb = APIRouter(prefix="/b")\nc = APIRouter()\n'
        f'@a.get("/1"){DEFINE}@b.get("/2"){DEFINE}@c.get("/3"){DEFINE}'
        'a.include_router(b, prefix="/under")\nb.include_router(router=c)\n'
    )
    assert answers(text) == [
        *("a: GET /a/1", "a: GET /a/under/b/2", "a: GET /a/under/b/3"),
        *("b: GET /b/2", "b: GET /b/3", "c: GET /3"),
    ]


@pytest.mark.parametrize(
    "include",
    [
        "a.include_router(b, prefix=PREFIX)",
        "a.include_router(b, **{'prefix': '/x'})",
        "a.include_router(*[b])",
        "a.include_router(make())",
        "a.include_router()",
        "a.include_router(elsewhere)",
    ],
)
def test_what_is_included_in_an_unknown_way_adds_nothing(include: str, answers: Answers) -> None:
    text = f'a = APIRouter()\nb = APIRouter()\n@b.get("/2"){DEFINE}{include}\n'
    assert answers(text) == ["b: GET /2"]


def test_routers_that_include_each_other_end(answers: Answers) -> None:
    text = f'a = APIRouter()\nb = APIRouter(prefix="/b")\n@a.get("/x"){DEFINE}'
    text += "a.include_router(b)\nb.include_router(a)\na.include_router(a)\n"
    assert answers(text) == ["a: GET /x", "b: GET /b/x"]


def chain(length: int, *, times: int = 1, prefix: str = "/x") -> str:
    made = "".join(f"r{i} = APIRouter()\n" for i in range(length + 1))
    link = 'r{0}.include_router(r{1}, prefix="{2}")\n'
    return (
        made + "".join(link.format(i, i + 1, prefix) * times for i in range(length))
        + f'@r{length}.get("/end"){DEFINE}'
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        chain(25),
        chain(18, times=2),
        chain(1, prefix="/x" * 1_000),
        "r0 = APIRouter()\nr1 = APIRouter()\n"
        + "r1.get('/x')\n" * 5_001
        + "r0.include_router(r1)\nr0.include_router(r1, prefix='/b')\n",
    ],
    ids=["deep", "wide", "long", "many"],
)
def test_refuses_what_multiplies(tmp_path: Path, text: str) -> None:
    folder, problems = Folder(write(tmp_path, {"x.py": text}), "p"), Problems()
    router = Router("", EntryPoint("p.x", "r0"), HERE)
    files = python_files(folder, problems)
    assert operations([router], "p", folder, files, problems) == ()
    assert [(item.code, str(item.place), item.message) for item in problems.found] == [
        ("XT0218", "p/x.py:1", "`p/x.py` has more operations than anybody writes")
    ]


def test_a_chain_of_honest_length_is_followed(answers: Answers) -> None:
    assert f"r0: GET {'/x' * 19}/end" in answers(chain(19))


def test_the_place_of_an_operation_is_its_path(tmp_path: Path) -> None:
    text = 'r = APIRouter()\n\n@r.get(\n    "/é",\n    tags=["x"],\n)\nasync def f(): pass\n'
    (item,) = seen(tmp_path, {"x.py": text})
    assert tuple(item.place.span()) == (4, 5, 4)


def twice(tmp_path: Path, text: str) -> list[int]:
    """Return the lines of what `r` of a file answers."""
    found = seen(tmp_path, {"x.py": "r = APIRouter()\n" + text})
    return [item.place.span().line for item in found]


GET = '@r.get("/a")\ndef f(): 0\n'
INSIDE = ' @r.get("/a")\n def f(): 0\n'


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (GET + GET, [2, 4]),
        (GET + '@r.get("/a")\n' + GET, [2, 4, 5]),
        (GET + "if x:\n" + INSIDE, [2, 5]),
        (GET + "try:\n" + INSIDE + "except E:\n" + INSIDE, [2, 5, 8]),
        ("if x:\n" + INSIDE + INSIDE, [3, 5]),
        ("if x:\n" + INSIDE + " if y:\n " + INSIDE.replace("\n ", "\n  "), [3, 6]),
        ("class A:\n" + INSIDE + GET, [3, 5]),
        ("try: 0\nfinally:\n" + INSIDE + GET, [4, 6]),
        ('r.include_router(b)\nb = APIRouter()\n@b.get("/a")\ndef f(): 0\n' + GET, [4, 6]),
    ],
)
def test_an_operation_is_there_twice(tmp_path: Path, text: str, lines: list[int]) -> None:
    assert twice(tmp_path, text) == lines


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("if x:\n" + INSIDE + "else:\n" + INSIDE, 3),
        ("if x:\n" + INSIDE + "elif y:\n" + INSIDE + "else:\n" + INSIDE, 3),
        ("try:\n" + INSIDE + "except E:\n" + INSIDE, 3),
        ("match x:\n case 1:\n " + INSIDE.replace("\n ", "\n  ")
         + " case 2:\n " + INSIDE.replace("\n ", "\n  "), 4),
        ("if x:\n" + INSIDE + GET, 3),  # the first of the two wins, when it is there
        ('if x:\n @r.get("/{a}")\n def f(): 0\n@r.get("/{b}")\ndef f(): 0\n', 3),
        (GET + "r = APIRouter()\n" + GET, 2),  # another router of this name
        ('b = APIRouter()\n@b.get("/a")\ndef f(): 0\n'
         "if x:\n r.include_router(b)\n" + GET, 3),
        ('b = APIRouter()\n@b.get("/a")\ndef f(): 0\n' + "r.include_router(b)\n" * 2, 3),
        ('@r.api_route("/a", methods=["GET", "GET"])\ndef f(): 0\n', 2),
    ],
)  # fmt: skip
def test_what_may_be_there_once_is_there_once(tmp_path: Path, text: str, line: int) -> None:
    assert twice(tmp_path, text) == [line]


@pytest.mark.parametrize(
    ("path", "template", "shape"),
    [
        ("/a", "/a", "/a"),
        ("/a/{x}/{y}", "/a/{x}/{y}", "/a/{}/{}"),
        ("/a/{x:int}.{y:path}", "/a/{x}.{y}", "/a/{:int}.{:path}"),
    ],
)
def test_a_path_without_convertors_or_names(path: str, template: str, shape: str) -> None:
    assert (openapi_path(path), unnamed(path)) == (template, shape)
