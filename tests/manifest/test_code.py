"""Code is read by its syntax tree: what is in it arrives with its place, and nothing ever runs."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.budgets import budget
from tests.support.workspace import no_problems, write
from xtask.diagnostics import Place, Problems, Source
from xtask.manifest.code import MAX_TOKENS, TOKEN, Code, read_code, symbol
from xtask.manifest.folder import Folder

ROOT = Path(__file__).parents[2]
HERE = Place(Source("module.json"))


def cut(place: Place) -> str:
    line, column, length = place.span()
    return place.source.text.split("\n")[line - 1][column - 1 : column - 1 + length]


def code(root: Path, text: str | bytes) -> Code:
    problems = Problems()
    found = read_code(Folder(write(root, {"x.py": text}), "modules/x"), "x.py", problems)
    no_problems(problems)
    assert found
    return found


def refusal(root: Path, text: str | bytes) -> tuple[str, str, tuple[int, ...]]:
    problems = Problems()
    folder = Folder(write(root, {"x.py": text}), "modules/x")
    assert read_code(folder, "x.py", problems) is None
    (problem,) = problems.found
    return problem.code, problem.message, tuple(problem.place.span())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = b = 1", {"a", "b"}),
        ("a, (b, *c) = d", {"a", "b", "c"}),
        ("a: int = 1\nb: int", {"a"}),
        ("a += 1", {"a"}),
        ("a.b = c[d] = 1", set()),
        ("import a.b, c.d as e", {"a", "e"}),
        ("from a import b, c as d", {"b", "d"}),
        ("from a import *", {"*"}),
        ("def f(a): b = 1", {"f"}),
        ("async def f(): pass", {"f"}),
        ("class A(B):\n c = 1\n def d(self): pass", {"A"}),
        ("if x:\n a = 1\nelif y:\n b = 1\nelse:\n c = 1", {"a", "b", "c"}),
        ("try:\n a = 1\nexcept E as e:\n b = 1\nelse:\n c = 1\nfinally:\n d = 1", set("abcd")),
        ("for a in b:\n c = 1\nelse:\n d = 1", {"a", "c", "d"}),
        ("while a:\n b = 1", {"b"}),
        ("with a as b, c as (d, e): f = 1", {"b", "d", "e", "f"}),
        ("match a:\n case [b, *c]: d = 1\n case {'k': e, **f}: pass", set("bcdef")),
        ("(a := 1)", {"a"}),
        ("[a for a in b]\n{c: d for c, d in e}\n(f for f in g)", set()),
        ("lambda a: (b := 1)", set()),
        ("@d(x := 1)\ndef f(): pass", {"f"}),
        ("", set()),
    ],
)
def test_names_are_what_the_top_of_a_file_binds(
    tmp_path: Path, text: str, expected: set[str]
) -> None:
    assert expected == code(tmp_path, text).names


def test_functions_at_the_top_arrive_with_parameters_and_place(tmp_path: Path) -> None:
    text = "if x:\n  async def a(b, /, c, *d, e=1, **f): 0\n\ndef g(): 0\nclass C:\n  def h(): 0\n"
    first, second = code(tmp_path, text).functions
    assert first[:3] == ("a", ("b", "c", "*d", "e", "**f"), True)
    assert second[:3] == ("g", (), False)
    assert [tuple(item.place.span())[:2] for item in (first, second)] == [(2, 3), (4, 1)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('__version__ = "1.2.3"', "1.2.3"),
        ('__version__: str = "1.2.3"', "1.2.3"),
        ('__version__ = "1"\n__version__ = "2"', "2"),
        ('try:\n  __version__ = "1"\nexcept E:\n  pass', "1"),
        ("__version__ = version('x')", None),
        ("__version__: str", None),
        ("__version__ = 1", None),
        ('def f():\n  __version__ = "1"', None),
    ],
)
def test_version_is_the_last_literal_one(tmp_path: Path, text: str, expected: str | None) -> None:
    found = code(tmp_path, text).version
    assert expected == (found and found.text)
    if found:
        assert f'"{expected}"' == cut(found.place)


@pytest.mark.parametrize(
    "text",
    [
        "ключ = '漢字'; __version__ = \"1\"\r\n",
        '\ufeff# c\r\n\r\n\t\r\n__version__ = "1"\r',
        '# -*- coding: latin-1 -*-\r__version__ = "1"',
        '"""a\nb"""; __version__ = "1"',
        'x = "\u2028\x0c\x85"\n__version__ = "1"',
    ],
)
def test_places_hold_whatever_the_lines_and_letters_are(tmp_path: Path, text: str) -> None:
    found = code(tmp_path, text).version
    assert found
    assert cut(found.place) == '"1"'
    assert found.place.source.path == "modules/x/x.py"


@pytest.mark.parametrize(
    ("text", "message", "span"),
    [
        ("a = 1\nb = (", "this is not Python: '(' was never closed", (2, 5, 1)),
        ("a = 1\n  b", "this is not Python: unexpected indent", (2, 2, 1)),
        ("print 'x'", "this is not Python: Missing parentheses in call to 'print'", (1, 1, 1)),
        ("a\0b", "this is not Python: source code string cannot contain null bytes", (1, 1, 1)),
        ("-" * 9999 + "1", "`modules/x/x.py` is nested too deeply", (1, 1, 1)),
        ("x" + ".a" * 9999, "`modules/x/x.py` is nested too deeply", (1, 1, 1)),
        ("(" * 999, "this is not Python: too many nested parentheses", (1, 201, 1)),
        (b"\xff", "cannot read `modules/x/x.py`: it is not UTF-8 text", (1, 1, 1)),
        (b"#" * ((1 << 20) + 1), "`modules/x/x.py` is larger than 1 MiB", (1, 1, 1)),
        ("a," * 99_999, "`modules/x/x.py` has more code than one file should", (1, 1, 1)),
        ('f"' + "{a}" * 29_000 + "a" * 500_000 + '"',
         "`modules/x/x.py` has more code than one file should", (1, 1, 1)),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_refuses_what_is_not_python(
    tmp_path: Path, text: str | bytes, message: str, span: tuple[int, ...]
) -> None:
    found = refusal(tmp_path, text)
    assert ("XT0218", span) == (found[0], found[2])
    assert found[1].startswith(message)


def test_a_broken_file_that_is_asked_for_twice_is_one_problem(tmp_path: Path) -> None:
    folder, problems = Folder(write(tmp_path, {"x.py": "("}), "x"), Problems()
    read_code(folder, "x.py", problems)
    read_code(folder, "x.py", problems)
    assert len(set(problems.found)) == 1


@pytest.mark.parametrize("path", ["y.py", "", "../x.py", "a/../x.py", "/x.py", "folder", "out.py"])
def test_nothing_is_said_of_a_file_that_is_not_there(tmp_path: Path, path: str) -> None:
    root = write(tmp_path / "m", {"x.py": "", "folder/y": ""})
    write(tmp_path, {"x.py": ""})
    (root / "out.py").symlink_to(tmp_path / "x.py")
    problems = Problems()
    assert read_code(Folder(root, "m"), path, problems) is None
    no_problems(problems)


def test_code_that_is_read_does_not_run(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    text = f"open({str(proof)!r}, 'w')\n__import__('os').mkdir({str(proof)!r})\nclass A(open(B)): 0"
    assert {"A"} == code(tmp_path, text).names
    assert not proof.exists()


FILES = {
    "__init__.py": "name = 1",
    "hooks.py": "def on_enable(): pass",
    "api/__init__.py": "router = 1",
    "api/routes.py": "from .x import *",
    "api.py": "other = 1",
    "lazy.py": "def __getattr__(name): pass",
    "broken.py": "(",
}


@pytest.mark.parametrize(
    ("module", "attribute", "codes"),
    [
        ("", "name", []),
        ("hooks", "on_enable", []),
        ("hooks", "on_enable.cache", []),
        ("api", "router", []),  # a package wins over a file of its name
        ("api", "other", ["XT0217"]),
        ("api.routes", "anything", []),
        ("lazy", "anything", []),
        ("hooks", "on_enabel", ["XT0217"]),
        ("hooks", "", ["XT0217"]),
        ("nothing", "x", ["XT0211"]),
        ("api.nothing", "x", ["XT0211"]),
        ("..hooks", "on_enable", ["XT0211"]),
        ("api/../hooks", "on_enable", ["XT0211"]),
        ("hooks.", "on_enable", ["XT0211"]),
        ("x" * 5000, "x", ["XT0211"]),
        ("broken", "x", ["XT0218"]),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_symbol_is_there_or_one_problem_says_why(
    tmp_path: Path, module: str, attribute: str, codes: list[str]
) -> None:
    folder, problems = Folder(write(tmp_path, FILES), "modules/x"), Problems()
    assert symbol(folder, module, attribute, HERE, problems) == (not codes)
    assert codes == [problem.code for problem in problems.found]


def test_a_missing_symbol_is_said_at_the_manifest_with_the_nearest_name(tmp_path: Path) -> None:
    folder, problems = Folder(write(tmp_path, FILES), "modules/x"), Problems()
    symbol(folder, "hooks", "on_enabel", HERE, problems)
    symbol(folder, "nothing", "x", HERE, problems)
    assert [(problem.message, problem.help, problem.place) for problem in problems.found] == [
        ("`hooks.py` has no `on_enabel`", "did you mean `on_enable`?", HERE),
        ("`x` has no file `nothing.py`", "write it, or correct the name", HERE),
    ]


WORDS = 'def class import from if try: except lambda match f\' """ 0x 1e9 x é = @ * ( ) [ ] { }'
CALLS = "APIRouter(prefix='/') .get('/x') .include_router(x)"
BLANKS = ["\n", " ", "\t", "\r", "\0", "\ufeff", "\\", "#", ":", "'"]
PIECES = st.sampled_from([*WORDS.split(), *CALLS.split(), *BLANKS])
TEXTS = st.one_of(
    st.binary(max_size=60),
    st.lists(PIECES, max_size=25).map(lambda pieces: "".join(pieces).encode()),
    st.tuples(PIECES, st.integers(0, 3000)).map(lambda item: (item[0] * item[1]).encode()),
)


@budget(250)
@given(TEXTS)
def test_any_bytes_are_code_or_one_problem_with_a_place(tmp_path: Path, data: bytes) -> None:
    problems, started = Problems(), time.process_time()
    found = read_code(Folder(write(tmp_path, {"x.py": data}), "x"), "x.py", problems)
    assert time.process_time() - started < 1
    assert (found is None) == (len(problems.found) == 1)
    for problem in problems.found:
        line, column, _ = problem.place.span()
        lines = problem.place.source.text.split("\n")
        assert 1 <= line <= len(lines)
        assert 1 <= column <= len(lines[line - 1]) + 1


TRIES = (
    "".join(f"{' ' * i}try:\n" for i in range(90)),
    "".join(f"{' ' * i}except ImportError: import a\n" for i in range(89, -1, -1)),
)
# What comes before, what is repeated until the file has as many tokens as one may, what is last.
ATTACKS = {
    "names": ("", "a,", ""),
    "lines": ("", "a\n", ""),
    "comparisons": ("", "a<b\n", ""),
    "sums": ("", "a+" * 900 + "a\n", ""),
    "functions": ("", "def f():0\n", ""),
    "imports": ("", "import a\n", ""),
    "f-strings": ('f"', "{a}", '"'),
    "nested tries": (TRIES[0], f"{' ' * 90}{'import a;' * 20}\n", TRIES[1]),
    "routes": ("", '@r.get("/{i}")\ndef f():0\n', ""),
}
READ_LARGEST = """
import re, sys
from pathlib import Path
from tests.manifest.test_code import ATTACKS, code, largest
for name in ATTACKS:
    code(Path(sys.argv[1]), largest(name))
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def largest(name: str) -> str:
    """Return an attack that has not one token too many."""
    start, unit, end = ATTACKS[name]
    left = MAX_TOKENS - len(TOKEN.findall(start + end))
    return start + unit * (left // len(TOKEN.findall(unit))) + end


@pytest.mark.parametrize("name", ATTACKS)
def test_no_file_that_is_read_is_much_work(name: str) -> None:
    nodes = sum(1 for _ in ast.walk(ast.parse(largest(name))))
    assert MAX_TOKENS / 3 < nodes < 150_000  # each takes some microseconds


def test_the_largest_files_are_read_in_little_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ_LARGEST, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    assert 10_000 < int(done.stdout) < 200_000


@pytest.mark.parametrize("name", ATTACKS)
def test_one_token_more_is_refused_before_it_is_parsed(tmp_path: Path, name: str) -> None:
    said = refusal(tmp_path, largest(name) + "\na" * 900)
    assert said == ("XT0218", "`modules/x/x.py` has more code than one file should", (1, 1, 1))
