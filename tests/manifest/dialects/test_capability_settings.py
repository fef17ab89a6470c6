"""Settings of capability modules: fields, their bounds, and defaults that have to fit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.capability import flat, nested
from tests.support.manifests import codes

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.manifest.module import Setting

FIELDS = ("config", "schema")


def field(root: Path, keys: dict[str, Any]) -> tuple[Setting, list[str]]:
    """Read one field called `port`."""
    module, found = nested(root, {("config",): {"schema": {"port": keys}}})
    (setting,) = module.settings
    return setting, codes(found)


def test_n4_fields_of_all_types_arrive(tmp_path: Path) -> None:
    module, _ = nested(tmp_path)
    assert [(item.key, item.type, item.default) for item in module.settings] == [
        ("debug", "boolean", False),
        ("host", "string", None),
        ("names", "object", {"a": 1}),
        ("port", "number", 443),
        ("racks", "array", ["a"]),
        ("secretKey", "string", None),
        ("token", "string", None),
        ("zone", "string", "eu"),
    ]
    fields = {item.key: item for item in module.settings}
    port = fields["port"]
    assert (port.minimum, port.maximum, port.options) == (1, 65535, (22, 443))
    assert (port.description, fields["host"].description) == ("TCP", "Host")
    assert [key for key, item in fields.items() if item.secret] == ["secretKey", "token"]
    assert [key for key, item in fields.items() if item.required] == ["host"]
    assert fields["zone"].pattern == "^[a-z]+$"


def test_n4_the_flat_format_has_its_own_places_for_them(tmp_path: Path) -> None:
    module, _ = flat(tmp_path)
    assert [(item.key, item.type, item.default, item.options) for item in module.settings] == [
        ("days", "number", 3, ()),
        ("extra", "object", None, ()),
        ("level", "string", "low", ("low", "high")),
        ("types", "array", ["pdf"], ()),
        ("collect_power_batchSize", "number", 5, ()),
    ]
    days = module.settings[0]
    assert (days.minimum, days.maximum) == (1, 9)


@pytest.mark.parametrize(
    "keys",
    [
        {"type": "number", "default": "6"},
        {"type": "number", "default": True},
        {"type": "number", "default": 0, "validation": {"min": 1}},
        {"type": "number", "default": 25, "max": 24},
        {"type": "string", "default": 1},
        {"type": "string", "default": ["a"]},
        {"type": "string", "default": "Ab", "validation": {"pattern": "^[a-z]+$"}},
        {"type": "string", "default": "b", "validation": {"enum": ["a"]}},
        {"type": "boolean", "default": "true"},
        {"type": "array", "default": {}},
        {"type": "object", "default": []},
        {"type": "object", "default": "{}"},
        {"type": "select", "default": "c", "options": ["a", {"value": "b"}]},
        {"type": "password", "default": "hunter2"},
        {"type": "string", "default": "hunter2", "sensitive": True},
    ],
)
def test_n4_refuses_a_default_that_does_not_fit(tmp_path: Path, keys: dict[str, Any]) -> None:
    setting, found = field(tmp_path, keys)
    assert (found, setting.default) == (["XT0210 error"], None)


@pytest.mark.parametrize(
    ("keys", "default"),
    [
        ({"type": "number", "default": 1.5}, 1.5),
        ({"type": "string", "default": "xay", "pattern": "a"}, "xay"),
        ({"type": "string", "default": "z", "pattern": "^([a-z]+)+$"}, "z"),
        ({"type": "select", "default": 2, "options": [{"label": "Two", "value": 2}]}, 2),
        ({"type": "json", "default": {"a": [1]}}, {"a": [1]}),
        ({"type": "password", "default": ""}, None),
    ],
)
def test_n4_takes_a_default(tmp_path: Path, keys: dict[str, Any], default: object) -> None:
    setting, found = field(tmp_path, keys)
    assert (found, setting.default) == ([], default)


@pytest.mark.parametrize(
    ("default", "type_"),
    [
        ([], "array"),
        ({}, "object"),
        (None, "object"),
        (1, "number"),
        (False, "boolean"),
        ("", "string"),
    ],
)
def test_n4_json_has_the_type_of_its_default(tmp_path: Path, default: object, type_: str) -> None:
    assert field(tmp_path, {"type": "json", "default": default})[0].type == type_


def test_n4_a_secret_is_in_no_message_and_nowhere_else(tmp_path: Path) -> None:
    changes = {
        (*FIELDS, "token", "default"): "hunter2",
        ("config", "defaults", "secretKey"): "hunter2",
        (*FIELDS, "token", "validation"): {"pattern": "^x$", "enum": ["x"]},
    }
    module, found = nested(tmp_path, changes)
    assert codes(found) == ["XT0210 error"] * 2
    assert "hunter2" not in "".join(found)
    assert {item.default for item in module.settings if item.secret} == {None}


def test_n4_the_two_places_of_a_default_have_to_agree(tmp_path: Path) -> None:
    _, found = nested(tmp_path, {(*FIELDS, "port", "default"): 22})
    assert found == ["XT0210 error rack-power/manifest.json:175:12 `port` has two defaults"]
    assert nested(tmp_path, {(*FIELDS, "port", "default"): 443})[1] == []


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({}, "XT0202"),
        ({"type": "integer"}, "XT0204"),
        ({"type": "integer", "default": [1]}, "XT0204"),
        ({"type": "select"}, "XT0202"),
        ({"type": "select", "options": []}, None),
        ({"type": "select", "options": ["a", 1]}, "XT0203"),
        ({"type": "select", "options": [{"label": "A"}]}, "XT0202"),
        ({"type": "select", "options": [{"value": "a", "lable": "A"}]}, "XT0201"),
        ({"type": "select", "options": [["a"]]}, "XT0203"),
        ({"type": "select", "options": "a"}, "XT0203"),
        ({"type": "number", "validation": {"min": "1"}}, "XT0203"),
        ({"type": "number", "validation": {"min": True}}, "XT0203"),
        ({"type": "number", "validation": {"minimum": 1}}, "XT0201"),
        ({"type": "number", "validation": {"min": 1}, "max": 3}, "XT0201"),
        ({"type": "string", "validation": []}, "XT0203"),
        ({"type": "string", "pattern": "("}, "XT0205"),
        ({"type": "string", "pattern": "(?i)a"}, "XT0205"),
        ({"type": "string", "pattern": "a" * 501}, "XT0205"),
        ({"type": "string", "pattern": "a{99999999999}"}, "XT0205"),
        ({"type": "string", "pattern": "[[a]"}, "XT0205"),
        ({"type": "string", "required": "yes"}, "XT0203"),
        ({"type": "string", "lable": "Port"}, "XT0201"),
    ],
)
def test_n4_says_what_is_wrong_with_a_field(
    tmp_path: Path, keys: dict[str, Any], code: str | None
) -> None:
    assert field(tmp_path, keys)[1] == ([f"{code} error"] if code else [])


@pytest.mark.parametrize("key", ["sync-interval", "2nd", "a.b", "__proto__", "päth", ""])
def test_n4_refuses_a_key(tmp_path: Path, key: str) -> None:
    _, found = nested(tmp_path, {("config",): {"schema": {key: {"type": "string"}}}})
    assert codes(found) == ["XT0205 error"]


def test_n4_refuses_a_default_of_nothing(tmp_path: Path) -> None:
    _, found = nested(tmp_path, {("config", "defaults", "prot"): 1})
    assert found == [
        "XT0204 error rack-power/manifest.json:176:4 `prot` has a default and is no setting"
    ]


def test_n4_refuses_one_setting_at_two_places(tmp_path: Path) -> None:
    changes = {("settings", "days"): {"type": "number"}, ("permissions",): []}
    assert codes(flat(tmp_path, changes)[1]) == ["XT0205 error"]


def test_n4_refuses_a_default_without_end(tmp_path: Path) -> None:
    deep: object = []
    for _ in range(40):
        deep = [deep]
    assert field(tmp_path, {"type": "array", "default": deep})[1] == ["XT0203 error"]


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("^(a+)+$", True),
        ("^(a|a)*$", True),
        ("a*a*a*a*a*a*b", False),
        ("a?" * 60 + "a" * 60, True),
    ],
)
def test_n4_a_pattern_that_could_take_for_ever_is_followed_all_the_same(
    tmp_path: Path, pattern: str, *, fits: bool
) -> None:
    setting, found = field(tmp_path, {"type": "string", "default": "a" * 60, "pattern": pattern})
    assert (found, setting.default) == ([], "a" * 60) if fits else (["XT0210 error"], None)


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        ({"type": "number", "min": 2, "max": 1}, "2,"),
        ({"type": "number", "default": 5, "validation": {"min": 2, "max": 1}}, "2,"),
        ({"type": "string", "min": 1}, "1"),
        ({"type": "string", "validation": {"max": 1}}, "1"),
        ({"type": "boolean", "max": 1}, "1"),
        ({"type": "array", "min": 1}, "1"),
        ({"type": "password", "max": 8}, "8"),
        ({"type": "number", "pattern": "^1$"}, '"^1$"'),
        ({"type": "array", "enum": ["a"]}, "["),
        ({"type": "object", "options": ["a"]}, "["),
        ({"type": "number", "enum": ["1"]}, "["),
    ],
)
def test_n4_refuses_a_field_that_contradicts_itself(
    tmp_path: Path, keys: dict[str, Any], shown: str
) -> None:
    _, found = nested(tmp_path, {("config",): {"schema": {"port": keys}}})
    (problem,) = found
    code, _, place, *_ = problem.split(" ")
    line, column = map(int, place.split(":")[1:])
    text = (tmp_path / "rack-power/manifest.json").read_text().splitlines()[line - 1]
    assert (code, text[column - 1 :][: len(shown)]) == ("XT0210", shown)


def patterned(count: int, text: str, default: str) -> dict[str, Any]:
    keys = {"type": "string", "default": default, "pattern": text}
    return {f"k{number}": keys for number in range(count)}


def test_n4_a_module_has_64_patterns_at_most(tmp_path: Path) -> None:
    assert nested(tmp_path, {("config",): {"schema": patterned(64, "^a$", "a")}})[1] == []
    _, found = nested(tmp_path, {("config",): {"schema": patterned(99, "^a$", "a")}})
    (problem,) = found
    assert problem.startswith("XT0205")
    assert problem.endswith("the module has more than 64 patterns")


def test_n4_patterns_of_jobs_count_too(tmp_path: Path) -> None:
    job = {"name": "Tidy", "handler": "./src/jobs.py:tidy", "config": patterned(60, "^a$", "a")}
    changes = {("jobs", "tidy"): job, ("settings",): patterned(5, "^a$", "a")}
    assert codes(flat(tmp_path, changes)[1]).count("XT0205 error") == 1


@pytest.mark.parametrize(
    ("pattern", "default"),
    [("a?" * 100 + "b", "a" * 300), ("(a|b)" * 90, "ab" * 20), ("^(a+)+$", "a" * 60 + "b")],
)
def test_n4_many_patterns_of_an_attacker_are_read_at_once(
    tmp_path: Path, pattern: str, default: str
) -> None:
    manifests = {("config",): {"schema": patterned(1_500, pattern, default)}}
    start = time.process_time()
    nested(tmp_path, manifests)
    assert time.process_time() - start < 1
