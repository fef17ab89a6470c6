"""`manifest.json` with `capabilities`: every key arrives, every defect has its place."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import manifests, workspace
from tests.support.budgets import budget
from tests.support.capability import FILES, FLAT, NESTED, flat, nested
from tests.support.manifests import GONE, codes
from xtask.diagnostics import Problems
from xtask.manifest.dialects import capability, read_manifest, read_module
from xtask.manifest.module import Endpoint, EntryPoint, Event, Hook, Job, Module

if TYPE_CHECKING:
    from pathlib import Path

NOTHING = ", nothing can be called that"
HANDLERS = EntryPoint("modules.rack_power.handlers.racks", "handler")
ROUTES = ("capabilities", "api", "routes")
JOB = ("capabilities", "jobs", "handlers", 0)


def test_a_whole_manifest_arrives(tmp_path: Path) -> None:
    module, found = nested(tmp_path)
    assert found == []
    assert (module.name, module.version, module.description, module.license) == (
        "rack-power",
        "1.2.0-rc.1",
        "What each rack draws",
        "MIT",
    )
    assert (module.package, module.dialect, module.is_package, module.assets) == (
        "modules.rack_power",
        "capability",
        True,
        "frontend",
    )
    assert (module.root, module.foreign, module.routers) == (tmp_path / "rack-power", None, ())
    assert [item.name for item in module.permissions] == ["racks:read", "racks:write"]


def test_n1_all_errors_are_found_in_one_run(tmp_path: Path) -> None:
    changes = {
        ("name",): "Rack",
        ("version",): "1.2",
        ("permissions", 0): 7,
        ("capabilities", "api"): True,
        ("displayName",): "",
        ("author",): GONE,
    }
    _, found = nested(tmp_path, changes)
    assert found == [
        "XT0202 error rack-power/manifest.json:1:1 `author` is missing in `manifest.json`",
        (
            "XT0203 error rack-power/manifest.json:161:3 "
            "an entry of `permissions` must be a string, not an integer"
        ),
        "XT0203 error rack-power/manifest.json:18:10 `api` must be a table, not true or false",
        "XT0205 error rack-power/manifest.json:3:10 `Rack` is not a name in kebab case",
        "XT0205 error rack-power/manifest.json:5:17 `displayName` has 0 characters",
        "XT0206 error rack-power/manifest.json:4:13 `1.2` is not a semantic version",
    ]


@pytest.mark.parametrize(
    ("written", "range_"),
    [
        ("^1.0.0", "^1.0.0"),
        ("1.2.3", "=1.2.3"),
        ("v1.2.3", "=1.2.3"),
        (">= 1.0 < 3", ">=1.0 <3"),
        ("1.x || 2.0.0 - 2.4", "=1.x || >=2.0.0 <=2.4"),
        ("", "*"),
        ("*", "*"),
        ("latest", "latest"),
        ("1" * 300, "1" * 300),
    ],
)
def test_n2_npm_ranges_keep_their_meaning(tmp_path: Path, written: str, range_: str) -> None:
    module, _ = nested(tmp_path, {("dependencies", "modules"): {"core-auth": written}})
    assert [item[:2] for item in module.requires] == [("core-auth", range_)]


def test_n3_both_routes_of_one_path_arrive_to_be_compared(tmp_path: Path) -> None:
    module, _ = nested(
        tmp_path, {(*ROUTES, 1, "path"): "/racks/{id}", (*ROUTES, 1, "method"): "GET"}
    )
    paths = [re.sub(r"{\w+}", "{}", item.path) for item in module.endpoints]
    assert paths == ["/api/v1/modules/rack-power/racks/{}"] * 2


def test_n5_routes_are_endpoints_under_the_prefix(tmp_path: Path) -> None:
    module, _ = nested(tmp_path)
    first, second = module.endpoints
    assert first == Endpoint(
        "GET",
        "/api/v1/modules/rack-power/racks/{rackId}",
        HANDLERS,
        ("racks:read",),
        first.place,
    )
    assert (second.method, second.path) == ("POST", "/api/v1/modules/rack-power")
    assert second.target == HANDLERS._replace(attribute="add")


@pytest.mark.parametrize(
    ("handler", "problem"),
    [
        ("handlers/none.py", "XT0211 error {}:24:17 `rack-power` has no file `handlers/none.py`"),
        ("handlers/racks.py:ad", "XT0217 error {}:24:17 `handlers/racks.py` has no `ad`"),
        ("handlers/list-vms.py", "XT0205 error {}:24:17 `handlers/list-vms.py` is not a handler"),
        ("../other/x.py", "XT0205 error {}:24:17 `../other/x.py` is not a handler"),
        ("../other/x.ts", "XT0205 error {}:24:17 `../other/x.ts` is not a handler"),
        ("/etc/passwd", "XT0205 error {}:24:17 `/etc/passwd` is not a handler"),
        ("handlers/racks.rb", "XT0205 error {}:24:17 `handlers/racks.rb` is not a handler"),
        ("", "XT0205 error {}:24:17 `` is not a handler"),
        ("a/class.py", "XT0205 error {}:24:17 `class` is a word of Python's grammar" + NOTHING),
        ("handlers/list.ts", "XT0211 error {}:24:17 there is no file `handlers/list.ts`"),
        (5, "XT0203 error {}:24:17 `handler` must be a string, not an integer"),
        (None, "XT0202 error {}:21:5 `handler` is missing in `capabilities.api.routes`"),
    ],
)  # fmt: skip
def test_n5_refuses_a_handler(tmp_path: Path, handler: object, problem: str) -> None:
    _, found = nested(tmp_path, {(*ROUTES, 0, "handler"): handler})
    assert found == [problem.format("rack-power/manifest.json")]


@pytest.mark.parametrize(
    ("handler", "why"),
    [
        ("handlers/list-vms.ts", "its handlers are TypeScript"),
        ("./handlers/list.cjs:all", "its handlers are JavaScript"),
        ("cleanupTrash", "its handlers are functions of JavaScript"),
    ],
)
def test_n5_a_handler_that_is_not_python_makes_the_module_foreign(
    tmp_path: Path, handler: str, why: str
) -> None:
    files = {**FILES, "handlers/list-vms.ts": "", "handlers/list.cjs": ""}
    module, found = nested(tmp_path, {(*ROUTES, 0, "handler"): handler}, files)
    assert found == []
    assert module.foreign
    assert (module.foreign.text, str(module.foreign.place)) == (why, "rack-power/manifest.json:24")
    assert [item[:2] for item in module.operations] == [
        ("GET", "/api/v1/modules/rack-power/racks/{rackId}")
    ]
    assert [item.method for item in module.endpoints] == ["POST"]


@pytest.mark.parametrize(
    "path", ["vms", "/*", "/a/../b", "/a//b", "/:id/{id}", "/a b", "/:id(\\d+)", "/" + "a" * 200]
)
def test_n5_refuses_a_path(tmp_path: Path, path: str) -> None:
    module, found = nested(tmp_path, {(*ROUTES, 0, "path"): path})
    assert [item[:45] for item in found] == ["XT0205 error rack-power/manifest.json:23:14 `"]
    assert len(module.endpoints) == 1


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("method", "get", "XT0204 error"),
        ("method", "OPTIONS", "XT0204 error"),
        ("permissions", "racks:read", "XT0203 error"),
        ("schema", {"body": {}}, "XT0223 warning"),
        ("middleware", ["auth"], "XT0223 warning"),
        ("handlr", "x", "XT0201 error"),
    ],
)
def test_n5_says_what_is_wrong_with_a_route(
    tmp_path: Path, key: str, value: object, code: str
) -> None:
    _, found = nested(tmp_path, {(*ROUTES, 0, key): value})
    assert codes(found) == [code]


def test_n6_a_job_arrives_with_its_limits(tmp_path: Path) -> None:
    module, _ = nested(tmp_path)
    target = EntryPoint("modules.rack_power.jobs.sync", "run")
    (job,) = module.jobs
    assert job == Job("rack-power.sync-racks", target, "0 */6 * * *", job.place, 300.0, 3)


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("schedule", "0 */6 * *", "XT0205"),
        ("schedule", "30 0 */6 * * *", "XT0205"),
        ("schedule", "0 61 * * * *", "XT0205"),
        ("schedule", "@daily", "XT0205"),
        ("schedule", "", "XT0205"),
        ("schedule", "* " * 9000, "XT0205"),
        ("schedule", 5, "XT0203"),
        ("timeout", 0, "XT0204"),
        ("timeout", 10**15, "XT0204"),
        ("timeout", "5m", "XT0203"),
        ("timeout", True, "XT0203"),
        ("retries", -1, "XT0204"),
        ("retries", 101, "XT0204"),
        ("retries", 1.5, "XT0203"),
        ("name", "Sync Racks", "XT0205"),
        ("name", GONE, "XT0202"),
        ("cron", "* * * * *", "XT0201"),
    ],
)
def test_n6_refuses_a_job(tmp_path: Path, key: str, value: object, code: str) -> None:
    _, found = nested(tmp_path, {(*JOB, key): value})
    assert codes(found) == [f"{code} error"]


@pytest.mark.parametrize("schedule", ["0 0 */6 * * *", " 0  */6 * * * "])
def test_n6_seconds_that_are_zero_are_left_out(tmp_path: Path, schedule: str) -> None:
    module, found = nested(tmp_path, {(*JOB, "schedule"): schedule})
    assert (found, module.jobs[0].schedule) == ([], "0 */6 * * *")


def test_n7_events_are_heard_and_published(tmp_path: Path) -> None:
    module, _ = nested(tmp_path)
    (hook,) = module.hooks
    assert hook == Hook("rack.added", HANDLERS._replace(attribute="add"), 100, hook.place)
    assert module.emits == tuple(
        Event(name, event.place)
        for name, event in zip(("rack.removed", "rack:moved"), module.emits, strict=True)
    )


def test_n7_the_same_handler_twice_for_one_event_is_refused(tmp_path: Path) -> None:
    here = {"event": "rack.added", "handler": "handlers/racks.py:add"}
    others = [here | {"event": "rack.moved"}, here | {"handler": "handlers/racks.py"}]
    listeners = ("capabilities", "events", "listeners")
    assert nested(tmp_path, {listeners: [here, *others]})[1] == []
    _, found = nested(tmp_path, {listeners: [here, *others, here]})
    assert [problem.split(" ", 3)[::3] for problem in found] == [
        ["XT0204", "`rack.added` would call `modules.rack_power.handlers.racks:add` twice"]
    ]


def test_n7_an_event_that_is_listed_twice_is_published_once(tmp_path: Path) -> None:
    events = ["rack.moved", {"event": "rack.moved"}, "rack.added"]
    module, found = nested(tmp_path, {("capabilities", "events", "emitters"): events})
    assert [event.name for event in module.emits] == ["rack.moved", "rack.added"]
    assert codes(found) == ["XT0223 warning"]


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ({"listeners": ["rack.added"]}, "XT0223 warning"),
        ({"listeners": {"event": "rack.added"}}, "XT0203 error"),
        ({"listeners": [{"handler": "handlers/racks.py"}]}, "XT0202 error"),
        ({"emitters": ["rack added"]}, "XT0205 error"),
        ({"emitters": [["rack.added"]]}, "XT0203 error"),
        ({"emitters": [{"event": "a", "evnt": 1}]}, "XT0201 error"),
        ({"emiters": []}, "XT0201 error"),
    ],
)
def test_n7_says_what_is_wrong_with_events(tmp_path: Path, events: object, code: str) -> None:
    _, found = nested(tmp_path, {("capabilities", "events"): events})
    assert codes(found) == [code]


def test_n9_dependencies_of_three_kinds(tmp_path: Path) -> None:
    module, _ = nested(tmp_path)
    assert [item[:2] for item in module.requires] == [("assets", "=1.2.3"), ("core-auth", "^1.0.0")]
    assert [item[:2] for item in module.front_end_dependencies] == [
        ("@scope/chart", "1.x"),
        ("date-fns", "^3.0.0"),
    ]


@pytest.mark.parametrize(
    ("dependencies", "expected"),
    [
        ([], ["XT0203 error"]),
        ({"axios": "^1.6.0"}, ["XT0201 error"]),
        ({"modules": {"Core": "^1"}}, ["XT0205 error"]),
        ({"modules": {"core-auth": 1}}, ["XT0203 error"]),
        ({"modules": ["core-auth"]}, ["XT0203 error"]),
        ({"npm": {"Not A Name": "^1"}}, ["XT0205 error"]),
        ({"system": {"database": "postgresql"}}, ["XT0223 warning"]),
        ({"system": {"node": 20}}, ["XT0203 error"]),
        ({"system": {"python": ">=3"}}, ["XT0201 error"]),
    ],
)
def test_n9_says_what_is_wrong_with_dependencies(
    tmp_path: Path, dependencies: object, expected: list[str]
) -> None:
    assert codes(nested(tmp_path, {("dependencies",): dependencies})[1]) == expected


def test_n10_a_status_is_no_key_of_a_manifest(tmp_path: Path) -> None:
    _, found = nested(tmp_path, {("status",): "ENABLED"})
    assert found == [
        "XT0201 error rack-power/manifest.json:182:2 unknown key `status` in `manifest.json`"
    ]


def test_n12_what_asks_a_sandbox_is_no_right_of_users(tmp_path: Path) -> None:
    names = ["racks:read", "racks:write", "network:outbound", "storage:read", "read"]
    changes = {("permissions",): names, (*ROUTES, 1, "permissions"): ["storage:read"]}
    module, found = nested(tmp_path, changes)
    assert [item.name for item in module.permissions] == [
        "racks:read",
        "racks:write",
        "storage:read",
    ]
    assert codes(found) == ["XT0205 error", "XT0223 warning"]


def test_capabilities_that_are_only_on_or_off_are_refused_with_all_else_that_is_wrong(
    tmp_path: Path,
) -> None:
    changes = {
        ("capabilities",): {"api": True, "jobs": True, "events": True},
        ("permissions",): {"database": {"read": True}},
        ("jobs",): [{"name": "Hourly", "handler": "jobs/hourly.js"}],
        ("main",): "index.js",
        ("dependencies",): {"axios": "^1.6.0"},
    }
    _, found = nested(tmp_path, changes)
    assert codes(found) == ["XT0201 error"] * 3 + ["XT0203 error"] * 4


@pytest.mark.parametrize(
    "name", ["ab", "a" * 51, "rack_power", "2fa-login", "rack--power", "класс"]
)
def test_refuses_a_name(tmp_path: Path, name: str) -> None:
    module, found = nested(tmp_path, {("name",): name})
    assert (codes(found), module.endpoints) == (["XT0205 error"], ())


def test_an_import_of_another_module_is_refused(tmp_path: Path) -> None:
    text = "from modules.core_auth import users\ndef run(context): ...\n"
    _, found = nested(tmp_path, files={**FILES, "jobs/sync.py": text})
    assert found == [
        (
            "XT0219 error rack-power/jobs/sync.py:1:1 "
            "`modules.rack_power` imports `modules.core_auth`, which is another module"
        )
    ]


def test_of_a_published_module_no_file_is_looked_up(tmp_path: Path) -> None:
    problems = Problems()
    workspace.write(tmp_path, {"manifest.json": json.dumps(NESTED)})
    module = read_manifest(tmp_path / "manifest.json", "manifest.json", problems)
    assert problems.found == []
    assert isinstance(module, Module)
    assert (module.root, module.endpoints[0].target) == (None, HANDLERS)


@pytest.mark.parametrize(
    ("values", "is_ours"),
    [
        ({"capabilities": {}}, True),
        ({"entry": "x"}, True),
        ({"displayName": "x", "jobs": {}}, True),
        ({"manifest_version": 3, "name": "x", "entry": "x"}, False),
        ({"name": "x", "start_url": "/"}, False),
    ],
)
def test_other_files_of_this_name_are_not_taken(values: dict[str, Any], *, is_ours: bool) -> None:
    assert capability.recognises(values) is is_ours


@pytest.mark.parametrize("read", [nested, flat])
@budget(60)
@given(data=st.data())
def test_no_value_makes_reading_raise(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, read: Any
) -> None:
    manifest = NESTED if read is nested else FLAT
    root = tmp_path_factory.getbasetemp() / read.__name__ / "rack-power"
    every = st.sampled_from(sorted(manifests.paths(manifest), key=str))
    changes = data.draw(st.dictionaries(every, manifests.ANY, min_size=1, max_size=3))
    values = manifests.changed(manifest, changes)
    workspace.write(root, {"manifest.json": json.dumps(values), **FILES})
    problems, start = Problems(), time.process_time()
    read_module(root, "rack-power", problems)
    for problem in problems.found:
        assert problem.place.span().line >= 1
    assert time.process_time() - start < 1
