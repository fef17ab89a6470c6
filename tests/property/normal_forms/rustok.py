"""Modules as RusToK can describe them, and `rustok-module.toml` of one."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.property.normal_forms import parts
from tests.property.normal_forms.parts import NOWHERE, few
from tests.support.examples import written
from xtask.manifest.module import (
    Expected,
    Module,
    Navigation,
    Requirement,
    Route,
    Setting,
    Shape,
    Stated,
)

FILENAME = "rustok-module.toml"
# As they are written for Cargo, and as they are read.
RANGES = {"1.2": "^1.2", "0.3.*": "~0.3", ">=1, <3": ">=1, <3", "=2.0.1": "=2.0.1", "*": "*"}
SURFACES = {"admin": "/admin", "storefront": ""}
DEEP = 2


@st.composite
def modules(draw: st.DrawFn) -> Module:
    name, version = draw(parts.NAMES), draw(parts.VERSIONS)
    others = parts.NAMES.filter(lambda other: other != name)  # no module names itself
    needs = parts.requirements(st.sampled_from([*RANGES.values()]), others)
    links = [link for surface in SURFACES for link in draw(_surface(name, surface))]
    keys = few(st.tuples(parts.SNAKE | parts.KEBAB, _shapes(0)), lambda item: item[0])
    return Module(
        name=name,
        version=version,
        description=draw(parts.PROSE),
        license=draw(parts.maybe(parts.TITLES)),
        package=name.replace("-", "_"),
        dialect="rustok",
        place=NOWHERE,
        foreign=Stated("its code is a Rust crate", NOWHERE),
        requires=draw(needs),
        conflicts=draw(parts.requirements(st.just(""), others)),
        companions=draw(needs),
        expects=(Expected("crate", draw(parts.NAMES), NOWHERE), *draw(_expected())),
        app_range=draw(parts.maybe(parts.stated(st.sampled_from([">=1.4", ">=0.1.0, <=1.9"])))),
        routes=tuple(_route(name, link) for link in links),
        navigation=tuple(links),
        settings=tuple(draw(_setting(key, shape)) for key, shape in draw(keys)),
    )


@st.composite
def _expected(draw: st.DrawFn) -> list[Expected]:
    found = []
    if draw(st.booleans()):
        found.append(Expected("required", draw(st.booleans()), NOWHERE))
    if draw(st.booleans()):
        runtime = draw(st.sampled_from(["module", "extension"]))
        found.append(Expected("runtime", runtime, NOWHERE))
    return found


@st.composite
def _surface(draw: st.DrawFn, module: str, surface: str) -> list[Navigation]:
    """Draw the link to the front page of a front end, and the ones below it."""
    if not draw(st.booleans()):
        return []
    path = f"{SURFACES[surface]}/{surface[:2]}-{draw(parts.KEBAB)}"
    menu, order = draw(st.sampled_from([surface, "content"])), draw(parts.ORDERS)
    found = [Navigation(draw(parts.TITLES), "", order, None, NOWHERE, path, menu=menu)]
    for number, below in enumerate(draw(parts.paths(module)), start=1):
        whole = path + below.replace("/:", "/")
        label = draw(parts.TITLES)
        found.append(Navigation(label, "", number, None, NOWHERE, whole, path, menu))
    return found


def _route(module: str, link: Navigation) -> Route:
    return Route(parts.page_name(module, link.path), link.path, "", link.label, NOWHERE)


@st.composite
def _shapes(draw: st.DrawFn, depth: int) -> Shape:
    kinds = [*parts.SCALARS, "array", "object"]
    kind = draw(st.sampled_from(kinds if depth < DEEP else [*parts.SCALARS]))
    if kind == "object" and draw(st.booleans()):
        inside = few(st.tuples(parts.SNAKE, _shapes(depth + 1)), lambda item: item[0])
        return Shape(kind, properties=dict(draw(inside)))
    if kind == "object":
        return Shape(kind, keys=draw(few(parts.SNAKE)))
    if kind == "array":
        low, high = sorted(draw(st.lists(st.integers(0, 9), min_size=2, max_size=2)))
        return Shape(kind, low, high, item=draw(parts.maybe(_shapes(depth + 1))))
    if kind == "boolean" or draw(st.booleans()):
        return Shape(kind)
    if kind == "string":
        low, high = sorted(draw(st.lists(st.integers(0, 9), min_size=2, max_size=2)))
        return Shape(kind, low, high)
    options = draw(st.lists(parts.SCALARS[kind], min_size=1, max_size=parts.FEW, unique=True))
    return Shape(kind, options=tuple(options))


@st.composite
def _setting(draw: st.DrawFn, key: str, shape: Shape) -> Setting:
    """Draw a setting, of which a text has the pattern that its length is."""
    if shape.type == "string" and shape.maximum is not None:
        shape = shape._replace(pattern=f"(?s:.{{{shape.minimum},{shape.maximum}}})")
    default = draw(parts.maybe(values_of(shape)))
    required, description = draw(st.booleans()), draw(parts.PROSE)
    return Setting(
        key=key, default=default, required=required, description=description, secret=False,
        place=NOWHERE, **shape._asdict(),
    )  # fmt: skip


def values_of(shape: Shape) -> st.SearchStrategy[Any]:
    """Return what a setting of a shape can be."""
    if shape.options:
        return st.sampled_from(shape.options)
    if shape.type == "array":
        item = values_of(shape.item) if shape.item else parts.PROSE
        return st.lists(item, min_size=int(shape.minimum or 0), max_size=int(shape.maximum or 0))
    if shape.type == "object":
        free = dict.fromkeys(shape.keys, parts.PROSE)
        known = {key: values_of(inside) for key, inside in shape.properties.items()}
        return st.fixed_dictionaries({}, optional=free | known)
    if shape.type == "string" and shape.maximum is not None:
        return st.text(min_size=int(shape.minimum or 0), max_size=int(shape.maximum))
    return parts.SCALARS[shape.type]


def manifest(module: Module, *, terse: bool) -> dict[str, Any]:
    expected = {item.key: item.value for item in module.expects}
    first, last = f"{module.app_range.text if module.app_range else ''},".split(",")[:2]
    required = expected.get("required")
    identity = {
        "slug": module.name,
        "version": module.version,
        "description": module.description,
        "trust_level": None if required is None else "core" if required else "verified",
        "runtime": expected.get("runtime"),
        "rustok_min_version": first.removeprefix(">=") or None,
        "rustok_max_version": last.removeprefix(" <=") or None,
    }
    values = {
        "module": parts.spelled(identity, {"description": ""}, terse=terse),
        "dependencies": _requirements(module.requires, terse=terse),
        "co_requisites": _requirements(module.companions, terse=terse),
        "conflicts": {"modules": [item.module for item in module.conflicts]},
        "provides": {f"{name}_ui": found for name in SURFACES if (found := _ui(module, name))},
        "settings": {item.key: _described(item, terse=terse) for item in module.settings},
    }
    defaults = {"conflicts": {"modules": []}}
    empty = {key: {} for key in ("dependencies", "co_requisites", "provides", "settings")}
    return parts.spelled(values, defaults | empty, terse=terse)


def files(module: Module) -> dict[str, str]:
    crates = {item.key: item.value for item in module.expects}
    licensed = {"license": module.license} if module.license else {}
    package = {"name": crates["crate"], "version": module.version, **licensed}
    return {"Cargo.toml": written({"package": package}, "Cargo.toml")}


def _requirements(found: tuple[Requirement, ...], *, terse: bool) -> dict[str, Any]:
    texts = {ours: cargo for cargo, ours in RANGES.items()}
    return {
        item.module: parts.spelled(
            {"version_req": texts[item.range]}, {"version_req": "*"}, terse=terse
        )
        for item in found
    }


def _ui(module: Module, surface: str) -> dict[str, Any]:
    start = f"{SURFACES[surface]}/{surface[:2]}-"
    own = [link for link in module.navigation if link.path.startswith(start)]
    if not own:
        return {}
    first, *below = own
    return {
        "route_segment": first.path.rpartition("/")[2],
        "nav_label": first.label,
        "nav_group": first.menu,
        "nav_order": first.order,
        "child_pages": [
            {"subpath": link.path[len(first.path) + 1 :], "title": link.label} for link in below
        ],
    }


def _described(item: Setting | Shape, *, terse: bool) -> dict[str, Any]:
    values: dict[str, Any] = {
        "type": item.type,
        "min": item.minimum,
        "max": item.maximum,
        "options": [*item.options],
        "object_keys": [*item.keys],
        "properties": {
            key: _described(inside, terse=terse) for key, inside in item.properties.items()
        },
    }
    if item.item:
        plain = terse and item.item == Shape(item.item.type)
        values |= (
            {"item_type": item.item.type}
            if plain
            else {"items": _described(item.item, terse=terse)}
        )
    # These say something of one type only, so that others may not have them.
    values = {key: value for key, value in values.items() if value not in ([], {})}
    if isinstance(item, Setting):
        said = {"default": item.default, "required": item.required, "description": item.description}
        values |= parts.spelled(said, {"required": False, "description": ""}, terse=terse)
    return values
