"""What changed in a module between two states, and which step of its version that needs.

The rules are Flux's ("Versioning Rules" of its module guide): what somebody may rely on and is gone
or different is major, what is new is minor, anything else is a patch. Before 1.0.0 every step is
one lower (semver.org 4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from semver import Version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Step = Literal["none", "patch", "minor", "major"]
STEPS: tuple[Step, ...] = ("none", "patch", "minor", "major")


class Reason(NamedTuple):
    """One change: the step that it needs, and what it is."""

    step: Step
    text: str


class Changes(NamedTuple):
    """What is between two states of a module, and the step that was taken."""

    needed: Step
    given: Step
    reasons: tuple[Reason, ...]

    @property
    def is_enough(self) -> bool:
        """Whether the version says how much has changed."""
        return STEPS.index(self.given) >= STEPS.index(self.needed)


class _Kind(NamedTuple):
    """Parts of a module that others may rely on: what each is called, by what it is known."""

    word: str
    keys: tuple[str, ...]
    compared: tuple[str, ...] = ()
    """What may not change of a part that stays."""


_KINDS = {
    "routers": _Kind("router", ("prefix",)),
    "apps": _Kind("application", ("prefix",)),
    "endpoints": _Kind("endpoint", ("method", "path"), ("permissions",)),
    "operations": _Kind("endpoint", ("method", "path")),
    "answers": _Kind("endpoint", ("method", "path")),
    "routes": _Kind("page", ("path",), ("permissions",)),
    "navigation": _Kind("link", ("label", "path", "route")),
    "permissions": _Kind("permission", ("name",)),
    "settings": _Kind("setting", ("name",), ("type", "options", "minimum", "maximum", "pattern")),
    "jobs": _Kind("job", ("name",)),
    "hooks": _Kind("hook", ("event", "target"), ("signature",)),
    "emits": _Kind("event", ("name",)),
    "migrations": _Kind("migration", ("up",), ("content",)),
    "tables": _Kind("table", ("name",)),
}
# What a person clicks on is no promise to a program: a link may go with the page staying.
_LESS = {"navigation"}


def compare(before: Mapping[str, Any], after: Mapping[str, Any], *, same_source: bool) -> Changes:
    """Return what changed between two states of a module.

    Args:
        before: the facts of the released state, as `composition.json` has them, with what else is
            known of it; a kind of part that only one state knows is not compared.
        after: the facts of the present state.
        same_source: its files are the ones that were released.
    """
    versions = before["version"] or "0.0.0", after["version"] or "0.0.0"
    found = sorted(_reasons(before, after), key=lambda item: (-STEPS.index(item.step), item.text))
    if not found and not same_source:
        found = [Reason("patch", "its files changed")]
    needed = found[0].step if found else "none"
    return Changes(_lowered(needed, versions[0]), given(*versions), tuple(found))


def given(before: str, after: str) -> Step:
    """Return the step from one version to another: none when it goes back or stays."""
    old, new = Version.parse(before), Version.parse(after)
    if new <= old:
        return "none"
    if new.major != old.major:
        return "major"
    if new.minor != old.minor:
        return "minor"
    return "patch"


def _lowered(step: Step, version: str) -> Step:
    """Return the step that is needed in a version that promises little, as before 1.0.0."""
    if Version.parse(version).major or step in {"none", "patch"}:
        return step
    return "minor" if step == "major" else "patch"


def _reasons(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Reason]:
    for name, kind in _KINDS.items():
        if name in before and name in after:
            states = _by_key(before[name], kind), _by_key(after[name], kind)
            yield from _parts(kind, *states, loss="minor" if name in _LESS else "major")
    yield from _settings(before.get("settings", {}), after.get("settings", {}))
    yield from _requirements(before, after)
    yield from _removals(before, after)
    if "columns" in before and "columns" in after:
        yield from _columns(before, after)
    if "app_range" in before and "app_range" in after:
        yield from _application(before["app_range"], after["app_range"])
    old, new = before.get("health"), after.get("health")
    if old != new:
        word = f"answers at `{new}`" if new else "is answered nowhere"
        yield Reason(
            "major" if old else "minor", f"health {word}" + (f", not at `{old}`" if old else "")
        )


def _removals(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Reason]:
    """Yield each new migration that drops or renames a table or a column."""
    known = {step["up"] for step in before.get("migrations", ())}
    for step in after.get("migrations", ()):
        if step.get("removes") and step["up"] not in known:
            yield Reason("major", f"migration `{step['up']}` drops or renames something")


def _columns(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Reason]:
    """Yield columns, and tables that only code tells of; a column may be inherited unseen."""
    old, new = before["columns"], after["columns"]
    for table in old.keys() - new.keys() - set(before.get("tables", ())):
        yield Reason("major", f"table `{table}` is gone")
    for table in new.keys() - old.keys() - set(after.get("tables", ())):
        yield Reason("minor", f"table `{table}` is new")
    for table in old.keys() & new.keys():
        one, other = old[table], new[table]
        if one["names"] and other["names"] and one["inherits"] == other["inherits"]:
            for name in set(one["names"]) - set(other["names"]):
                yield Reason("major", f"column `{table}.{name}` is gone")
            for name in set(other["names"]) - set(one["names"]):
                yield Reason("minor", f"column `{table}.{name}` is new")


def _by_key(parts: Any, kind: _Kind) -> dict[str, Mapping[str, Any]]:  # noqa: ANN401 - a list or a table
    """Return parts by what they are known by; facts have lists, tables and lists of names."""
    if isinstance(parts, dict):
        return {name: part if isinstance(part, dict) else {} for name, part in parts.items()}
    found: dict[str, Mapping[str, Any]] = {}
    for part in parts:
        values = part if isinstance(part, dict) else {kind.keys[0]: part}
        words = [str(values[key]) for key in kind.keys if values.get(key)]
        found[" ".join(words)] = values
    return found


def _parts(
    kind: _Kind,
    before: Mapping[str, Mapping[str, Any]],
    after: Mapping[str, Mapping[str, Any]],
    *,
    loss: Step,
) -> Iterator[Reason]:
    for name in before.keys() - after.keys():
        yield Reason(loss, f"{kind.word} `{name}` is gone")
    for name in after.keys() - before.keys():
        yield Reason("minor", f"{kind.word} `{name}` is new")
    for name in before.keys() & after.keys():
        for key in kind.compared:
            old, new = before[name].get(key), after[name].get(key)
            if key in before[name] and key in after[name] and old != new:
                yield Reason("major", f"{kind.word} `{name}`: {key} changed")


def _settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Reason]:
    """Yield settings that a product has to give from now on."""
    for name in after.keys() - before.keys():
        if after[name].get("required"):
            yield Reason("major", f"setting `{name}` is required")
    for name in before.keys() & after.keys():
        if after[name].get("required") and not before[name].get("required"):
            yield Reason("major", f"setting `{name}` is required now")
        elif before[name].get("default") != after[name].get("default"):
            yield Reason("minor", f"setting `{name}` has another default")


def _requirements(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Reason]:
    """Yield modules that a product needs from now on, or no longer gets with this one."""
    old, new = set(before.get("requires", ())), set(after.get("requires", ()))
    for name in new - old:
        yield Reason("minor", f"it needs `{name}`")
    for name in old - new:
        yield Reason("major", f"it no longer needs `{name}`, so products may lose it")


def _application(before: str | None, after: str | None) -> Iterator[Reason]:
    """Yield a new range of the application: major when its lowest version has another major."""
    if before == after:
        return
    majors = [_major(text) for text in (before, after)]
    step: Step = "major" if after and majors[0] != majors[1] else "patch"
    yield Reason(step, f"it works with application `{after or '*'}`, not `{before or '*'}`")


def _major(range_text: str | None) -> str:
    digits = (range_text or "").lstrip("^~>=v ")
    return digits.split(".", maxsplit=1)[0]
