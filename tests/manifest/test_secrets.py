"""`[[secrets.allow]]`: each entry names a file, a rule and a reason, once."""

from __future__ import annotations

import tomllib

import pytest

from xtask.diagnostics import Place, Problems, Source
from xtask.manifest.secrets import Allowed, read_allowed
from xtask.manifest.table import Table

GOOD = {"path": "a/key.pem", "rule": "Private Key", "reason": "test data"}


def read(text: str) -> tuple[list[Allowed], list[tuple[str, str]]]:
    problems = Problems()
    table = Table(tomllib.loads(text), Place(Source("modules.toml", text)), problems, "it")
    allowed = read_allowed(table.table("secrets"))
    return [*allowed], [(problem.code, problem.message) for problem in problems.found]


def entry(**values: str) -> str:
    return "[[secrets.allow]]\n" + "".join(f'{key} = "{text}"\n' for key, text in values.items())


def test_reads_every_entry() -> None:
    other = GOOD | {"rule": "file name"}
    allowed, problems = read(entry(**GOOD) + entry(**other))
    assert problems == []
    assert [found[:3] for found in allowed] == [tuple(GOOD.values()), tuple(other.values())]


def test_there_need_not_be_any() -> None:
    assert read("") == ([], [])


@pytest.mark.parametrize("key", sorted(GOOD))
def test_wants_every_key(key: str) -> None:
    _, problems = read(entry(**{name: text for name, text in GOOD.items() if name != key}))
    assert problems == [("XT0202", f"`{key}` is missing in `[secrets.allow]`")]


@pytest.mark.parametrize("key", sorted(GOOD))
def test_wants_every_key_to_say_something(key: str) -> None:
    assert read(entry(**GOOD | {key: ""}))[1] == [("XT0205", f"`{key}` is empty")]


@pytest.mark.parametrize("path", ["/etc/key.pem", "../key.pem", "a/../../key.pem"])
def test_refuses_a_path_out_of_the_workspace(path: str) -> None:
    message = f"`{path}` is not a path inside the workspace"
    assert read(entry(**GOOD | {"path": path}))[1] == [("XT0107", message)]


def test_refuses_one_exception_twice() -> None:
    _, problems = read(entry(**GOOD) + entry(**GOOD | {"reason": "again"}))
    assert problems == [("XT0204", "`Private Key` in `a/key.pem` is allowed twice")]


def test_refuses_other_keys() -> None:
    assert {code for code, _ in read(entry(**GOOD, line="3"))[1]} == {"XT0201"}
    assert {code for code, _ in read("[secrets]\nallowed = 1\n")[1]} == {"XT0201"}
