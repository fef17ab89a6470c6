"""What is in the product, what each module needs, and that the order of the input is no input."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from tests.support import workspace
from xtask.diagnostics import Problems
from xtask.digest import canonical_json
from xtask.manifest.composition import read_composition
from xtask.manifest.dialects import read_module
from xtask.resolve.facts import cause, facts
from xtask.resolve.lock import Lock, LockedModule, Package, locked_modules, render_lock
from xtask.resolve.plan import Base, Plan
from xtask.resolve.select import require_host

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from xtask.diagnostics import KeyPath
    from xtask.resolve.select import Selection

FILES = {
    **workspace.module("host", '[host]\nmain = "host.main:run"\n'),
    **workspace.module(
        "content",
        """
[requires]
host = "^1.0"

[[api.routers]]
prefix = "/api/z"
router = "content.api:late"

[[api.routers]]
prefix = "/api/a"
router = "content.api:early"

[[api.apps]]
prefix = "/content"
app = "content.api:app"
factory = true

[[frontend.routes]]
name = "content.page"
path = "/page"
entry = "page.js"

[[frontend.routes]]
name = "content.item"
path = "/page/:id"
entry = "page.js"
title = "Item"

[[frontend.navigation]]
label = "Page"
route = "content.page"
permission = "content.read"

[permissions]
"content.read" = "Read"

[settings.limit]
type = "integer"
default = 3

[settings.tone]
type = "string"
options = ["calm", "loud"]

[[jobs]]
name = "content.tidy"
run = "content.jobs:tidy"
schedule = "0 4 * * *"

[[hooks]]
event = "host.started"
run = "content.jobs:tidy"

[migrations]
directory = "migrations"

[assets]
directory = "static"

[health]
path = "/api/a/health"
""",
    ),
    **workspace.module("extra"),
    "content/src/content/migrations/0002_more.up.sql": "SELECT 1;\n",
    "content/src/content/migrations/0002_more.down.sql": "SELECT 1;\n",
    "content/src/content/migrations/0001_start.up.sql": "SELECT 1;\n",
    "content/src/content/migrations/0001_start.down.sql": "SELECT 1;\n",
}
SETTINGS = '[settings.modules.content]\ntone = "calm"\nlimit = 5\n'
LINES = {
    "host": 'host = { path = "host" }\n',
    "content": 'content = { path = "content", depends_on = ["extra"] }\n',
    "extra": 'extra = { path = "extra" }\n',
}
TEXT = 'schema = 1\napp = "shop"\n\n[modules]\n' + "".join(LINES.values()) + "\n" + SETTINGS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return workspace.write(tmp_path, FILES | {"modules.toml": TEXT})


def with_text(root: Path, text: str) -> Selection:
    (root / "modules.toml").write_text(text)
    return workspace.selection(root)


def locked(modules: tuple[LockedModule, ...], packages: tuple[Package, ...]) -> Lock:
    return Lock("interpreter", machine_local=True, modules=modules, packages=packages, builds=())


def lock_of(selection: Selection) -> Lock:
    modules = locked_modules(selection.composition, selection.modules, selection.needs)
    package = Package("starlette", "1.0", ("sha256:" + "1" * 64,), "", ("content",))
    return locked(modules, (package,))


def plan_of(selection: Selection, **changed: object) -> Plan:
    known = {
        "selection": selection,
        "lock": lock_of(selection),
        "bases": (Base("interpreter", "sha256:" + "a" * 64, "3.11.7", machine_local=True),),
        "sources": {module.name: "sha256:" + "b" * 64 for module in selection.modules},
        "compressor": "none",
    }
    return Plan(**(known | changed))  # type: ignore[arg-type]


def paths(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, (*path, key))
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, (*path, index))


def test_order_and_comments_of_the_composition_are_no_input(root: Path) -> None:
    seen = set()
    for names in permutations(LINES):
        lines = "# a comment\n".join(LINES[name] for name in names)
        text = f'# another\nschema  = 1\napp = "shop"\n{SETTINGS}\n[modules]\n{lines}'
        selection = with_text(root, text)
        seen.add(
            (
                canonical_json(facts(selection)),
                tuple(module.name for module in selection.modules),
                render_lock(lock_of(selection)),
                plan_of(selection).manifest_hash,
            )
        )
    assert len(seen) == 1
    assert next(iter(seen))[1] == ("extra", "host", "content")


def test_order_of_parts_in_a_module_is_no_input(root: Path) -> None:
    before = facts(workspace.selection(root))
    manifest = root / "content/module.toml"
    head, *parts = manifest.read_text().split("\n\n")
    manifest.write_text("\n\n".join([head, *reversed(parts)]))
    assert before == facts(workspace.selection(root))


def test_every_fact_has_a_cause_in_a_manifest(root: Path) -> None:
    selection = workspace.selection(root)
    files = {"modules.toml", "content/module.toml", "host/module.toml", "extra/module.toml"}
    for path in paths(facts(selection)):
        place = cause(selection, path)
        assert place.source.path in files
        assert 1 <= place.span().line <= place.source.text.count("\n") + 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("app",), 'app = "shop"'),
        (("deployment_profile",), 'deployment_profile = "monolith"'),
        (("modules", 2, "name"), 'name = "content"'),
        (("modules", 2, "version"), 'version = "1.0.0"'),
        (("modules", 2, "requires", 0), 'content = { path = "content", depends_on = ["extra"] }'),
        (("modules", 2, "requires", 1), 'host = "^1.0"'),
        (("modules", 2, "routers", 0, "prefix"), 'prefix = "/api/a"'),
        (("modules", 2, "apps", 0, "factory"), "factory = true"),
        (("modules", 2, "routes", 0, "path"), 'path = "/page/:id"'),
        (("modules", 2, "navigation", 0), "[[frontend.navigation]]"),
        (("modules", 2, "permissions", "content.read"), '"content.read" = "Read"'),
        (("modules", 2, "settings", "limit", "default"), "default = 3"),
        (("modules", 2, "values", "limit"), "limit = 5"),
        (("modules", 2, "jobs", 0, "schedule"), 'schedule = "0 4 * * *"'),
        (("modules", 2, "hooks", 0, "event"), 'event = "host.started"'),
        (("modules", 2, "migrations", 1), 'directory = "migrations"'),
        (("modules", 2, "assets"), 'directory = "static"'),
        (("modules", 2, "health"), 'path = "/api/a/health"'),
        (("modules", 1, "host"), 'main = "host.main:run"'),
    ],
)
def test_cause_is_the_line_that_says_it(root: Path, path: KeyPath, expected: str) -> None:
    profile = '\n[build]\ndeployment_profile = "monolith"\n'
    place = cause(with_text(root, TEXT + profile), path)
    assert expected == place.source.text.split("\n")[place.span().line - 1]


def test_r5_every_input_is_in_the_manifest_hash(root: Path) -> None:
    selection = workspace.selection(root)
    lock = lock_of(selection)
    package = lock.packages[0]
    other_hash = package._replace(hashes=("sha256:" + "2" * 64,))
    plans = [
        plan_of(selection),
        plan_of(selection, sources={**plan_of(selection).sources, "host": "sha256:" + "c" * 64}),
        plan_of(
            selection,
            bases=(Base("interpreter", "sha256:" + "d" * 64, "3.11.7", machine_local=True),),
        ),
        plan_of(
            selection,
            bases=(Base("interpreter", "sha256:" + "a" * 64, "3.11.8", machine_local=True),),
        ),
        plan_of(selection, lock=locked(lock.modules, (other_hash,))),
        plan_of(selection, lock=locked(lock.modules, ())),
        *(
            plan_of(with_text(root, text))
            for text in (
                TEXT.replace("limit = 5", "limit = 6"),
                TEXT.replace('app = "shop"', 'app = "store"'),
                TEXT + '\n[build]\nprofile = "debug"\n',
                TEXT + '\n[build]\ntarget = "linux/arm64"\n',
                TEXT + '\n[build]\ndeployment_profile = "headless"\n',
                TEXT + '\n[image]\nrepository = "example.org/shop"\n',
                TEXT.replace(', depends_on = ["extra"]', ""),
            )
        ),
    ]
    assert len(plans) == len({plan.manifest_hash for plan in plans})


def test_environments_are_no_input(root: Path) -> None:
    before = plan_of(workspace.selection(root)).manifest_hash
    after = plan_of(with_text(root, TEXT + '\n[environments.prod]\ntarget = "docker"\n'))
    assert before == after.manifest_hash


def test_rust_triple_is_the_same_platform(root: Path) -> None:
    triple = TEXT + '\n[build]\ntarget = "x86_64-unknown-linux-gnu"\n'
    plain = TEXT + '\n[build]\ntarget = "linux/amd64"\n'
    hashes = {plan_of(with_text(root, text)).manifest_hash for text in (triple, plain)}
    assert len(hashes) == 1


def test_headless_product_has_no_pages(root: Path) -> None:
    text = TEXT + '\n[build]\ndeployment_profile = "headless"\n'
    content = facts(with_text(root, text))["modules"][2]
    assert content["name"] == "content"
    assert [content["routes"], content["navigation"]] == [[], []]


def test_host_is_the_module_that_says_so(root: Path) -> None:
    host = workspace.selection(root).host
    assert host
    assert host.name == "host"


def test_only_what_is_enabled_or_needed_is_in_the_product(root: Path) -> None:
    listed = TEXT.replace("[settings.", '[settings]\ndefault_enabled = ["extra"]\n[settings.')
    assert [module.name for module in with_text(root, listed).modules] == ["extra"]
    needing = listed.replace('["extra"]\n[', '["content"]\n[')
    assert len(with_text(root, needing).modules) == 3
    required = listed.replace('path = "host"', 'path = "host", required = true')
    assert [module.name for module in with_text(root, required).modules] == ["extra", "host"]


def test_unreadable_module_is_no_reason_to_doubt_references(root: Path) -> None:
    (root / "extra/module.toml").write_text("[module\n")
    manifest = root / "content/module.toml"
    manifest.write_text(
        manifest.read_text().replace('route = "content.page"', 'route = "extra.page"')
    )
    assert [problem.code for problem in workspace.problems(root)] == ["XT0104"]


def test_product_that_nothing_starts_is_refused_where_it_is_started(root: Path) -> None:
    started, problems = workspace.selection(root), Problems()
    require_host(started, problems)
    workspace.no_problems(problems)
    listed = TEXT.replace("[settings.", '[settings]\ndefault_enabled = ["extra"]\n[settings.')
    require_host(with_text(root, listed), problems)
    (problem,) = problems.found
    assert (problem.code, str(problem.place)) == ("XT0305", "modules.toml:4")


def test_lock_names_what_comes_from_outside_by_what_fixes_it(tmp_path: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    workspace.write(
        tmp_path,
        {
            "modules.toml": 'schema = 1\napp = "shop"\n[modules]\n'
            f'links = {{ source = "git", git = "https://example.org/l", rev = "{commit}" }}\n'
            'kit = { source = "index", package = "Metrics_Kit", version = ">=1" }\n'
            'own = { path = "own" }\n',
            "own/module.toml": '[module]\nname = "own"\nversion = "1.0.0"\n',
            "own/pyproject.toml": workspace.project("own", dependencies=("b", "a>=2")),
        },
    )
    problems = Problems()
    composition = read_composition(tmp_path / "modules.toml", problems)
    own = read_module(tmp_path / "own", "own", problems)
    workspace.no_problems(problems)
    assert composition
    assert own
    modules = [replace(own, name=name, dependencies=()) for name in ("links", "kit")]
    locked_by_name = {
        module.name: module
        for module in locked_modules(composition, [*modules, own], dict.fromkeys(LOCKED, ()))
    }
    assert list(locked_by_name) == LOCKED
    assert locked_by_name["links"].source == f"git https://example.org/l {commit} ."
    assert locked_by_name["kit"].source == "index Metrics_Kit"
    assert locked_by_name["kit"].dependencies == ("Metrics_Kit>=1",)
    assert locked_by_name["own"].source == "path own"
    assert locked_by_name["own"].dependencies == ("a>=2", "b")


LOCKED = ["kit", "links", "own"]
