"""What an environment gives to a release: taken from `modules.toml` once, kept by the records.

Pure but for `read_secrets`. What is kept is one JSON value without the value of any secret: of
those it has the names, and where each is read when a release is deployed. A release of before has
none, and is given what an environment gives that says nothing.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from xtask.diagnostics import Problems, did_you_mean, listed
from xtask.errors import RefusedError, summary
from xtask.manifest.configuration import TARGETS, Given
from xtask.manifest.module import Setting
from xtask.manifest.setting import misfit
from xtask.release.deployment import Configuration, Limits, Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from xtask.manifest.environments import Environment
    from xtask.manifest.setting import Value

    Document = Mapping[str, Any]
    Declared = Mapping[str, Any]
    Modules = Sequence[Declared]

# What a Docker Swarm takes at most: docs.docker.com/engine/swarm/secrets.
_MOST_BYTES: Final = 500_000


class Change(NamedTuple):
    """One thing that two releases are not given alike; None where one of them is not given it."""

    name: str
    before: Any
    after: Any


def take(environment: Environment, modules: Modules) -> Document | None:
    """Return what an environment gives to a release of a build; None: its target gives nothing.

    Args:
        environment: of `modules.toml`.
        modules: those of the build, as the facts of its plan have them.

    Raises:
        InvalidError: with every setting that the build has not, that has another type or is
            missing.
    """
    if "configuration" not in TARGETS[environment.target]:
        return None
    problems = Problems()
    _check_settings(environment, modules, problems)
    problems.raise_if_any()
    return _document(environment.given)


def changes(before: Document | None, after: Document | None) -> tuple[Change, ...]:
    """Return what of two configurations is not the same, by name."""
    old, new = (dict(_named(one or _document(Given()))) for one in (before, after))
    names = sorted(old.keys() | new.keys())
    found = (Change(name, old.get(name), new.get(name)) for name in names)
    return tuple(change for change in found if change.before != change.after)


def configured(document: Document | None, modules: Modules) -> Configuration:
    """Return a configuration as a target takes it; settings are environment variables."""
    found = document or _document(Given())
    return Configuration(
        variables={**found["variables"], **_settings(found["settings"], modules)},
        secrets=tuple(sorted(found["secrets"])),
        replicas=found["replicas"],
        placement=tuple(found["placement"]),
        limits=Limits(**{name: found[name] for name in Limits._fields}),
        ready_within=float(found["ready_within"]),
        window=float(found["window"]),
    )


def requests(document: Document | None) -> tuple[Request, ...]:
    """Return what a release has to answer besides the health of its modules."""
    return tuple(Request(**request) for request in (document or {}).get("smoke", ()))


def addresses(document: Document | None) -> tuple[str, ...]:
    """Return where its target is asked."""
    return tuple((document or {}).get("addresses", ()))


def read_secrets(
    root: Path, document: Document | None, environ: Mapping[str, str] = os.environ
) -> dict[str, bytes]:
    """Return the values of the secrets of a configuration, which nobody keeps.

    Args:
        root: the workspace, to which paths of files are relative.
        document: the configuration.
        environ: where those are that are environment variables here.

    Raises:
        RefusedError: with every one that is not there, empty, or too long for a target.
    """
    found, wrong = dict[str, bytes](), list[str]()
    for name, origin in (document or {}).get("secrets", {}).items():
        ((kind, where),) = origin.items()
        try:
            is_file = kind == "file"
            value = (root / where).read_bytes() if is_file else environ.get(where, "").encode()
        except OSError as error:
            wrong.append(f"{name}: {where} cannot be read: {summary(error)}")
            continue
        found[name] = value
        if not value:
            wrong.append(f"{name}: {'file' if is_file else 'variable'} {where} is empty")
        elif len(value) > _MOST_BYTES:
            wrong.append(f"{name}: {where} has more than {_MOST_BYTES} bytes")
    if wrong:
        raise RefusedError(
            "\n".join(["secrets of the environment are missing:", *wrong]),
            help="they are read here, where the release is deployed: put them there, or change"
            " `secrets` of the environment",
        )
    return found


def _document(given: Given) -> dict[str, Any]:
    return {
        "variables": dict(given.variables),
        "settings": {
            module: {key: value.value for key, value in values.items()}
            for module, values in given.settings.items()
            if values
        },
        "secrets": {name: {origin.kind: origin.name} for name, origin in given.secrets.items()},
        "replicas": given.replicas,
        "placement": list(given.placement),
        "addresses": list(given.addresses),
        "smoke": [request._asdict() for request in given.smoke],
        "ready_within": given.ready_within,
        "window": given.window,
        **Limits()._asdict(),
        **given.limits,
    }


def _named(document: Document) -> Iterator[tuple[str, Any]]:
    """Yield each part of a configuration under its name in `modules.toml`."""
    for key, value in document.items():
        if key == "settings":
            for module, values in value.items():
                yield from ((f"{key}.{module}.{name}", each) for name, each in values.items())
        elif isinstance(value, dict):
            yield from ((f"{key}.{name}", each) for name, each in value.items())
        else:
            yield key, value


def _settings(settings: Mapping[str, Mapping[str, Any]], modules: Modules) -> dict[str, str]:
    """Return the environment variables that give settings to a running product."""
    return {
        module["settings"][key]["environment"]: _spelled(value)
        for module in modules
        for key, value in settings.get(module["name"], {}).items()
    }


def _spelled(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return value if isinstance(value, str) else json.dumps(value)


def _check_settings(environment: Environment, modules: Modules, problems: Problems) -> None:
    """Note what a build cannot be given (XT0306, XT0308), and what it lacks."""
    known = {module["name"]: module for module in modules}
    for name, values in environment.given.settings.items():
        if name not in known:
            problems.add(
                "XT0306",
                f"there are settings for `{name}`, which is not in the build",
                environment.place.at("settings", name, part="key"),
                help=did_you_mean(name, known) or "remove them, or promote a build that has it",
            )
        for key, value in values.items() if name in known else ():
            _check_value(known[name], key, value, problems)
    for module in modules:
        for key, declared in module["settings"].items():
            _require_value(environment, module, key, declared, problems)
            _refuse_variable(environment, module["name"], key, declared, problems)


def _check_value(module: Declared, key: str, value: Value, problems: Problems) -> None:
    name, settings = module["name"], module["settings"]
    declared = settings.get(key)
    if declared is None:
        problems.add(
            "XT0308",
            f"`{name}` has no setting `{key}` in the build",
            value.place._replace(part="key"),
            help=did_you_mean(key, settings) or f"it has {listed(sorted(settings)) or 'none'}",
        )
    elif declared["secret"]:
        problems.add(
            "XT0308",
            f"`{key}` of `{name}` is a secret and may not be written here",
            value.place._replace(secret=True),
            help=f'write `{declared["environment"]} = {{ file = "…" }}` under `secrets`',
        )
    elif wrong := misfit(_setting(key, declared, value), value.value):
        tip = f"the build was made with {_expected(declared)}"
        problems.add("XT0308", f"`{key}` of `{name}` {wrong}", value.place, help=tip)


def _require_value(
    environment: Environment, module: Declared, key: str, declared: Declared, problems: Problems
) -> None:
    """Note a setting without which a module of the build does not start."""
    name, variable, given = module["name"], declared["environment"], environment.given
    has = {*module["values"], *given.settings.get(name, ())}
    needs = declared["required"] and declared["default"] is None
    if needs and key not in has and variable not in given.secrets:
        problems.add(
            "XT0308",
            f"`{name}` needs a value for `{key}`, {_expected(declared)}",
            environment.place,
            help=f'write `{variable} = {{ file = "…" }}` under `secrets`'
            if declared["secret"]
            else f"write `{key} = …` under `settings.{name}`",
        )


def _refuse_variable(
    environment: Environment, module: str, key: str, declared: Declared, problems: Problems
) -> None:
    """Note a variable that is a setting of a module, and would be given past its checks."""
    variable = declared["environment"]
    if variable in environment.given.variables:
        problems.add(
            "XT0308",
            f"`{variable}` is the setting `{key}` of `{module}`",
            environment.place.at("variables", variable, part="key"),
            help=f"write it under `{'secrets' if declared['secret'] else f'settings.{module}'}`",
        )


def _setting(key: str, declared: Declared, value: Value) -> Setting:
    """Return a setting as its manifest declared it when the build was made."""
    said = {name: each for name, each in declared.items() if name != "environment"}
    return Setting(key=key, place=value.place, **said)


def _expected(declared: Declared) -> str:
    """Return what a value has to be."""
    kind = declared["type"] or "value"
    article = "an" if kind[0] in "aio" else "a"
    options = f" of {listed(map(str, declared['options']))}" if declared["options"] else ""
    return f"{article} {kind}{options}"
