"""A build as a file for other deployers: `render`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from xtask.cli.command import Command, option

if TYPE_CHECKING:
    from xtask.cli.command import Context

_TARGETS = ("kubernetes", "compose", "swarm")


def render(context: Context, *, what: str, to: str, target: str, output: str | None) -> None:
    """Print what would run in an environment as YAML, or write it to a folder."""
    from xtask.files import write_atomic  # noqa: PLC0415 - start-up
    from xtask.pipeline.releasing.render import render as story  # noqa: PLC0415

    made = story(context.settings, what=what, environment=to, form=target)
    text = made.content.decode()
    document = {"target": target, "name": made.name, "content": text, "path": None}
    if output is None:
        context.output.result(document, text.rstrip("\n"))
        return
    path = Path(output) / made.name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, made.content)
    context.output.result(document | {"path": str(path)}, str(path))


COMMANDS = {
    "render": Command(
        "print a build as files for Kubernetes, Compose or Swarm",
        render,
        (
            option("what", metavar="WHAT", help="a build id, a manifest hash or a release id"),
            option("--to", required=True, metavar="ENV", help="the environment"),
            option("--target", required=True, choices=_TARGETS, metavar="T", help="which files"),
            option("--output", metavar="DIR", help="write there (default: standard output)"),
        ),
    )
}
