"""Understanding the composition: `validate-manifest`, `list-modules`, `lock` and their kin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtask.cli.command import Command, option
from xtask.cli.output import table, verdict
from xtask.errors import StaleError, UsageError

if TYPE_CHECKING:
    from xtask.cli.command import Context


def validate_manifest(context: Context) -> None:
    """Read everything, prove that it fits, write nothing."""
    from xtask.pipeline.composing.compose import validate  # noqa: PLC0415 - start-up

    composed = validate(context.settings.workspace)
    names = [module.name for module in composed.selection.modules]
    app = composed.selection.composition.app
    context.output.warnings(composed.warnings)
    context.output.result(
        {"valid": True, "app": app, "modules": names, **verdict(composed.warnings)},
        f"modules.toml is valid: {len(names)} modules",
    )


def list_modules(context: Context) -> None:
    """List all modules of `modules.toml`, those in the product in the order in which they load."""
    from xtask.pipeline.composing.compose import compose  # noqa: PLC0415 - start-up

    composed = compose(context.settings.workspace)
    context.output.warnings(composed.warnings)
    selection = composed.selection
    entries = selection.composition.entries
    found = [
        {
            "name": module.name,
            "version": module.version,
            "dialect": module.dialect,
            "source": entries[module.name].source.kind,
            "required": entries[module.name].required,
            "requires": list(selection.needs[module.name]),
            "description": module.description,
            "enabled": module in selection.modules,
        }
        for module in (*selection.modules, *composed.left_out)
    ]
    rows = [
        [
            str(module["name"]),
            str(module["version"] or "(not locked)"),
            str(module["dialect"]),
            str(module["source"]),
            "yes" if module["enabled"] else "no",
            ", ".join(selection.needs.get(str(module["name"]), ())),
        ]
        for module in found
    ]
    header = ["MODULE", "VERSION", "DIALECT", "SOURCE", "ENABLED", "NEEDS"]
    context.output.result(found, table(rows, header) or "no modules")


def generate_registry(context: Context, *, check: bool) -> None:
    """Write `generated/`, or show how it differs from what the manifests say."""
    from xtask.pipeline.composing import compose  # noqa: PLC0415 - start-up

    workspace = context.settings.workspace
    composed = compose.compose(workspace)
    context.output.warnings(composed.warnings)
    if not check:
        changed = compose.write_generated(composed, workspace)
        text = "\n".join(f"wrote generated/{name}" for name in changed) or "generated/ is current"
        context.output.result({"changed": changed}, text)
        return
    if report := compose.check_generated(composed, workspace):
        raise StaleError(
            "generated/ does not match the manifests",
            report=report,
            help="run `xtask generate-registry` and commit generated/",
        )
    context.output.result({"current": True}, "generated/ is current")


def lock(context: Context, *, check: bool, upgrade: list[str]) -> None:
    """Choose versions and write `modules.lock`, or refuse when it is stale."""
    from xtask.pipeline.composing.compose import compose, write_lock  # noqa: PLC0415 - start-up

    if check and upgrade:
        raise UsageError("--check and --upgrade contradict each other")
    workspace = context.settings.workspace
    composed = compose(workspace, locked=check, upgrade=upgrade)
    context.output.warnings(composed.warnings)
    changes = write_lock(composed, workspace, check=check, upgrade=upgrade)
    context.output.result(
        {"changed": bool(changes), "difference": changes}, changes or "modules.lock is current"
    )


def explain(context: Context, *, code: str) -> None:
    """Say at length what a diagnostic means and how to get rid of it."""
    from xtask.diagnostics.codes import explain as explanation  # noqa: PLC0415 - start-up

    found = explanation(code)
    context.output.result(
        {"code": found.code, "title": found.title, "text": found.text},
        f"{found.code}: {found.title}\n\n{found.text}",
    )


COMMANDS = {
    "validate-manifest": Command("prove that modules.toml and every module fit", validate_manifest),
    "list-modules": Command("list the modules in the order in which they load", list_modules),
    "generate-registry": Command(
        "write the static registry and the route map",
        generate_registry,
        (option("--check", action="store_true", help="write nothing: show drift, exit 4"),),
    ),
    "lock": Command(
        "choose versions and write modules.lock",
        lock,
        (
            option("--check", action="store_true", help="write nothing: refuse a stale lock"),
            option(
                "--upgrade",
                action="append",
                default=[],
                metavar="PACKAGE",
                help="take the newest version of this package or module (can be repeated)",
            ),
        ),
    ),
    "explain": Command(
        "explain a diagnostic code such as XT0301",
        explain,
        (option("code", metavar="CODE", help="the code in the brackets of an error"),),
    ),
}
