"""What `modules.toml` says is no secret, though it looks like one: `[[secrets.allow]]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xtask.manifest.entries import inside
from xtask.manifest.table import shortened

if TYPE_CHECKING:
    from xtask.diagnostics import Place
    from xtask.manifest.table import Table


class Allowed(NamedTuple):
    """One exception: a rule in one file, whose path is relative to the workspace, and why."""

    path: str
    rule: str
    reason: str
    place: Place


def read_allowed(secrets: Table) -> tuple[Allowed, ...]:
    """Return `[[secrets.allow]]`; what is wrong with it goes to the table's problems."""
    found: dict[tuple[str, str], Allowed] = {}
    for entry in secrets.tables("allow"):
        path, rule = inside(entry, "path", entry.text("path")), entry.text("rule")
        reason = entry.text("reason")
        for key, value in (("rule", rule), ("reason", reason)):
            if key in entry and not value.strip():
                entry.wrong("XT0205", f"`{key}` is empty", key, help=_HELP[key])
        if (path, rule) in found and path:
            message = f"`{shortened(rule)}` in `{shortened(path)}` is allowed twice"
            entry.wrong("XT0204", message, "path", help="say it once")
        found[path, rule] = Allowed(path, rule, reason, entry.place)
        entry.done()
    secrets.done()
    return tuple(found.values())


_HELP = {
    "rule": "write the name that the build shows, such as `Private Key`",
    "reason": "say why it is no secret: whoever reads the file has to believe it",
}
