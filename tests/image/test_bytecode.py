from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from xtask.image.bytecode import CompileError, compile_module, compiled_path

ROOT = Path(__file__).parents[2]
TOO_DEEP = {
    "compiler": b"x" + b".a" * 20_000,
    "parser": b"-" * 50_000 + b"1",
    "marshal": b"x = " + b"lambda: " * 1900 + b"1",
}
SOURCE = b"""
def area(unusual_width, unusual_height):
    if unusual_width in {'metre', 'mile', 'yard', ('nested', 'pair'), 7, None}:
        return 'unit', b'bytes', 1.5, ('metre', 'mile')
    return unusual_width.unusual_attribute * unusual_height

class Shape:
    '''Doc.'''
    sides = frozenset({'left', 'right'})
    def name(self): return f'{self.sides!r} of {__name__}'
"""
OTHER_PROCESS = """
import hashlib, sys
keep = [sys.intern(word) for word in sys.argv[2:]]
from xtask.image.bytecode import compile_module
print(hashlib.sha256(compile_module(open(sys.argv[1], 'rb').read(), 'app/shape.py')).hexdigest())
"""


def test_bytes_are_the_same_in_every_process(tmp_path: Path) -> None:
    """Neither the hash seed nor the names that the process has interned already may show."""
    source = tmp_path / "shape.py"
    source.write_bytes(SOURCE)
    interned = ["unusual_width", "unusual_attribute", "metre", "nested", "area", "sides"]
    digests = {hashlib.sha256(compile_module(SOURCE, "app/shape.py")).hexdigest()}
    for seed, words in (("0", []), ("1", interned), ("4242", interned[:2])):
        argv = [sys.executable, "-c", OTHER_PROCESS, str(source), *words]
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
        digests.add(done.stdout.strip())
    assert len(digests) == 1


def test_bytes_do_not_depend_on_what_was_compiled_before() -> None:
    first = compile_module(SOURCE, "app/shape.py")
    for number in range(20):
        compile_module(SOURCE + b"x = %d" % number, f"app/x{number}.py")
    assert first == compile_module(SOURCE, "app/shape.py")


def test_which_constants_are_one_object_does_not_show() -> None:
    source = b"def f(): return 'one text'\ndef g(): return 'one text'\n"
    assert compile_module(source, "app/x.py").count(b"one text") == 2


def test_python_imports_it_without_looking_at_the_source(tmp_path: Path) -> None:
    path = tmp_path / "shape.pyc"
    path.write_bytes(compile_module(SOURCE, "app/shape.py"))
    spec = importlib.util.spec_from_file_location("shape", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    assert isinstance(module, types.ModuleType)
    spec.loader.exec_module(module)
    assert module.Shape().name().endswith("of shape")
    assert module.area.__code__.co_filename == "/app/shape.py"


def test_header_says_unchecked_hash() -> None:
    compiled = compile_module(SOURCE, "app/shape.py")
    expected = importlib.util.MAGIC_NUMBER + b"\1\0\0\0" + importlib.util.source_hash(SOURCE)
    assert expected == compiled[:16]


@pytest.mark.parametrize("source", ["a.py", "app/site/a.py", "a/b.c.py"])
def test_compiled_path_is_where_python_looks(source: str) -> None:
    assert importlib.util.cache_from_source(source) == compiled_path(source)


def test_assertions_stay(tmp_path: Path) -> None:
    path = tmp_path / "strict.pyc"
    path.write_bytes(compile_module(b"assert False, 'kept'", "app/strict.py"))
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=False)
    assert "AssertionError: kept" in done.stderr


def test_refuses_what_is_not_python_with_its_place() -> None:
    with pytest.raises(CompileError) as caught:
        compile_module(b"x = 1\nprint 'two'\n", "app/old.py")
    assert (caught.value.path, caught.value.line) == ("app/old.py", 2)
    assert str(caught.value).startswith("app/old.py:2: ")


@pytest.mark.parametrize("source", [b"\0", b"\xff\xff", b"# coding: no-such\n"])
def test_refuses_bytes_that_are_no_text(source: bytes) -> None:
    with pytest.raises(CompileError, match=r"^app/binary\.py"):
        compile_module(source, "app/binary.py")


@pytest.mark.parametrize("source", TOO_DEEP.values(), ids=TOO_DEEP)
def test_refuses_a_source_too_deep_for_the_compiler_with_its_name(source: bytes) -> None:
    with pytest.raises(CompileError, match=r"^app/deep\.py: .*too deeply"):
        compile_module(source, "app/deep.py")


def test_a_source_that_warns_is_compiled_quietly() -> None:
    assert compile_module(b"x = 1 is 1\ny = '\\d'\n", "app/noisy.py")


def test_who_else_uses_a_letter_does_not_change_the_bytes() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); kept = [sys.argv[2]] * 3 + list(sys.argv[2]);"
        "from xtask.image.bytecode import compile_module;"
        "sys.stdout.buffer.write(compile_module(b'x = (\"\\xc3\\xbc\", \"\\xc3\\xb6\")', 'a.py'))"
    )
    root = str(Path(__file__).parents[2])
    found = {
        subprocess.run(
            [sys.executable, "-I", "-c", program, root, word], capture_output=True, check=True
        ).stdout
        for word in ("plain", "üö")
    }
    assert len(found) == 1
