"""`manifest.json` with an `entry`, the flat format: code, migrations and dependencies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.capability import FILES, flat
from tests.support.manifests import GONE, codes
from xtask.diagnostics import Problems
from xtask.manifest.module import EntryPoint, Migration
from xtask.resolve.operations import settle_operations

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import manifests

NO_RIGHTS: dict[manifests.Path_, Any] = {("permissions",): []}
JOB = ("jobs", "collect-power")


def test_a_whole_manifest_arrives(tmp_path: Path) -> None:
    module, found = flat(tmp_path)
    assert [item.split(" asks")[0] for item in found] == [
        "XT0223 warning rack-power/manifest.json:144:3 `network:outbound`",
        "XT0223 warning rack-power/manifest.json:145:3 `database:read`",
    ]
    assert (module.name, module.version, module.foreign) == ("rack-power", "1.2.0-rc.1", None)
    assert [item.name for item in module.permissions] == ["power:read"]
    assert [item.name for item in module.tables] == ["meters"]


def test_n5_the_entry_binds_the_router_and_its_operations_are_seen(tmp_path: Path) -> None:
    module, _ = flat(tmp_path)
    assert [(item.prefix, str(item.target)) for item in module.routers] == [
        ("/api/v1/m/rack-power", "modules.rack_power.src.index:router")
    ]
    assert [item[:2] for item in module.operations] == [
        ("GET", "/api/v1/m/rack-power/live/{rack_id:int}")
    ]
    assert [(item[:2], str(item.target)) for item in module.endpoints] == [
        (("GET", "/api/v1/m/rack-power/old"), "modules.rack_power.src.old:handler")
    ]


def test_n5_a_route_without_handler_is_the_entrys(tmp_path: Path) -> None:
    route = {"method": "POST", "path": "/racks"}
    module, found = flat(tmp_path, {("routes",): [route], **NO_RIGHTS})
    assert (found, module.endpoints) == ([], ())
    assert ("POST", "/api/v1/m/rack-power/racks") in [item[:2] for item in module.operations]


@pytest.mark.parametrize("path", ["/live/:rack_id", "/live/:other"])
def test_n5_what_the_manifest_says_of_a_router_is_what_its_code_answers(
    tmp_path: Path, path: str
) -> None:
    route = {"method": "GET", "path": path}
    module, _ = flat(tmp_path, {("routes",): [route], **NO_RIGHTS})
    assert [(item.path, item.place.source.path) for item in module.operations] == [
        ("/api/v1/m/rack-power/live/{rack_id:int}", "rack-power/src/index.py")
    ]


def test_n3_a_route_of_a_router_is_in_the_manifest_once(tmp_path: Path) -> None:
    routes = [{"method": "POST", "path": path} for path in ("/racks/:id", "/racks/:name")]
    module, _ = flat(tmp_path, {("routes",): routes, **NO_RIGHTS})
    problems = Problems()
    settle_operations([module], problems)
    assert [item.message for item in problems.found] == [
        "`rack-power` claims the API route `POST /api/v1/m/rack-power/racks/{name}` twice"
    ]


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("./src/none.py", "XT0211"),
        ("./src/old.py", "XT0217"),
        ("./src/index.py:collect", None),
        ("./src/none.ts", "XT0211"),
        ("router", "XT0205"),
        ("../src/index.py", "XT0205"),
        ("", "XT0205"),
        (GONE, "XT0202"),
    ],
)
def test_n5_refuses_an_entry(tmp_path: Path, entry: object, code: str | None) -> None:
    changes = {("entry",): entry, (*JOB, "handler"): "src/jobs.py:tidy", ("routes",): []}
    if entry is GONE:  # then nothing says which format it is but the other keys
        changes |= {("displayName",): "Rack"}
    _, found = flat(tmp_path, {**changes, **NO_RIGHTS})
    assert codes(found) == ([f"{code} error"] if code else [])


def test_n5_an_entry_in_typescript_makes_the_module_foreign(tmp_path: Path) -> None:
    changes = {("entry",): "./src/index.ts", ("jobs",): {}, ("routes",): [], **NO_RIGHTS}
    module, found = flat(tmp_path, changes, {**FILES, "src/index.ts": ""})
    assert (found, module.routers, module.operations) == ([], (), ())
    assert module.foreign
    assert module.foreign.text == "its handlers are TypeScript"


def test_n6_jobs_are_named_by_their_keys(tmp_path: Path) -> None:
    module, _ = flat(tmp_path)
    assert [
        (item.name, str(item.target), item.schedule, item.timeout, item.retries)
        for item in module.jobs
    ] == [
        ("rack-power.collect-power", "modules.rack_power.src.index:collect", "", 1.5, 2),
        ("rack-power.tidy", "modules.rack_power.src.jobs:tidy", "0 3 * * *", None, 0),
    ]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({(*JOB, "handler"): "colect"}, "XT0217 error"),
        ({(*JOB, "handler"): GONE}, "XT0202 error"),
        ({(*JOB, "name"): GONE}, "XT0202 error"),
        ({("jobs", "Tidy Up"): {"name": "T", "handler": "src/jobs.py:tidy"}}, "XT0205 error"),
        ({JOB: True}, "XT0203 error"),
        ({("jobs",): []}, "XT0203 error"),
        ({("routes",): {}}, "XT0203 error"),
        ({("categorie",): "monitoring"}, "XT0201 error"),
    ],
)
def test_n6_refuses_jobs(tmp_path: Path, changes: dict[manifests.Path_, Any], code: str) -> None:
    assert codes(flat(tmp_path, {**changes, **NO_RIGHTS})[1]) == [code]


def test_words_for_a_marketplace_change_nothing(tmp_path: Path) -> None:
    words = {("icon",): "bolt", ("category",): "monitoring"}
    assert flat(tmp_path, {**words, **NO_RIGHTS})[1] == []


def test_n6_a_function_of_no_file_is_the_entrys_when_that_is_python(tmp_path: Path) -> None:
    module, _ = flat(tmp_path)
    assert module.jobs[0].target == EntryPoint("modules.rack_power.src.index", "collect")
    changes = {("entry",): "src/index.js", **NO_RIGHTS}
    module, found = flat(tmp_path, changes, {**FILES, "src/index.js": ""})
    assert (found, [job.name for job in module.jobs]) == ([], ["rack-power.tidy"])


def test_n9_packages_and_modules_are_side_by_side(tmp_path: Path) -> None:
    module, _ = flat(tmp_path)
    assert [item[:2] for item in module.requires] == [("core-auth", "=1.x || >=2.0.0 <=2.4")]
    assert [item[:2] for item in module.front_end_dependencies] == [("date-fns", "^3.0.0")]


def test_n9_a_package_may_be_called_as_a_group_is(tmp_path: Path) -> None:
    names = {"modules": "^1.0.0", "npm": "", "system": "2"}
    module, found = flat(tmp_path, {("dependencies",): names, **NO_RIGHTS})
    assert (found, module.requires) == ([], ())
    assert [item[:2] for item in module.front_end_dependencies] == [
        ("modules", "^1.0.0"),
        ("npm", "*"),
        ("system", "2"),
    ]


@pytest.mark.parametrize("dependencies", [[], {"modules": []}, {"date-fns": 3}, {"npm": 1}])
def test_n9_says_once_what_is_wrong_with_dependencies(tmp_path: Path, dependencies: object) -> None:
    _, found = flat(tmp_path, {("dependencies",): dependencies, **NO_RIGHTS})
    assert codes(found) == ["XT0203 error"]


def test_migrations_are_where_the_manifest_says(tmp_path: Path) -> None:
    module, _ = flat(tmp_path)
    start = "src/migrations/001_meters"
    assert module.migrations == (Migration(f"{start}.sql", f"{start}.down.sql"),)


@pytest.mark.parametrize(
    ("folder", "files", "expected"),
    [
        ("migrations", {}, ["XT0211 error"]),
        ("src/sql", {"src/sql/001_a.sql": ""}, ["XT0205 error"]),
        ("../migrations", {}, ["XT0205 error"]),
        ("", {}, ["XT0205 error"]),
        (["migrations"], {}, ["XT0203 error"]),
        ("migrations/", {"migrations/001_a.ts": ""}, ["XT0221 warning"]),
        ("migrations", {"migrations/001_a.sql": ""}, ["XT0211 error"]),
        (
            "./migrations",
            {f"migrations/004_{name}.{end}": "" for name in "ab" for end in ("sql", "down.sql")},
            ["XT0221 error"],
        ),
    ],
)
def test_refuses_migrations(
    tmp_path: Path, folder: object, files: dict[str, str], expected: list[str]
) -> None:
    _, found = flat(tmp_path, {("migrations",): folder, **NO_RIGHTS}, {**FILES, **files})
    assert codes(found) == expected


def test_migrations_need_no_key_when_they_are_in_the_usual_folder(tmp_path: Path) -> None:
    files = {"migrations/001_a.sql": "", "migrations/001_a.down.sql": ""}
    changes = {("migrations",): GONE, **NO_RIGHTS}
    module, found = flat(tmp_path, changes, {**FILES, **files})
    assert found == []
    assert module.migrations == (Migration("migrations/001_a.sql", "migrations/001_a.down.sql"),)
