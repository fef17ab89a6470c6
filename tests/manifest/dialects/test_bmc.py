"""BMC's `module.json` and the folder around it: conventions hold, leftovers are named."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import manifests, workspace
from tests.support.bmc import FILES, MANIFEST, ROUTER, VIEWS, read
from tests.support.budgets import budget
from tests.support.flux import FILES as FLUX_FILES
from tests.support.flux import MANIFEST as FLUX
from tests.support.manifests import GONE, codes
from xtask.diagnostics import Problems
from xtask.manifest.dialects import bmc, flux, read_manifest, read_module
from xtask.manifest.module import Migration, Permission, Requirement
from xtask.resolve.operations import settle_operations

if TYPE_CHECKING:
    from pathlib import Path


def test_a_whole_module_arrives(tmp_path: Path) -> None:
    module, found = read(tmp_path)
    assert found == []
    assert (module.name, module.version, module.description, module.license) == (
        "invoice_ocr",
        "1.4.0",
        "Reads scanned invoices",
        "MIT",
    )
    assert (module.package, module.dialect, module.is_package) == (
        "app.modules.invoice_ocr",
        "bmc",
        True,
    )
    assert (module.disabled, module.assets, module.foreign) == (None, None, None)
    assert module.permissions == tuple(
        Permission(name, "", place)
        for name, place in zip(
            ("invoices:read", "invoices:write"),
            (item.place for item in module.permissions),
            strict=True,
        )
    )


def test_a_manifest_of_one_key_is_enough(tmp_path: Path) -> None:
    root = tmp_path / "invoice_ocr"
    module, found = manifests.read(root, FILES, "module.json", {"enabled": True})
    assert codes(found) == ["XT0205 error"]  # the default prefix is `invoice_ocr_`
    assert (module.name, module.version, module.requires) == ("invoice_ocr", "0.0.0", ())
    assert module.table_prefix
    assert module.table_prefix.text == "invoice_ocr_"


@pytest.mark.parametrize("folder", ["_template", "_invoice", "Invoice", "invoice ocr"])
def test_b1_a_template_is_not_a_module(tmp_path: Path, folder: str) -> None:
    module, found = read(tmp_path, {("name",): GONE, ("api_prefix",): GONE}, folder=folder)
    assert found[0].startswith(f"XT0205 error {folder}/module.json:1:1 a folder called `{folder}`")
    assert (module.name, module.routers, module.operations) == ("", (), ())


def test_b2_the_api_and_the_pages_are_mounted(tmp_path: Path) -> None:
    module, _ = read(tmp_path)
    assert [(item.prefix, str(item.target)) for item in module.routers] == [
        ("/api/v1/invoice_ocr", "app.modules.invoice_ocr.backend.router:router"),
        ("/invoices", "app.modules.invoice_ocr.frontend.views:router"),
    ]
    assert [item[:2] for item in module.operations] == [
        ("GET", "/api/v1/invoice_ocr/health"),
        ("POST", "/api/v1/invoice_ocr/scan"),
        ("GET", "/invoices/{invoice_id}"),
    ]
    module, _ = read(tmp_path, {("routes_prefix",): GONE})
    assert module.routers[1].prefix == "/invoice_ocr"


@pytest.mark.parametrize("home", [".checks", "app.modules.invoice_ocr.backend.checks"])
def test_b2_routes_of_another_file_are_seen_where_they_are_included(
    tmp_path: Path, home: str
) -> None:
    checks = f"{ROUTER.partition('@')[0]}@router.get('/health')\ndef health(): ...\n"
    main = f"from fastapi import APIRouter\nfrom {home} import router as checks\n"
    main += "router = APIRouter()\nrouter.include_router(checks)\n"
    module, found = read(tmp_path, files={"backend/router.py": main, "backend/checks.py": checks})
    assert found == []
    assert module.health == "/api/v1/invoice_ocr/health"
    assert str(module.operations[0].place) == "invoice_ocr/backend/checks.py:5"


def test_b2_either_half_may_be_missing_and_not_both(tmp_path: Path) -> None:
    no_pages = dict.fromkeys(name for name in FILES if name.startswith("frontend/"))
    no_api = dict.fromkeys(name for name in FILES if name.startswith("backend/"))
    module, found = read(tmp_path / "1", files=no_pages)
    assert [item.prefix for item in module.routers] == ["/api/v1/invoice_ocr"]
    manifest = "invoice_ocr/module.json"
    assert found == [
        f"XT0223 warning {manifest}:17:2 `routes_prefix` changes nothing: there is no `frontend/`"
    ]
    module, found = read(tmp_path / "2", files=no_api)
    assert [item.prefix for item in module.routers] == ["/invoices"]
    assert found == [
        f"XT0223 warning {manifest}:16:2 `api_prefix` changes nothing: there is no `backend/`"
    ]
    neither: dict[manifests.Path_, Any] = {("api_prefix",): GONE, ("routes_prefix",): GONE}
    assert read(tmp_path / "4", neither, files=no_pages)[1] == []
    assert read(tmp_path / "5", neither, files=no_api)[1] == []
    _, found = read(tmp_path / "3", files={**no_pages, **no_api})
    assert found[:1] == [
        "XT0211 error invoice_ocr/module.json:2:10 `invoice_ocr` has no file `backend/router.py`"
    ]


def test_b2_two_routers_below_one_prefix_have_operations_of_their_own(tmp_path: Path) -> None:
    views = VIEWS.replace("/{invoice_id}", "/health")
    prefix = {("routes_prefix",): "/api/v1/invoice_ocr"}
    module, _ = read(tmp_path, prefix, {"frontend/views.py": views})
    problems = Problems()
    settle_operations([module], problems)
    assert [(item.code, str(item.place), item.message) for item in problems.found] == [
        (
            "XT0304",
            "invoice_ocr/frontend/views.py:5",
            "`invoice_ocr` claims the API route `GET /api/v1/invoice_ocr/health` twice",
        )
    ]


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (
            {"frontend/views.py": None},
            "XT0211 error {} `invoice_ocr` has no file `frontend/views.py`",
        ),
        (
            {"frontend/views.py": "rooter = 1"},
            "XT0217 error {} `frontend/views.py` has no `router`",
        ),
        (
            {"templates/index.html": None},
            "XT0211 error {} there are views and no `templates/index.html`",
        ),
    ],
)
def test_b2_views_need_a_router_and_a_page(
    tmp_path: Path, files: dict[str, str | None], problem: str
) -> None:
    assert read(tmp_path, files=files)[1] == [problem.format("invoice_ocr/module.json:2:10")]


def test_b3_a_module_that_is_not_enabled_says_so(tmp_path: Path) -> None:
    module, found = read(tmp_path, {("enabled",): False})
    assert found == []
    assert module.disabled
    assert (module.disabled.text, str(module.disabled.place)) == (
        "`enabled` is false",
        "invoice_ocr/module.json:7",
    )


@pytest.mark.parametrize("enabled", ["true", 1, [], {}])
def test_b3_enabled_is_true_or_false(tmp_path: Path, enabled: object) -> None:
    assert codes(read(tmp_path, {("enabled",): enabled})[1]) == ["XT0203 error"]


@pytest.mark.parametrize(
    ("dependencies", "any_version"),
    [
        (["customers", {"name": "billing", "version": "^2.0"}], ""),
        ({"customers": "*", "billing": "^2.0"}, "*"),
    ],
)
def test_b4_modules_that_it_needs_arrive_in_every_form(
    tmp_path: Path, dependencies: object, any_version: str
) -> None:
    module, _ = read(tmp_path, {("dependencies",): dependencies})
    assert module.requires == tuple(
        Requirement(name, range_, item.place)
        for (name, range_), item in zip(
            [("billing", "^2.0"), ("customers", any_version)], module.requires, strict=True
        )
    )


@pytest.mark.parametrize(
    ("dependencies", "code"),
    [
        ("customers", "XT0203"),
        ([1], "XT0203"),
        (["Customers"], "XT0205"),
        ([{"version": "^1"}], "XT0202"),
        ([{"name": "a", "range": "^1"}], "XT0201"),
        ({"Customers": "^1"}, "XT0205"),
        ({"customers": 1}, "XT0203"),
    ],
)
def test_b4_refuses_dependencies(tmp_path: Path, dependencies: object, code: str) -> None:
    assert codes(read(tmp_path, {("dependencies",): dependencies})[1]) == [f"{code} error"]


def test_b6_migrations_arrive_in_order_with_their_way_back(tmp_path: Path) -> None:
    more = {"migrations/002_b.sql": "", "migrations/002_b.down.sql": ""}
    module, found = read(tmp_path, files=more)
    assert found == []
    assert module.migrations == (
        Migration("migrations/001_init.sql", "migrations/001_init.down.sql"),
        Migration("migrations/002_b.sql", "migrations/002_b.down.sql"),
    )


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"migrations/001_init.down.sql": None}, "XT0211 error"),
        ({"migrations/001_b.sql": "", "migrations/001_b.down.sql": ""}, "XT0221 error"),
        ({"migrations/003_b.sql": "", "migrations/003_b.down.sql": ""}, "XT0221 warning"),
        ({"migrations/init.sql": "", "migrations/init.down.sql": ""}, "XT0221 error"),
    ],
)
def test_b6_refuses_migrations(tmp_path: Path, files: dict[str, str | None], code: str) -> None:
    assert codes(read(tmp_path, files=files)[1]) == [code]


def test_b7_every_table_begins_with_the_prefix(tmp_path: Path) -> None:
    text = "-- pages\nCREATE TABLE IF NOT EXISTS pages (id);\nCREATE TABLE INV_OCR_b (id);\n"
    module, found = read(tmp_path, files={"migrations/001_init.sql": text})
    assert [item.name for item in module.tables] == ["INV_OCR_b", "pages"]
    where = "invoice_ocr/migrations/001_init.sql:2:28"
    assert found == [f"XT0205 error {where} table `pages` does not begin with `inv_ocr_`"]


@pytest.mark.parametrize(
    ("prefix", "code"),
    [("inv", "XT0205"), ("Inv_", "XT0205"), ("_", "XT0205"), ("", "XT0205"), (1, "XT0203")],
)
def test_b7_refuses_a_prefix(tmp_path: Path, prefix: object, code: str) -> None:
    module, found = read(tmp_path, {("table_prefix",): prefix})
    assert (codes(found), module.table_prefix) == ([f"{code} error"], None)


def test_b8_configuration_is_settings_with_the_types_of_its_values(tmp_path: Path) -> None:
    module, _ = read(tmp_path)
    assert [(item.key, item.type, item.default) for item in module.settings] == [
        ("dry_run", "boolean", True),
        ("language", "string", "da"),
        ("page_limit", "integer", 20),
        ("read_only", "boolean", True),
    ]


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"Page-Limit": 1}, "XT0205"),
        ({"pages": [1]}, "XT0203"),
        ({"safety_switches": {"readonly": True}}, "XT0201"),
        ({"safety_switches": {"read_only": "no"}}, "XT0203"),
        ({"safety_switches": {"dry_run": False}}, "XT0210"),
        ([], "XT0203"),
    ],
)
def test_b8_refuses_configuration(tmp_path: Path, config: object, code: str) -> None:
    assert codes(read(tmp_path, {("config",): config})[1]) == [f"{code} error"]


@pytest.mark.parametrize("config", [GONE, {}, {"safety_switches": {"read_only": False}}])
def test_b9_the_switches_are_on_until_somebody_turns_them_off(
    tmp_path: Path, config: object
) -> None:
    module, _ = read(tmp_path, {("config",): config})
    assert {item.key: item.default for item in module.settings} == {
        "dry_run": True,
        "read_only": True,
    }


def test_b10_health_is_where_the_convention_says(tmp_path: Path) -> None:
    module, _ = read(tmp_path)
    assert module.health == "/api/v1/invoice_ocr/health"
    files = {"backend/router.py": ROUTER.replace("/health", "/healthy")}
    module, found = read(tmp_path, files=files)
    assert module.health is None
    assert [item.split(" nothing answers ")[0] for item in found] == [
        "XT0223 warning invoice_ocr/module.json:2:10"
    ]


@pytest.mark.parametrize(
    ("file", "text", "where"),
    [
        ("README.md", "# Invoices\n\nTest Module Module\n", "README.md:3:1"),
        ("README.md", "set `MODULES__MY_MODULE__READ_ONLY`\n", "README.md:1:6"),
        ("README.md", "# {{ name }}\n", "README.md:1:3"),
        ("backend/router.py", f"{ROUTER}# copied from _template\n", "backend/router.py:10:15"),
        ("backend/router.py", f'{ROUTER}NAME = "TEMPLATE"\n', "backend/router.py:10:9"),
    ],
)
def test_b11_what_the_template_left_behind_is_named(
    tmp_path: Path, file: str, text: str, where: str
) -> None:
    _, found = read(tmp_path, files={file: text})
    assert [item.split(" `")[0] for item in found] == [f"XT0222 warning invoice_ocr/{where}"]


def test_b11_in_the_manifest_too_and_words_like_it_are_none(tmp_path: Path) -> None:
    _, found = read(tmp_path, {("description",): "Test Module Module, TEMPLATE"})
    assert [item[:43] for item in found] == [
        "XT0222 warning invoice_ocr/module.json:4:18",
        "XT0222 warning invoice_ocr/module.json:4:38",
    ]
    text = f"{ROUTER}mail_template = MAIL_TEMPLATE = templates = f'{{{{x}}}}'\n"
    assert read(tmp_path, files={"backend/router.py": text})[1] == []


def test_b11_so_many_leftovers_are_named_and_no_more(tmp_path: Path) -> None:
    text = "".join(f"MODULES__MY_MODULE__A{number}\n" for number in range(20_000))
    start = time.process_time()
    assert len(read(tmp_path, files={"README.md": text})[1]) == 20
    assert time.process_time() - start < 1


def test_a_readme_in_another_encoding_is_not_guessed(tmp_path: Path) -> None:
    workspace.write(tmp_path / "invoice_ocr", {"README.md": "# Oversættelse".encode("latin-1")})
    _, found = read(tmp_path, files={"README.md": None})
    assert codes(found) == ["XT0103 error"]


def test_an_import_of_another_module_is_refused(tmp_path: Path) -> None:
    text = f"from app.modules.customers import backend\n{ROUTER}"
    _, found = read(tmp_path, files={"backend/router.py": text})
    assert [item.split(" `")[0] for item in found] == [
        "XT0219 error invoice_ocr/backend/router.py:1:1"
    ]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({("name",): "invoices"}, "XT0208"),
        ({("version",): "1.0"}, "XT0206"),
        ({("api_prefix",): "/api/v2/invoice_ocr"}, "XT0205"),
        ({("api_prefix",): "api"}, "XT0205"),
        ({("routes_prefix",): "invoices"}, "XT0205"),
        ({("permissions",): ["Invoices Read"]}, "XT0205"),
        ({("permissions",): {"read": True}}, "XT0203"),
        ({("tags",): "OCR"}, "XT0203"),
        ({("table_prefx",): "a_"}, "XT0201"),
    ],
)
def test_refuses_a_value(tmp_path: Path, changes: dict[manifests.Path_, Any], code: str) -> None:
    if ("name",) in changes:
        changes[("api_prefix",)] = GONE
    assert codes(read(tmp_path, changes)[1]) == [f"{code} error"]


def test_files_for_browsers_are_in_static(tmp_path: Path) -> None:
    assert read(tmp_path, files={"static/page.css": ""})[0].assets == "static"


def test_of_a_published_module_only_the_manifest_counts(tmp_path: Path) -> None:
    problems = Problems()
    workspace.write(tmp_path, {"module.json": json.dumps(MANIFEST)})
    module = read_manifest(tmp_path / "module.json", "module.json", problems)
    assert module
    assert (problems.found, module.root, module.health) == ([], None, None)
    assert [item.prefix for item in module.routers] == ["/api/v1/invoice_ocr"]


@pytest.mark.parametrize(
    ("values", "of_bmc", "of_flux"),
    [
        (MANIFEST, True, False),
        (FLUX, False, True),
        ({"enabled": True, "display_name": "X"}, True, True),
        ({"table_prefix": "x_"}, True, False),
        ({"table_prefix": "x_", "display_name": "X"}, False, True),
        ({"module_id": "620600", "table_prefix": "620600_x"}, False, False),
        ({"name": "x"}, False, False),
    ],
)
def test_keys_tell_bmc_and_flux_apart(
    values: dict[str, Any], *, of_bmc: bool, of_flux: bool
) -> None:
    assert (bmc.recognises(values), flux.recognises(values)) == (of_bmc, of_flux)


def test_the_other_dialects_module_stays_its_own(tmp_path: Path) -> None:
    module, _ = manifests.read(tmp_path / "databases", FLUX_FILES, "module.json", FLUX)
    assert module.dialect == flux.NAME_OF_DIALECT


@budget(60)
@given(data=st.data())
def test_no_value_makes_reading_raise(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    root = tmp_path_factory.getbasetemp() / "bmc" / "invoice_ocr"
    every = st.sampled_from(sorted(manifests.paths(MANIFEST), key=str))
    changes = data.draw(st.dictionaries(every, manifests.ANY, min_size=1, max_size=3))
    values = manifests.changed(MANIFEST, changes)
    workspace.write(root, {"module.json": json.dumps(values), **FILES})
    problems, start = Problems(), time.process_time()
    read_module(root, "invoice_ocr", problems)
    for problem in problems.found:
        assert problem.place.span().line >= 1
    assert time.process_time() - start < 1
