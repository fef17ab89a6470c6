"""Running a child process: an argument list, never a shell; output captured; a time limit."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from xtask.errors import XtaskError
from xtask.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_TAIL_LINES = 40


class ProcessError(XtaskError):
    """A child process failed; `output` is what it said, without secrets; the message its end."""

    def __init__(self, program: str, *, reason: str, output: str) -> None:
        output = redacted(output)
        tail = "\n".join(output.strip().splitlines()[-_TAIL_LINES:])
        super().__init__(f"{program} {reason}" + (f"\n{tail}" if tail else ""))
        self.output = output


def run(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float = 600,
) -> str:
    """Run `argv` to its end and return its standard output as text.

    Args:
        argv: program and arguments.
        cwd: folder to run in, default this process's.
        env: the whole environment of the child, default this process's.
        stdin: text given to the child, default nothing.
        timeout: seconds before the child is killed.

    Raises:
        ProcessError: it cannot be started, took too long, or exited with another code than 0.
    """
    program = argv[0].rsplit("/", 1)[-1]
    try:
        done = subprocess.run(
            argv,
            cwd=cwd,
            env=env,
            input=stdin or "",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except OSError as error:
        raise ProcessError(
            program, reason=f"cannot be started: {error.strerror}", output=""
        ) from error
    except subprocess.TimeoutExpired as error:
        said = (error.stderr or b"").decode(errors="replace")
        raise ProcessError(
            program, reason=f"took longer than {timeout:g} s", output=said
        ) from error
    if done.returncode != 0:
        said = done.stderr or done.stdout
        raise ProcessError(program, reason=f"failed with exit code {done.returncode}", output=said)
    return done.stdout
