"""Changing the composition: `new`, `add`, `remove`, `import`, `bump`, `semver-check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtask.cli.command import Command, option
from xtask.cli.output import table
from xtask.errors import UsageError

if TYPE_CHECKING:
    from xtask.author.versions import Level
    from xtask.cli.command import Context
    from xtask.pipeline.authoring.modules import Authored

# Kept here, so that the help of a verb loads nothing; a test holds them to their rooms.
DIALECTS = ("native", "flux", "fastvue", "capability", "bmc")
LEVELS = ("major", "minor", "patch")
_FLAGS = "--path, --git, --index, --registry, --archive"


def new(  # noqa: PLR0913 - the options of the verb
    context: Context, *, kind: str, name: str, dialect: str, path: str | None, no_add: bool
) -> None:
    """Write a module that builds as it is, and add it to the composition."""
    del kind  # there is one so far
    from xtask.pipeline.authoring.modules import new_module  # noqa: PLC0415 - start-up

    workspace = context.settings.workspace
    done = new_module(workspace, name, dialect, path=path, added=not no_add)
    lines = [f"wrote {done.folder}/{file}" for file in done.files]
    lines += [] if no_add else [f"added `{name}` to modules.toml"]
    _answer(context, done, {"dialect": dialect, "added": not no_add}, lines)
    if not no_add:
        _say_what_starts_it(context)


def _say_what_starts_it(context: Context) -> None:
    """Tell whoever began a product that a module alone is none (XT0305)."""
    from xtask.pipeline.composing.compose import validate  # noqa: PLC0415 - start-up

    if validate(context.settings.workspace).selection.host is None:
        context.output.note(
            "this product has no host yet, and `xtask build` refuses it until a module says what "
            "the image starts: `[host]` with `main`, as `xtask explain XT0305` shows"
        )


def add(  # noqa: PLR0913 - the options of the verb
    context: Context,
    *,
    name: str,
    version: str | None,
    rev: str | None,
    manifest: str | None,
    required: bool,
    depends_on: list[str],
    **sources: str | None,
) -> None:
    """Add a module to the composition, if the result fits."""
    from xtask.pipeline.authoring.modules import add_module  # noqa: PLC0415 - start-up

    entry = _entry(sources, context.settings.workspace.root)
    for key, value, kinds in (
        ("rev", rev, ("git",)),
        ("version", version, ("index", "registry")),
        ("manifest", manifest, ("index",)),
    ):
        if value is not None and entry["source"] not in kinds:
            raise UsageError(f"--{key} means nothing with --{entry['source']}")
        entry |= {} if value is None else {key: value}
    if entry["source"] == "git" and rev is None:
        raise UsageError("--git needs --rev", help="a full commit id: `git rev-parse HEAD`")
    entry |= {"required": True} if required else {}
    entry |= {"depends_on": depends_on} if depends_on else {}
    done = add_module(context.settings.workspace, name, entry)
    _answer(context, done, {"entry": entry}, [f"added `{name}` to modules.toml"])


def _entry(sources: dict[str, str | None], root: Path) -> dict[str, Any]:
    """Return what the line of a module says of its source."""
    given = {key: value for key, value in sources.items() if value is not None}
    kinds = [key for key in given if key != "path"] or list(given)
    if len(kinds) != 1 or ("path" in given and kinds not in (["path"], ["git"])):
        raise UsageError(
            "say where the module comes from, once",
            help=f"one of {_FLAGS}; with --git, --path is its folder there",
        )
    kind = kinds[0]
    entry: dict[str, Any] = {"source": kind}
    if kind == "archive":
        return entry | _archive(Path(str(given[kind])), root)
    key = "package" if kind == "index" else kind
    return entry | {key: given[kind]} | ({"path": given["path"]} if "path" in given else {})


def _archive(file: Path, root: Path) -> dict[str, str]:
    """Return path and digest of an archive, which has to be in the workspace."""
    from xtask.digest import hex_of, sha256_file  # noqa: PLC0415 - start-up

    path = root / file if (root / file).is_file() else file.absolute()
    if not path.is_file():
        raise UsageError(f"{file} is not a file", help="give the path of a ZIP file")
    if not path.is_relative_to(root):
        raise UsageError(
            f"{file} is not in the workspace",
            help="copy it there, such as to `vendor/`, or take its module in: `xtask import`",
        )
    relative = path.relative_to(root).as_posix()
    return {"path": relative, "sha256": hex_of(sha256_file(path))}


def remove(context: Context, *, name: str) -> None:
    """Take a module out of the composition, unless another one needs it; its folder stays."""
    from xtask.pipeline.authoring.modules import remove_module  # noqa: PLC0415 - start-up

    done = remove_module(context.settings.workspace, name)
    lines = [f"removed `{name}` from modules.toml"]
    lines += [f"its folder {done.folder} stays"] if done.folder else []
    _answer(context, done, {}, lines)


def import_(context: Context, *, file: str, name: str | None) -> None:
    """Take the module of an archive into `modules/`, and add it to the composition."""
    from xtask.pipeline.authoring.modules import import_archive  # noqa: PLC0415 - start-up

    done = import_archive(context.settings.workspace, Path(file), name)
    lines = [
        f"wrote {len(done.files)} files to {done.folder}",
        f"added `{done.name}` to modules.toml",
    ]
    _answer(context, done, {"left_out": list(done.left_out)}, lines)
    if done.left_out:
        count, first = len(done.left_out), done.left_out[0]
        context.output.note(f"left out {count} of macOS's own files, such as {first}")


def _answer(context: Context, done: Authored, more: dict[str, Any], lines: list[str]) -> None:
    context.output.warnings(done.warnings)
    document = {"name": done.name, "folder": done.folder, "files": list(done.files)} | more
    context.output.result(document, "\n".join(lines))


def bump(context: Context, *, name: str, level: Level) -> None:
    """Change the version of a module in every file that says it."""
    from xtask.pipeline.authoring.versioning import bump as story  # noqa: PLC0415 - start-up

    done = story(context.settings.workspace, name, level)
    lines = [f"`{name}` {done.before} -> {done.after}", *(f"wrote {file}" for file in done.files)]
    document = {"name": name, "from": done.before, "to": done.after, "files": list(done.files)}
    context.output.result(document, "\n".join(lines))


def semver_check(context: Context, *, names: list[str]) -> None:
    """Compare modules with their last release, and refuse versions that say too little."""
    from xtask.diagnostics import Problems  # noqa: PLC0415 - start-up
    from xtask.pipeline.authoring.versioning import check_versions, refuse_small_steps  # noqa: PLC0415

    checked = check_versions(context.settings, names)
    found = [
        {
            "name": module.name,
            "from": released,
            "to": version,
            "needed": changes.needed,
            "given": changes.given,
            "enough": changes.is_enough,
            "reasons": [reason.text for reason in changes.reasons],
        }
        for module, released, version, changes in checked
    ]
    rows = [
        [str(row[key] or "(none)") for key in ("name", "from", "to", "needed", "given")]
        for row in found
    ]
    header = ["MODULE", "RELEASED", "NOW", "NEEDS", "HAS"]
    context.output.result(found, table(rows, header) or "no modules")
    problems = Problems()
    refuse_small_steps(checked, problems)
    problems.raise_if_any()


_NAME = option("name", metavar="NAME", help="the module")

COMMANDS = {
    "new": Command(
        "write a module that builds as it is, in a product with a host",
        new,
        (
            option("kind", metavar="module", choices=("module",), help="what to write"),
            _NAME,
            option("--dialect", required=True, choices=DIALECTS, help="the format of its manifest"),
            option("--path", metavar="DIR", help="its folder (default: modules/NAME)"),
            option("--no-add", action="store_true", help="leave modules.toml as it is"),
        ),
    ),
    "add": Command(
        "add a module to modules.toml",
        add,
        (
            _NAME,
            option("--path", metavar="DIR", help="its folder, here or in the repository of --git"),
            option("--git", metavar="URL", help="the repository that it is in"),
            option("--rev", metavar="SHA", help="the commit of the repository"),
            option("--index", metavar="PKG", help="a package of the Python package index"),
            option("--manifest", metavar="FILE", help="the manifest of the package, if kept here"),
            option("--registry", metavar="R", help="one of [registries]"),
            option("--archive", metavar="ZIP", help="an archive in the workspace"),
            option("--version", metavar="RANGE", help="versions of --index or --registry"),
            option("--required", action="store_true", help="it is in every product"),
            option(
                "--depends-on",
                action="append",
                default=[],
                metavar="OTHER",
                help="it comes after this module (can be repeated)",
            ),
        ),
    ),
    "remove": Command("take a module out of modules.toml", remove, (_NAME,)),
    "import": Command(
        "take the module of an archive into modules/",
        import_,
        (
            option("file", metavar="ZIP", help="an archive with one folder at its top"),
            option("--name", metavar="NAME", help="what it is called (default: as it says)"),
        ),
    ),
    "bump": Command(
        "change the version of a module, in every file that says it",
        bump,
        (_NAME, option("level", metavar="LEVEL", choices=LEVELS, help="major, minor or patch")),
    ),
    "semver-check": Command(
        "say which step each version needs since the last release",
        semver_check,
        (option("names", metavar="NAME", nargs="*", help="which modules (default: all)"),),
    ),
}
