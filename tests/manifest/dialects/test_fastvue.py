"""FastVue: every key of `__manifest__.py` arrives, each promise is kept, defects have places."""

from __future__ import annotations

import ast
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import workspace
from tests.support.budgets import budget
from tests.support.fastvue import EMPTY, FILES, MANIFEST, read
from xtask.diagnostics import Problems
from xtask.manifest.dialects import FILENAMES, fastvue, read_manifest, read_module
from xtask.manifest.module import EntryPoint
from xtask.resolve.operations import settle_operations

if TYPE_CHECKING:
    from pathlib import Path


def manifest(text: str) -> str:
    """Return the smallest manifest with something in it; its text begins at line 3, column 1."""
    return '{"name": "Customers",\n"version": "1.0.0",\n' + text + "\n}"


def test_every_key_arrives(tmp_path: Path) -> None:
    found = read(tmp_path, MANIFEST, FILES)
    module = found.module
    assert found.noted == []
    assert (module.name, module.package, module.dialect) == ("crm", "modules.crm", "fastvue")
    assert (module.version, module.description, module.license) == (
        "2.1.0",
        "Leads and deals",
        "MIT",
    )
    assert module.is_package
    assert module.distribution == "modules-crm"
    assert module.root == tmp_path / "crm"
    assert [item[:2] for item in module.requires] == [("mail", ""), ("sales", "")]
    assert [item[:2] for item in module.conflicts] == [("old_crm", "")]
    assert module.auto_enabled_by == ("sales",)
    assert (module.disabled, module.foreign, module.app_range) == (None, None, None)
    assert [item[:2] for item in module.routers] == [
        ("/api/v1/crm", EntryPoint("modules.crm.api", "router"))
    ]
    assert [item[:2] for item in module.operations] == [
        ("GET", "/api/v1/crm/leads/"),
        ("POST", "/api/v1/crm/leads/{lead_id}"),
    ]
    assert [item.name for item in module.permissions] == [
        "crm.lead.edit",
        "crm.lead.view",
        "crm.rule.own",
    ]
    assert [item[:2] for item in module.hooks] == [
        ("pre_init", EntryPoint("modules.crm.hooks", "pre_init")),
        ("post_init", EntryPoint("modules.crm.hooks", "post_init")),
        ("uninstall", EntryPoint("modules.crm", "uninstall")),
    ]
    assert [item.name for item in module.tables] == ["crm_lead_tag", "crm_leads"]
    assert [item.name for item in module.programs] == ["wkhtmltopdf"]
    assert [item.text for item in module.dependencies] == ["pandas>=2"]
    assert module.overrides == ("sales",)
    assert module.assets == "static"


def test_every_page_and_menu_arrives(tmp_path: Path) -> None:
    module = read(tmp_path, MANIFEST, FILES).module
    assert [item[:4] for item in module.routes] == [
        ("crm.crm", "/crm", "src/views/leads.vue", "CRM"),
        ("crm.crm-leads", "/crm/leads", "src/views/leads.vue", "Leads"),
        ("crm.crm-deals", "/crm/deals", "src/views/deep/deals.vue", "Deals"),
        ("crm.crm-leads-id", "/crm/leads/:id", "views/lead-form.vue", "Lead"),
        ("crm.crm-report", "/crm/report", "src/routes/index.ts", "Report"),
    ]
    assert [item.permissions for item in module.routes][:2] == [("crm.lead.view",), ()]
    assert [(link.label, link.path, link.parent, link.order) for link in module.navigation] == [
        ("CRM", "/crm", "", 20),
        ("Leads", "/crm/leads", "/crm", 1),
        ("Deals", "/crm/deals", "/crm", 10),
        ("Report", "/crm/report", "CRM", 10),
    ]
    assert (module.navigation[0].icon, module.navigation[0].menu) == ("mdi:account", "main")


def test_v1_a_manifest_is_data_and_never_executed(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    found = read(tmp_path, f'{{"name": open({str(marker)!r}, "w").name}}', EMPTY)
    assert found.errors == ["XT0104"]
    assert not marker.exists()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('["a"]', 1),
        ('x = 1\n{"name": "A"}', 1),
        ('{"name": "A"}\n{}', 2),
        ('{\n"name": "A"\n}\nFEATURED = {"price": 1}\n', 4),
        ("", 1),
        ("None", 1),
    ],
)
def test_v1_a_manifest_is_one_dict(tmp_path: Path, text: str, line: int) -> None:
    assert read(tmp_path, text, EMPTY).noted == [f"XT0104 {line}:1 this is not one literal dict"]


def test_v1_a_manifest_has_100_kilobytes_at_most(tmp_path: Path) -> None:
    assert read(tmp_path, manifest("#" * 100_000), EMPTY).errors == ["XT0104"]


def test_v2_a_module_is_a_package(tmp_path: Path) -> None:
    assert read(tmp_path, manifest(""), {}).noted == ["XT0211 1:1 `crm` has no `__init__.py`"]


@pytest.mark.parametrize(
    ("name", "tip"),
    [
        ("Crm", "call the folder `crm`"),
        ("my-crm", "call the folder `my_crm`"),
        ("1crm", "such as `gift_cards`"),
        ("class", "such as `gift_cards`"),
        ("site-packages", "call the folder `site_packages`"),
        ("__init__", "such as `gift_cards`"),
    ],
)
def test_v3_a_name_is_one_of_a_python_package(tmp_path: Path, name: str, tip: str) -> None:
    found = read(tmp_path, manifest(""), EMPTY, name)
    assert found.errors == ["XT0205"]
    assert tip in str(found.found[0].help)


def test_v3_the_technical_name_is_the_folder(tmp_path: Path) -> None:
    found = read(tmp_path, manifest('"technical_name": "crm2"'), EMPTY)
    assert found.noted == ["XT0208 3:19 module `crm2` is in a folder called `crm`"]


def test_v4_the_platform_is_not_a_module_to_depend_on(tmp_path: Path) -> None:
    assert read(tmp_path, manifest('"depends": ["base"]'), EMPTY).module.requires == ()
    assert read(tmp_path, manifest(""), EMPTY).module.requires == ()


def test_v4_a_requirement_knows_its_place(tmp_path: Path) -> None:
    (found,) = read(tmp_path, manifest('"depends": ["base", "mail"]'), EMPTY).module.requires
    assert found.place.span() == (3, 21, 6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ('"auto_install": False', None),
        ('"auto_install": True, "depends": ["b", "base", "a"]', ("a", "b")),
        ('"auto_install": ["b"], "depends": ["a", "b"]', ("b",)),
        ('"auto_install": ["base"]', ()),
        ('"active": True, "depends": ["a"]', ("a",)),
        ('"active": True, "auto_install": False, "depends": ["a"]', None),
    ],
)
def test_v5_auto_install_names_what_brings_the_module_in(
    tmp_path: Path, text: str, expected: tuple[str, ...] | None
) -> None:
    found = read(tmp_path, manifest(text), EMPTY)
    assert found.noted == []
    assert found.module.auto_enabled_by == expected


def test_v5_what_brings_it_in_is_a_dependency(tmp_path: Path) -> None:
    found = read(tmp_path, manifest('"auto_install": ["a", "b"], "depends": ["a"]'), EMPTY)
    assert found.noted == ["XT0204 3:23 `b` is not in `depends`"]


@pytest.mark.parametrize("written", ["False", "0"])
def test_v6_a_module_that_is_not_installable_says_where(tmp_path: Path, written: str) -> None:
    found = read(tmp_path, manifest(f'"installable": {written}'), EMPTY)
    disabled = found.module.disabled
    assert found.noted == []
    assert disabled
    assert disabled.text == f"`installable` is {written}"
    assert disabled.place.span() == (3, 16, len(written))


def test_v6_one_and_zero_are_true_and_false_where_odoo_asks_for_the_truth(tmp_path: Path) -> None:
    text = '"installable": 1, "application": 0, "auto_install": 1, "active": 0, "depends": ["a"]'
    found = read(tmp_path, manifest(text), EMPTY)
    assert found.noted == []
    assert (found.module.disabled, found.module.auto_enabled_by) == (None, ("a",))
    assert read(tmp_path, manifest('"active": 1'), EMPTY).module.auto_enabled_by == ()
    assert read(tmp_path, manifest('"auto_install": 0'), EMPTY).module.auto_enabled_by is None


@pytest.mark.parametrize("written", ["2", "-1", "1.0", '"yes"', "{}"])
@pytest.mark.parametrize("key", ["installable", "application", "auto_install", "active"])
def test_v6_nothing_else_is_true_or_false(tmp_path: Path, key: str, written: str) -> None:
    (problem,) = read(tmp_path, manifest(f'"{key}": {written}'), EMPTY).found
    assert problem.code == "XT0203"
    assert problem.message.startswith(f"`{key}` must be true or false, not ")
    assert problem.help == "write `True` or `False`, without quotes"


def test_other_keys_have_no_numbers_for_true_and_false(tmp_path: Path) -> None:
    text = '"menus": [{"name": "A", "path": "/a", "hideInMenu": 1}]'
    assert "XT0203" in read(tmp_path, manifest(text), EMPTY).errors


def test_v7_packages_of_the_system_come_with_the_base(tmp_path: Path) -> None:
    text = '"external_dependencies": {"python": ["ldap"], "apt": {"ldap": "python3-ldap"}}'
    found = read(tmp_path, manifest(text), EMPTY)
    assert found.noted == [
        "XT0223 3:47 packages of the operating system (`apt`) come with the base"
    ]
    assert [item.text for item in found.module.dependencies] == ["ldap"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"models": ["models"]', "XT0211 3:12 `crm` has no package `models`"),
        ('"services": ["a.b"]', "XT0211 3:14 `crm` has no package `a.b`"),
        ('"services": ["a-b"]', "XT0205 3:14 `a-b` is not a Python module"),
        ('"api": ["api.routes"]', "XT0211 3:9 `crm` has no file `api/routes.py`"),
        ('"api": ["empty"]', "XT0217 3:9 `empty.py` has no `router`"),
        ('"api": ["../crm"]', "XT0205 3:9 `../crm` is not a Python module"),
        ('"api": ["class.def"]', "XT0205 3:9 `class.def` is not a Python module"),
        ('"data": ["data/x.json"]', "XT0211 3:10 there is no file `data/x.json` in `crm`"),
        ('"demo": ["../x.json"]', "XT0211 3:10 there is no file `../x.json` in `crm`"),
    ],
)
def test_v8_code_and_data_that_is_named_is_there(tmp_path: Path, text: str, expected: str) -> None:
    assert read(tmp_path, manifest(text), EMPTY | {"empty.py": ""}).noted == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"pre_init_hook": "hooks.go"', "XT0217 3:18 `hooks.py` has no `go`"),
        ('"pre_init_hook": "go"', "XT0217 3:18 `__init__.py` has no `go`"),
        ('"uninstall_hook": "x.go"', "XT0211 3:19 `crm` has no file `x.py`"),
        ('"post_load": "hooks:go"', "XT0205 3:14 `hooks:go` is not a function"),
        ('"post_load_hook": "a.if.b"', "XT0205 3:19 `a.if.b` has a word of Python's grammar in it"),
    ],
)
def test_v11_a_hook_is_a_function_that_is_there(tmp_path: Path, text: str, expected: str) -> None:
    files = EMPTY | {"hooks.py": "def pre_init(): ...\n"}
    assert read(tmp_path, manifest(text), files).noted == [expected]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("go = None", ["XT0217 3:18 `go` is a constant, not a function"]),
        ("class go: ...", ["XT0217 3:18 `go` is a class, not a function"]),
        ("from . import go", ["XT0217 3:18 `go` is a module, not a function"]),
        ("from .go import start as go", []),
        ("from .go import begin as go", ["XT0217 1:1 `go.py` has no `begin`"]),
        ("from .gone import go", ["XT0211 1:1 `crm` has no file `gone.py`"]),
    ],
)
def test_v11_a_hook_is_neither_a_class_nor_a_constant_wherever_it_is_from(
    tmp_path: Path, code: str, expected: list[str]
) -> None:
    files = EMPTY | {"__init__.py": f"{code}\n", "go.py": "def start(): ...\n"}
    assert read(tmp_path, manifest('"pre_init_hook": "go"'), files).noted == expected


def test_v11_each_hook_has_the_event_of_its_name(tmp_path: Path) -> None:
    keys = ("pre_init_hook", "post_init_hook", "uninstall_hook", "post_load_hook")
    text = ",\n".join(f'"{key}": "hooks.go"' for key in keys)
    hooks = read(tmp_path, manifest(text), EMPTY | {"hooks.py": "go = print\n"}).module.hooks
    assert [hook.event for hook in hooks] == ["pre_init", "post_init", "uninstall", "post_load"]


def test_v13_code_of_a_module_that_is_needed_may_be_imported_and_no_other(tmp_path: Path) -> None:
    code = "from modules.mail.models import Mail\nimport modules.sales.models\n"
    found = read(tmp_path, manifest('"depends": ["mail"]'), EMPTY | {"code.py": code})
    assert found.noted == [
        "XT0219 2:8 `modules.crm` imports `modules.sales`, which is another module"
    ]


def test_v13_code_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    found = read(tmp_path, manifest(""), EMPTY | {"code.py": "def (:\n"})
    assert found.errors == ["XT0218"]
    assert str(found.found[0].place) == "addons/crm/code.py:1"


@pytest.mark.parametrize(
    "key", ["sales", "sales.api.routes", "modules.sales.api", "/api/v1/sales/orders"]
)
def test_v19_an_override_names_the_other_module(tmp_path: Path, key: str) -> None:
    text = f'"overrides": {{"{key}": "api.routes"}}'
    assert read(tmp_path, manifest(text), EMPTY).module.overrides == ("sales",)


def test_v19_what_overrides_nothing_is_reported(tmp_path: Path) -> None:
    found = read(tmp_path, manifest('"overrides": {"": "x"}, "inherits": {"A": "B"}'), EMPTY)
    assert found.noted == [
        "XT0205 3:15 `` does not begin with the name of a module",
        "XT0223 3:25 `inherits` changes nothing in a product",
    ]


def test_one_router_under_two_names_is_mounted_once(tmp_path: Path) -> None:
    found = read(tmp_path, manifest('"api": ["api.routes", "api"]'), FILES)
    assert [str(item.target) for item in found.module.routers] == ["modules.crm.api.routes:router"]
    assert len(found.module.operations) == 2
    assert found.warnings == ["XT0304"]


def test_two_routers_of_one_module_have_operations_of_their_own(tmp_path: Path) -> None:
    files = EMPTY | {"one.py": FILES["api/routes.py"], "two.py": FILES["api/routes.py"]}
    module = read(tmp_path, manifest('"api": ["one", "two"]'), files).module
    problems = Problems()
    settle_operations([module], problems)
    assert [(item.code, str(item.place)) for item in problems.found] == [
        ("XT0304", "addons/crm/two.py:4"),
        ("XT0304", "addons/crm/two.py:7"),
    ]


def test_a_router_that_another_file_includes_answers_below_its_prefix(tmp_path: Path) -> None:
    whole = "from fastapi import APIRouter\nfrom modules.crm.api.routes import router as leads\n"
    whole += 'router = APIRouter()\nrouter.include_router(leads, prefix="/other")\n'
    files = FILES | {"api/__init__.py": whole, "all.py": FILES["api/routes.py"]}
    module = read(tmp_path, manifest('"api": ["api", "all"]'), files).module
    problems = Problems()
    settle_operations([module], problems)
    assert problems.found == []
    assert [(item.method, item.path, str(item.place)) for item in module.operations] == [
        ("GET", "/api/v1/crm/other/leads/", "addons/crm/api/routes.py:4"),
        ("POST", "/api/v1/crm/other/leads/{lead_id}", "addons/crm/api/routes.py:7"),
        ("GET", "/api/v1/crm/leads/", "addons/crm/all.py:4"),
        ("POST", "/api/v1/crm/leads/{lead_id}", "addons/crm/all.py:7"),
    ]


def test_a_router_keeps_its_own_prefix_behind_the_one_it_is_mounted_under(tmp_path: Path) -> None:
    files = EMPTY | {"api.py": FILES["api/routes.py"].replace('"/leads"', '"/crm"')}
    (first, _) = read(tmp_path, manifest('"api": ["api"]'), files).module.operations
    assert first[:2] == ("GET", "/api/v1/crm/crm/")


@pytest.mark.parametrize(
    ("key", "tip"),
    [
        ("sumamry", "did you mean `summary`?"),
        ("dependencies", "did you mean `depends`?"),
        ("instalable", "did you mean `installable`?"),
    ],
)
def test_an_unknown_key_is_named_with_the_one_it_is_like(
    tmp_path: Path, key: str, tip: str
) -> None:
    found = read(tmp_path, manifest(f'"{key}": None'), EMPTY)
    assert found.noted == [f"XT0201 3:1 unknown key `{key}` in `__manifest__.py`"]
    assert found.found[0].help == tip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"application": "yes"', "XT0203 3:16 `application` must be true or false, not a string"),
        ('"depends": "base"', "XT0203 3:12 `depends` must be an array, not a string"),
        ('"api": [1]', "XT0203 3:9 an entry of `api` must be a string, not an integer"),
        ('"depends": ["Mail"]', "XT0205 3:13 `Mail` is not a name"),
        ('"permissions": ["a b"]', "XT0205 3:17 `a b` is not a permission"),
        ('"permissions": ["x.csv"]', "XT0211 3:17 there is no file `x.csv` in `crm`"),
        ('"depends": ["a", "a"]', "XT0223 3:18 `a` is listed twice in `depends`"),
        (
            '"access_rights": [{"name": "x"}]',
            "XT0223 3:1 `access_rights` changes nothing in a product",
        ),
        ('"category": 1', "XT0203 3:13 `category` must be a string, not an integer"),
    ],
)
def test_each_defect_has_its_place(tmp_path: Path, text: str, expected: str) -> None:
    assert read(tmp_path, manifest(text), EMPTY).noted == [expected]


def test_the_name_for_people_is_required(tmp_path: Path) -> None:
    assert read(tmp_path, "{}", EMPTY).noted == [
        "XT0202 1:1 `name` is missing in `__manifest__.py`"
    ]


def test_tabs_comments_and_none_are_read(tmp_path: Path) -> None:
    text = '# A\n{\n\t"name": "A",\n        "assets": {\n\t\t"routes": None, "views": []},  # b\n}'
    found = read(tmp_path, text, EMPTY)
    assert (found.noted, found.module.version) == ([], "1.0.0")


def test_the_description_is_the_shortest_text_that_says_something(tmp_path: Path) -> None:
    text = '"description": """\n=====\n## Leads\nmore\n"""'
    assert read(tmp_path, manifest(text), EMPTY).module.description == "Leads"
    assert read(tmp_path, manifest(""), EMPTY).module.description == "Customers"


def test_a_manifest_of_a_published_wheel_looks_nothing_up(tmp_path: Path) -> None:
    workspace.write(tmp_path, {"crm/__manifest__.py": MANIFEST.replace('"version": "2.1.0",', "")})
    problems = Problems()
    module = read_manifest(tmp_path / "crm/__manifest__.py", "crm/__manifest__.py", problems)
    # What globs match is in the wheel, so no page can be drawn by a view that only they name.
    assert {problem.code for problem in problems.found} == {"XT0220"}
    assert module
    assert (module.name, module.version, module.root) == ("crm", None, None)
    assert ("/crm/leads/:id", "views/lead-form.vue") in [item[1:3] for item in module.routes]


DOCUMENT: dict[str, Any] = ast.literal_eval(MANIFEST)


def leaves(item: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(item, dict | list):
        pairs = item.items() if isinstance(item, dict) else enumerate(item)
        return [path, *(found for key, value in pairs for found in leaves(value, (*path, key)))]
    return [path]


def changed(item: Any, path: tuple[str | int, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(item) if isinstance(item, dict) else list(item)
    copy[path[0]] = changed(copy[path[0]], path[1:], value)
    return copy


ODD = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=12),
        st.sampled_from(["", "..", "/", "a/../b", "x" * 300, "\0", "**/*", "/crm", "crm", "web.x"]),
    ),
    lambda inside: st.one_of(
        st.lists(inside, max_size=3), st.dictionaries(st.text(max_size=5), inside, max_size=3)
    ),
    max_leaves=6,
)


@budget(150)
@given(st.lists(st.tuples(st.sampled_from(leaves(DOCUMENT)[1:]), ODD), min_size=1, max_size=2))
def test_any_value_anywhere_is_read_or_a_problem(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[tuple[str | int, ...], Any]]
) -> None:
    document: Any = DOCUMENT
    for path, value in changes:
        try:
            document = changed(document, path, value)
        except (KeyError, IndexError, TypeError):
            continue  # the first change took away what the second one is inside of
    root = tmp_path_factory.getbasetemp() / "any-value"
    workspace.write(root / "crm", FILES | {"__manifest__.py": repr(document)})
    problems = Problems()
    started = time.process_time()
    module = read_module(root / "crm", "crm", problems)
    assert time.process_time() - started < 1
    for problem in problems.found:
        assert problem.help
        assert problem.place.span().line >= 1
    assert module is not None or problems.found


def test_it_is_the_only_dialect_of_its_file_names() -> None:
    assert fastvue.recognises({})
    assert FILENAMES["fastvue"] == ("__manifest__.py", "__openerp__.py")
