"""Who vouches for a build: `verify`, `keys`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.cli.command import MAX_DAYS, Command, at_most, option
from xtask.cli.output import prose, table
from xtask.errors import UntrustedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from xtask.cli.command import Context
    from xtask.image.evidence.trust import SignedTrust
    from xtask.image.evidence.verification import Check
    from xtask.pipeline.verifying.rebuild import Rebuilt
    from xtask.pipeline.verifying.verify import Verified

_MAX_HOLDERS = 32


def verify(context: Context, *, what: str, trust: str | None, rebuild: bool) -> None:
    """Check a build: bytes, signature, subject, builder, parameters, bill of materials.

    With `rebuild` it is also built again, from what was kept of it alone.
    """
    from xtask.pipeline.verifying.verify import document  # noqa: PLC0415 - start-up
    from xtask.pipeline.verifying.verify import verify as story  # noqa: PLC0415

    file = Path(trust) if trust else None
    found = story(
        context.settings,
        context.output.progress(),
        what=what,
        trust_file=file,
        now=datetime.now(UTC),
    )
    again = _again(context, found) if rebuild and not found.failed else None
    said = document(found) | ({"rebuild": again.document()} if again else {})
    lines = _lines(found) + (prose(f"\n{again.verdict}: {again.says}") if again else "")
    context.output.result(said, lines)
    if again:
        from xtask.pipeline.verifying.rebuild import require_identical  # noqa: PLC0415 - start-up

        require_identical(again, found.build)
    if check := found.failed:
        raise UntrustedError(
            f"build {found.build.id[:8]} is not verified: {check.name}: {check.says}",
            help=f"do not release it; {check.help or '`xtask build` makes again what is gone'}",
        )


def _again(context: Context, found: Verified) -> Rebuilt:
    from xtask.pipeline.verifying.rebuild import rebuild, shipped  # noqa: PLC0415 - start-up

    workspace = context.settings.workspace
    return rebuild(workspace, shipped(found.build, workspace), context.output.progress())


def _lines(found: Verified) -> str:
    rows = [[_word(found, check), check.name, check.says] for check in found.checks]
    return table(rows, [f"BUILD {found.build.id[:8]}", "CHECK", "SAYS"])


def _word(found: Verified, check: Check) -> str:
    if not check.ok:
        return "FAILED"
    return "ok" if found.is_signed or check.name != "signature" else "none"


class _Words(NamedTuple):
    """The options of `keys`; each of its actions has some of them."""

    what: str
    role: str
    key: str
    days: int | None
    number: int | None
    threshold: int | None
    builder: str | None


def keys(context: Context, *, action: str, **words: Any) -> None:  # noqa: ANN401 - the options below
    """Make, show, replace, take over or use the keys that sign builds."""
    said = _Words(**words)
    run, takes = _ACTIONS[action]
    given = [name for name, value in said._asdict().items() if value and name not in takes]
    if given:
        raise UsageError(f"`keys {action}` takes no {_OPTIONS[given[0]]}")
    run(context, said)


def _init(context: Context, said: _Words) -> None:
    from xtask.image.evidence.trust import LOCAL_BUILDER  # noqa: PLC0415 - start-up
    from xtask.pipeline import trusting  # noqa: PLC0415

    signed = trusting.init(
        context.settings,
        datetime.now(UTC),
        holders=trusting.Holders(said.number or 1, said.threshold or 1),
        days=said.days or trusting.BUILD_DAYS,
        builder=said.builder or LOCAL_BUILDER,
    )
    context.output.note(
        f"private keys are in {context.settings.keys}: take those of the role `trust` to a safe "
        f"place, they are needed for `keys rotate` and `keys revoke` only\n"
        f"give {context.settings.workspace.trust} to whoever verifies: xtask keys trust FILE"
    )
    _show(context, signed)


def _list(context: Context, _: _Words) -> None:
    from xtask.pipeline.trusting import trusted  # noqa: PLC0415 - start-up

    _show(context, trusted(context.settings.workspace))


def _rotate(context: Context, said: _Words) -> None:
    from xtask.pipeline.trusting import rotate  # noqa: PLC0415 - start-up

    signed = rotate(
        context.settings,
        datetime.now(UTC),
        role=said.role or "build",
        key=said.key,
        days=said.days,
    )
    _show(context, signed)


def _revoke(context: Context, said: _Words) -> None:
    from xtask.pipeline.trusting import revoke  # noqa: PLC0415 - start-up

    _show(context, revoke(context.settings, key=said.what))


def _sign(context: Context, said: _Words) -> None:
    from xtask.pipeline.verifying.verify import document, sign  # noqa: PLC0415 - start-up

    progress = context.output.progress()
    found = sign(context.settings, progress, what=said.what, now=datetime.now(UTC))
    context.output.result(document(found), _lines(found))


def _trust(context: Context, said: _Words) -> None:
    from xtask.pipeline.trusting import adopt  # noqa: PLC0415 - start-up

    if not said.what:
        raise UsageError("`keys trust` needs the trust file to take over: xtask keys trust FILE")
    _show(context, adopt(context.settings, Path(said.what), datetime.now(UTC)))


def _show(context: Context, signed: SignedTrust | None) -> None:
    """Print whom this workspace believes."""
    from xtask.digest import sha256  # noqa: PLC0415 - start-up
    from xtask.pipeline.trusting import listed  # noqa: PLC0415

    rows = listed(context.settings, datetime.now(UTC))
    document = {
        "version": signed.trust.version if signed else 0,
        "digest": sha256(signed.file()) if signed else None,
        "threshold": dict(signed.trust.threshold) if signed else {},
        "keys": [
            {
                "id": row.key.id,
                "roles": list(row.key.roles),
                "not_after": row.key.not_after,
                "builder": row.key.builder,
                "is_here": row.is_here,
                "is_expired": row.is_expired,
            }
            for row in rows
        ],
    }
    header = ["KEY", "ROLE", "UNTIL", "HERE", "BUILDER"]
    lines = [
        [
            row.key.id[:16],
            " ".join(row.key.roles),
            row.key.not_after[:10] + (" over" if row.is_expired else ""),
            "yes" if row.is_here else "",
            row.key.builder,
        ]
        for row in rows
    ]
    text = "no key is trusted here: xtask keys init"
    if signed:
        asked = ", ".join(
            f"{number} of `{role}`" for role, number in signed.trust.threshold.items()
        )
        text = f"version {signed.trust.version}, asks for {asked}\n{document['digest']}\n"
        text += table(lines, header)
    context.output.result(document, text)


_ACTIONS: dict[str, tuple[Callable[[Context, _Words], None], tuple[str, ...]]] = {
    "init": (_init, ("days", "number", "threshold", "builder")),
    "list": (_list, ()),
    "rotate": (_rotate, ("role", "key", "days")),
    "revoke": (_revoke, ("what",)),
    "sign": (_sign, ("what",)),
    "trust": (_trust, ("what",)),
}
_OPTIONS = {"what": "WHAT", "number": "--keys"} | {
    name: f"--{name}" for name in ("role", "key", "days", "threshold", "builder")
}
COMMANDS = {
    "verify": Command(
        "check what is stored of a build, and who vouches for it",
        verify,
        (
            option(
                "what", metavar="WHAT", nargs="?", default="",
                help="a build id, a manifest hash or a release id (default: the latest build)",
            ),
            option("--trust", metavar="FILE", help="believe this trust file, and nobody else"),
            option(
                "--rebuild", action="store_true",
                help="also build it again, from what was kept of it alone, and compare",
            ),
        ),
    ),
    "keys": Command(
        "make, show, replace and use the keys that sign builds",
        keys,
        (
            option("action", metavar="ACTION", choices=tuple(_ACTIONS), help=", ".join(_ACTIONS)),
            option(
                "what", metavar="WHAT", nargs="?", default="",
                help="revoke: a key; sign: a build (default: the latest); trust: a trust file",
            ),
            option("--role", choices=("build", "trust"), default="", help="rotate: whose key"),
            option("--key", metavar="ID", default="", help="rotate: the key, if there are several"),
            option("--days", metavar="N", type=at_most(MAX_DAYS), help="init, rotate: its life"),
            option(
                "--keys", metavar="N", dest="number", type=at_most(_MAX_HOLDERS),
                help="init: how many of each role (default: 1)",
            ),
            option(
                "--threshold", metavar="N", type=at_most(_MAX_HOLDERS),
                help="init: how many have to sign (default: 1)",
            ),
            option("--builder", metavar="URI", help="init: the builder.id of what they sign"),
        ),
    ),
}  # fmt: skip
