"""Every part that a dialect can bring arrives in the generated files, typed."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

from tests.generate.test_registry import ALLOWED, TEXTS
from tests.support import workspace
from tests.support.budgets import budget
from xtask.diagnostics import Place, Source
from xtask.generate.check import drift
from xtask.generate.tree import generate
from xtask.manifest.module import (
    Endpoint,
    EntryPoint,
    Event,
    FrontEndDependency,
    Job,
    Migration,
    Navigation,
    Permission,
    Route,
    Setting,
    Stated,
)
from xtask.resolve.facts import environment_name, facts

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.resolve.select import Selection

HERE = Place(Source("shop/module.json"))
HANDLER = EntryPoint("modules.gift_cards.handlers.list_cards", "handler")
SETTING = Setting(
    key="", type="string", default=None, required=False, description="",
    minimum=None, maximum=None, options=(), secret=False, place=HERE,
)  # fmt: skip
NESTED = {"b": [1, 2.5, None, {"c": True}], "a": ["x" * 90], "d": {}}


def gift_cards() -> dict[str, Any]:
    """Return one part of each kind, as a dialect would bring them."""
    return {
        "dialect": "capability",
        "package": "modules.gift_cards",
        "is_package": True,
        "endpoints": (Endpoint("GET", "/api/v1/cards/{id}", HANDLER, ("cards:read",), HERE),),
        "routes": (
            Route("gift-cards.a", "/a", "pages/A.vue", "A", HERE, ("cards:read", "cards:use")),
            Route("gift-cards.b", "/b/:id", "B.tsx", "B", HERE),
            Route("gift-cards.c", "/c", "C.jsx", "C", HERE),
            Route("gift-cards.d", "/d", "d.ts", "D", HERE),
            Route("gift-cards.e", "/e", "e.js", "E", HERE),
        ),
        "navigation": (
            Navigation("Cards", "", 10, None, HERE, menu="admin", icon="Gift"),
            Navigation("All", "gift-cards.a", 20, "cards:read", HERE, parent="Cards", menu="admin"),
            Navigation("Each", "", 5, None, HERE, path="/c", parent="Cards", menu="admin"),
            Navigation("Quiet", "gift-cards.d", 1, None, HERE, hidden=True),
        ),
        "permissions": (Permission("cards:read", "", HERE), Permission("cards:use", "", HERE)),
        "settings": (
            SETTING._replace(
                key="page-size", type="integer", default=5, minimum=1, maximum=9.5, options=(5, 9)
            ),
            SETTING._replace(key="hosts", type="array", default=["a"]),
            SETTING._replace(key="shape", type="object", default=NESTED),
            SETTING._replace(key="tone", required=True, pattern="[a-z]+"),
        ),
        "jobs": (Job("gift-cards.tidy", HANDLER, "", HERE, timeout=2.5, retries=3),),
        "emits": (Event("card.used", HERE), Event("card.made", HERE)),
        "migrations": (Migration("migrations/001_a.sql", "migrations/001_a.down.sql"),),
        "table_prefix": Stated("cards_", HERE),
        "overrides": ("other",),
        "assets": "frontend",
        "health": "/api/v1/cards/health",
        "front_end_dependencies": (FrontEndDependency("vue", "^3.4", HERE),),
    }  # fmt: skip


def product(root: Path, **parts: Any) -> Selection:
    """Return a product of one module that has the given parts."""
    files = workspace.composition("gift-cards") | workspace.module("gift-cards")
    selection = workspace.selection(workspace.write(root / "workspace", files))
    (module,) = selection.modules
    return replace(selection, modules=(replace(module, **parts),))


@pytest.fixture
def selection(tmp_path: Path) -> Selection:
    return product(tmp_path, **gift_cards())


def files(selection: Selection) -> dict[str, str]:
    return {file.name: file.data.decode() for file in generate(selection)}


@pytest.fixture
def registered(selection: Selection, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the module as the host sees it in the registry."""
    import types

    registry = types.ModuleType("registry_under_test")
    monkeypatch.setitem(sys.modules, registry.__name__, registry)
    exec(files(selection)["registry.py"], registry.__dict__)  # noqa: S102 - is tested
    (module,) = vars(registry)["MODULES"]
    return module


def values(part: Any) -> dict[str, Any]:
    return {name: getattr(part, name) for name in part.__slots__ if name != "load"}


def test_endpoint_is_in_the_registry_with_what_loads_it(
    selection: Selection, registered: Any
) -> None:
    (endpoint,) = registered.endpoints
    assert values(endpoint) == {
        "method": "GET",
        "path": "/api/v1/cards/{id}",
        "permissions": ("cards:read",),
    }
    name = "load_modules__gift_cards__handlers__list_cards__handler"
    assert endpoint.load.__name__ == name
    source = files(selection)["registry.py"]
    assert f"def {name}() -> Any:\n    from modules.gift_cards.handlers.list_cards" in source


def test_pages_and_links_carry_everything_that_was_declared(registered: Any) -> None:
    assert [page.permissions for page in registered.pages[:2]] == [
        ("cards:read", "cards:use"),
        (),
    ]
    assert [values(link) for link in registered.navigation if link.label in {"Cards", "Each"}] == [
        link | {"permission": None, "hidden": False, "page": "", "menu": "admin"}
        for link in (
            {"label": "Each", "path": "/c", "parent": "Cards", "icon": "", "order": 5},
            {"label": "Cards", "path": "", "parent": "", "icon": "Gift", "order": 10},
        )
    ]
    assert [link.label for link in registered.navigation if link.hidden] == ["Quiet"]


def test_setting_has_its_rules_and_the_name_of_its_variable(registered: Any) -> None:
    by_key = {setting.key: setting for setting in registered.settings}
    size, tone = by_key["page-size"], by_key["tone"]
    assert (size.minimum, size.maximum, size.options) == (1, 9.5, (5, 9))
    assert size.environment == "MODULES__GIFT_CARDS__PAGE_SIZE"
    assert tone.pattern == "[a-z]+"
    assert by_key["hosts"].default == ("a",)
    assert by_key["shape"].default == {"a": ("x" * 90,), "b": (1, 2.5, None, {"c": True}), "d": {}}


def test_job_event_migration_and_the_rest_arrive(registered: Any) -> None:
    assert values(registered.jobs[0]) == {
        "name": "gift-cards.tidy",
        "schedule": "",
        "timeout": 2.5,
        "retries": 3,
    }
    assert registered.emits == ("card.made", "card.used")
    assert [values(step) for step in registered.migrations] == [
        {"up": "migrations/001_a.sql", "down": "migrations/001_a.down.sql"}
    ]
    assert (registered.dialect, registered.package) == ("capability", "modules.gift_cards")
    assert registered.overrides == ("other",)


def test_database_and_front_end_are_in_the_composition(selection: Selection) -> None:
    (module,) = facts(selection)["modules"]
    assert module["table_prefix"] == "cards_"
    assert module["front_end_dependencies"] == {"vue": "^3.4"}


@pytest.mark.parametrize(
    ("module", "key", "name"),
    [
        ("shop", "api_key", "MODULES__SHOP__API_KEY"),
        ("gift-cards", "page-size", "MODULES__GIFT_CARDS__PAGE_SIZE"),
        ("a_b", "camelCase", "MODULES__A_B__CAMELCASE"),
    ],
)
def test_name_of_an_environment_variable(module: str, key: str, name: str) -> None:
    assert environment_name(module, key) == name


def test_navigation_is_a_tree_in_its_own_order(selection: Selection) -> None:
    document = json.loads(files(selection)["routes.json"])
    shown = [
        (node["label"], node["path"], [child["label"] for child in node["children"]])
        for node in document["navigation"]
    ]
    assert sorted(shown) == [("Cards", "", ["Each", "All"]), ("Quiet", "/d", [])]
    assert {node["module"] for node in document["navigation"]} == {"gift-cards"}
    assert document["routes"][0]["permissions"] == ["cards:read", "cards:use"]


def test_each_line_of_the_tree_names_its_own_link(tmp_path: Path) -> None:
    places = {label: Place(Source(f"{label}.json")) for label in ("Cards", "All", "Each", "Quiet")}
    parts = gift_cards()
    parts["navigation"] = tuple(
        link._replace(place=places[link.label]) for link in parts["navigation"]
    )
    selection = product(tmp_path, **parts)
    tree = generate(selection, causes=True)
    (routes,) = (file for file in tree if file.name == "routes.json")
    for label in places:
        present = {file.name: file.data for file in tree}
        present["routes.json"] = routes.data.replace(f'"{label}"'.encode(), b'"X"')
        assert f"# because of {label}.json:1" in drift(tree, present, selection)


def test_packages_of_npm_are_one_package_json(selection: Selection, tmp_path: Path) -> None:
    assert json.loads(files(selection)["package.json"]) == {
        "name": "shop",
        "private": True,
        "type": "module",
        "dependencies": {"vue": "^3.4"},
    }
    parts = gift_cards() | {"front_end_dependencies": ()}
    assert "package.json" not in files(product(tmp_path / "without", **parts))


def test_a_product_without_front_end_has_none_of_it(selection: Selection) -> None:
    composition = replace(selection.composition, deployment_profile="headless")
    found = files(replace(selection, composition=composition))
    document = json.loads(found["routes.json"])
    assert (document["routes"], document["navigation"]) == ([], [])
    assert "package.json" not in found
    assert "@modules/gift-cards" not in found["routes.ts"]


def test_order_in_a_manifest_changes_nothing(tmp_path: Path) -> None:
    parts = gift_cards()
    turned = {
        key: value[::-1] if type(value) is tuple and key != "migrations" else value
        for key, value in parts.items()
    }
    assert files(product(tmp_path / "1", **parts)) == files(product(tmp_path / "2", **turned))


def test_registry_is_typed_and_formatted(selection: Selection, tmp_path: Path) -> None:
    registry = files(selection)["registry.py"]
    workspace.write(tmp_path, {"generated/__init__.py": "", "generated/registry.py": registry})
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--diff", "--isolated", "--no-cache", "generated"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "generated"],
        cwd=tmp_path, env={"PATH": "/usr/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_every_kind_of_entry_is_in_the_route_map(selection: Selection) -> None:
    source = files(selection)["routes.ts"]
    for entry in ("pages/A.vue", "B.tsx", "C.jsx", "d.ts", "e.js"):
        assert f'load: () => import("@modules/gift-cards/{entry}"),\n' in source
    assert 'permissions: ["cards:read", "cards:use"],\n' in source


def hostile(text: str) -> dict[str, Any]:
    """Return parts that have one foreign text wherever a dialect takes any text."""
    said = SETTING._replace(key="note", description=text, pattern=text, options=(text,))
    return {
        "navigation": (
            Navigation(text, "", 1, None, HERE, menu=text, icon=text, path="/a"),
            Navigation("below", "", 2, text, HERE, parent=text, path=text),
        ),
        "routes": (Route("gift-cards.a", "/a", "A.vue", text, HERE, (text,)),),
        "permissions": (Permission(text, text, HERE),),
        "settings": (
            said._replace(type="array", default=[text, [text]]),
            said._replace(key="other", type="object", default={text: {"x": text}}),
        ),
        "emits": (Event(text, HERE),),
        "table_prefix": Stated(text, HERE),
        "front_end_dependencies": (FrontEndDependency(text, "^1.0.0", HERE),),
        "migrations": (Migration(text, text),),
        "assets": text,
    }


@budget(80)
@given(TEXTS)
def test_foreign_text_of_a_dialect_is_only_data(selection: Selection, text: str) -> None:
    (module,) = selection.modules
    changed = replace(selection, modules=(replace(module, **gift_cards() | hostile(text)),))
    found = files(changed)
    for name, source in found.items():
        assert [char for char in source if not char.isprintable() and char != "\n"] == [], name
    nodes = ast.walk(ast.parse(found["registry.py"]))
    assert [ast.dump(node) for node in nodes if not isinstance(node, ALLOWED)] == []
    routes = json.loads(found["routes.json"])
    assert text in {node["icon"] for node in routes["navigation"]}
    assert routes["routes"][0]["permissions"] == [text]
    (known,) = json.loads(found["composition.json"])["modules"]
    assert known["settings"]["other"]["default"] == {text: {"x": text}}
    assert (known["table_prefix"], known["emits"]) == (text, [text])
    assert json.loads(found["package.json"])["dependencies"] == {text: "^1.0.0"}
    line = next(x for x in found["routes.ts"].split("\n") if x.startswith("    permissions: "))
    assert json.loads(line.removeprefix("    permissions: ").removesuffix(",")) == [text]
    assert not {"<", ">", "&"} & set(line)


TYPES = """\
import { href, routes, type ComponentPage, type Page } from "./routes";

export async function open(): Promise<Page | ComponentPage> {
  href("gift-cards.b", { id: "1" });
  // @ts-expect-error a parameter is missing
  href("gift-cards.b", {});
  // @ts-expect-error there is no such page
  href("gift-cards.x", {});
  const { default: component } = await import("@modules/gift-cards/pages/A.vue");
  const page = await import("@modules/gift-cards/d.ts");
  page.render(document.body, {}, component);
  return routes["gift-cards.a"].load();
}
"""


@pytest.mark.requires("tsc")
def test_route_map_of_every_kind_type_checks(selection: Selection, tmp_path: Path) -> None:
    found = {name: text for name, text in files(selection).items() if name.endswith(".ts")}
    workspace.write(tmp_path / "front", found | {"use.ts": TYPES})
    options = ["--noEmit", "--strict", "--target", "es2022"]
    options += ["--module", "nodenext", "--moduleResolution", "nodenext"]
    done = subprocess.run(
        [shutil.which("tsc") or "tsc", *options, *found, "use.ts"],
        cwd=tmp_path / "front", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
