"""Which verbs there are, and the family that each belongs to; a family is imported when used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xtask.cli.command import Command

VERBS: dict[str, str] = {
    "validate-manifest": "compose",
    "list-modules": "compose",
    "generate-registry": "compose",
    "lock": "compose",
    "explain": "compose",
    "new": "author",
    "add": "author",
    "remove": "author",
    "import": "author",
    "bump": "author",
    "semver-check": "author",
    "build": "build",
    "run": "build",
    "builds": "queue",
    "worker": "queue",
    "verify": "evidence",
    "keys": "evidence",
    "promote": "release",
    "rollback": "release",
    "redeploy": "release",
    "approve": "release",
    "reject": "release",
    "cancel": "release",
    "hold": "release",
    "unhold": "release",
    "resume": "release",
    "render": "render",
    "releases": "history",
    "status": "history",
    "audit": "records",
    "metrics": "records",
    "gc": "records",
    "drill": "records",
    "doctor": "operate",
    "migrate": "operate",
}


def load(verb: str) -> Command:
    """Return the command of a verb."""
    family = import_module(f"xtask.cli.{VERBS[verb]}")
    command: Command = family.COMMANDS[verb]
    return command
