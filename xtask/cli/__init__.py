"""The command line: words to plain values, one call, one place where errors become exit codes.

argparse, because its import takes 5 ms where click's takes 45 (docs/decisions/0002).
"""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from xtask import __version__
from xtask.cli.command import Context
from xtask.cli.output import Output
from xtask.cli.verbs import VERBS, load
from xtask.errors import Interrupted, UsageError, XtaskError
from xtask.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from xtask.cli.command import Command

EXIT_BUG = 70


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    if argv is None:  # the process is ours
        # A verb lives for seconds and keeps what it reads: looking for cycles in it only costs
        # time, and most of all at the end, where the interpreter would look through everything.
        gc.disable()
        atexit.register(gc.freeze)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _interrupted)
        code = _run(sys.argv[1:])
        return code if code != Interrupted.exit_code else _leave(code)
    return _run(list(argv))


def _interrupted(number: int, frame: FrameType | None) -> None:
    """End what child processes do, so that nobody waits for them, and then as always."""
    from xtask.process import end_all  # noqa: PLC0415 - start-up

    end_all()
    signal.default_int_handler(number, frame)


def _leave(code: int) -> NoReturn:
    """End with what threads still wait for: somebody else's answer, which nobody wants now."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run(words: list[str]) -> int:
    output = Output(as_json="--json" in words)
    workspace = Path()
    try:
        arguments = vars(_parser(words).parse_args(words))
        command: Command = arguments.pop("command")
        workspace = Path(arguments.pop("workspace"))
        del arguments["json"]
        _require_folder(workspace)
        command.run(Context(read_settings(workspace), output), **arguments)
    except XtaskError as error:
        output.error(error)
        return error.exit_code
    except KeyboardInterrupt:
        output.error(Interrupted())
        return Interrupted.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        failed = XtaskError(f"{error.strerror or error}{place}")
        output.error(failed)
        return failed.exit_code
    except Exception as error:  # noqa: BLE001 - the one place where a bug is caught
        output.bug(error, workspace)
        return EXIT_BUG
    return 0


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are ours, so that they have one shape."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the words, after the usage line."""
        raise UsageError(f"{message}\n{self.format_usage().rstrip()}")


def _require_folder(workspace: Path) -> None:
    if not workspace.is_dir():
        raise UsageError(
            f"there is no folder {workspace}", help="--workspace names the folder of modules.toml"
        )


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Return a parser that knows the verb in `words`, or all verbs when there is none to see."""
    parser = _Parser(
        prog="xtask", description="Turns modules.toml into a released product.",
        epilog="`xtask VERB --help` describes a verb; `xtask explain CODE` an error.",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"xtask {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    wanted = words[0] if words and words[0] in VERBS else None
    for verb in VERBS if wanted is None else (wanted,):
        command = load(verb)
        _add(verbs.add_parser(verb, help=command.summary, description=command.summary), command)
    return parser


def _add(parser: argparse.ArgumentParser, command: Command) -> None:
    for option in command.options:
        parser.add_argument(*option.names, **option.how)
    parser.add_argument(
        "--workspace", metavar="DIR", default=".", help="folder of modules.toml (default: here)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.set_defaults(command=command)
