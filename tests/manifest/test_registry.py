"""`registry.json`: what a registry offers, with the place of everything that is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import workspace
from tests.support.budgets import budget
from xtask.diagnostics import Problems
from xtask.manifest.registry import Registry, read_registry

if TYPE_CHECKING:
    from pathlib import Path

MODULE = {
    "module_id": "620600",
    "name": "databases",
    "path": "modules/databases",
    "display_name": "Database Management",
    "version": "2.0.6",
    "description": "Databases",
    "author": "Flux Team",
    "min_app_version": "1.0.0",
    "tags": ["database", "admin"],
}
REGISTRY: dict[str, Any] = {
    "name": "Community",
    "description": "Modules for all",
    "version": "2.0.0",
    "author": "Flux Team",
    "website": "https://example.org",
    "modules": [MODULE, {"name": "alerts", "version": "0.1.0", "path": "modules/alerts"}],
}


def read(root: Path, values: object) -> tuple[Registry | None, list[tuple[str, str]]]:
    text = json.dumps(values, indent=2)
    workspace.write(root, {"registry.json": text})
    problems = Problems()
    found = read_registry(root / "registry.json", "https://example.org/registry.json", problems)
    return found, [
        ("{}:{}".format(*item.place.span()[:2]), item.code)
        for item in sorted(problems.found, key=lambda item: item.place.span())
    ]


def test_every_key_arrives(tmp_path: Path) -> None:
    registry, found = read(tmp_path, REGISTRY)
    assert found == []
    assert registry
    assert registry[:5] == (
        "Community",
        "Modules for all",
        "2.0.0",
        "Flux Team",
        "https://example.org",
    )
    alerts, databases = registry.modules
    assert alerts[:9] == ("alerts", "0.1.0", "modules/alerts", "", "", "", "", "", ())
    assert databases[:9] == (
        "databases",
        "2.0.6",
        "modules/databases",
        "620600",
        "Database Management",
        "Databases",
        "Flux Team",
        "1.0.0",
        ("database", "admin"),
    )
    assert str(databases.place) == "https://example.org/registry.json:8"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"name": "Databases"}, ("4:15", "XT0205")),
        ({"name": None}, ("2:5", "XT0202")),
        ({"path": "../databases"}, ("5:15", "XT0205")),
        ({"path": "/etc"}, ("5:15", "XT0205")),
        ({"path": ""}, ("5:15", "XT0205")),
        ({"version": "2"}, ("7:18", "XT0206")),
        ({"version": 2}, ("7:18", "XT0203")),
        ({"min_app_version": "^1"}, ("10:26", "XT0206")),
        ({"module_id": "62"}, ("3:20", "XT0205")),
        ({"module_id": 620600}, ("3:20", "XT0203")),
        ({"tags": "admin"}, ("11:15", "XT0203")),
        ({"tag": []}, ("15:7", "XT0201")),
    ],
)
def test_refuses_a_module(
    tmp_path: Path, keys: dict[str, object], expected: tuple[str, str]
) -> None:
    values = {"modules": [{**MODULE, **keys}], "name": "Community", "version": "1.0.0"}
    line, column = expected[0].split(":")
    shown = (f"{int(line) + 1}:{column}", expected[1])
    assert read(tmp_path, values)[1] == [shown]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"name": "x", "version": "1.0.0"}, [("1:1", "XT0202")]),
        ({"name": "x", "version": "1.0.0", "modules": {}}, [("4:14", "XT0203")]),
        ({"name": "x", "version": "1.0.0", "modules": [7]}, [("5:5", "XT0203")]),
        ({"name": "x", "version": "1", "modules": []}, [("3:14", "XT0206")]),
        ({"name": "x", "version": "1.0.0", "modules": [], "moduls": []}, [("5:3", "XT0201")]),
        ([], [("1:1", "XT0104")]),
    ],
)
def test_refuses_a_registry(
    tmp_path: Path, values: object, expected: list[tuple[str, str]]
) -> None:
    assert read(tmp_path, values)[1] == expected


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ({"path": "modules/other"}, ["XT0304"]),
        ({"name": "backups"}, ["XT0304"]),
        ({"version": "2.1.0"}, []),
        ({"name": "backups", "module_id": "620601"}, []),
    ],
)
def test_one_version_is_listed_once(
    tmp_path: Path, second: dict[str, object], expected: list[str]
) -> None:
    values = {**REGISTRY, "modules": [MODULE, {**MODULE, **second}]}
    assert [code for _, code in read(tmp_path, values)[1]] == expected


def test_the_order_of_modules_does_not_matter(tmp_path: Path) -> None:
    first, _ = read(tmp_path, REGISTRY)
    second, _ = read(tmp_path, {**REGISTRY, "modules": REGISTRY["modules"][::-1]})
    assert first
    assert second
    assert [item[:9] for item in first.modules] == [item[:9] for item in second.modules]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


@budget(100)
@given(
    keys=st.dictionaries(st.sampled_from(sorted(REGISTRY)) | st.text(max_size=9), JSON),
    inner=st.dictionaries(st.sampled_from(sorted(MODULE)) | st.text(max_size=9), JSON),
)
def test_no_value_makes_reading_raise(
    tmp_path_factory: pytest.TempPathFactory, keys: dict[str, Any], inner: dict[str, Any]
) -> None:
    root = tmp_path_factory.getbasetemp()
    read(root, {**REGISTRY, "modules": [MODULE, {**MODULE, **inner}], **keys})
