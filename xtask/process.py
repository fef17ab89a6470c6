"""Running a child process: an argument list, never a shell; output captured; a time limit.

Interrupts end all of them at once, also those that a thread waits for.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Self
from weakref import WeakSet

from xtask.errors import Interrupted, XtaskError
from xtask.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_TAIL_LINES = 40
_running: WeakSet[subprocess.Popen[str]] = WeakSet()
_over = False


class ProcessError(XtaskError):
    """A child process failed; `output` is what it said, without secrets; the message its end."""

    def __init__(self, program: str, *, reason: str, output: str) -> None:
        output = redacted(output)
        tail = "\n".join(output.strip().splitlines()[-_TAIL_LINES:])
        super().__init__(f"{program} {reason}" + (f"\n{tail}" if tail else ""))
        self.output = output


class Child:
    """A child process that runs already and is told later what to do; a context that ends it."""

    def __init__(
        self, argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        """Start `argv`; see `run`.

        Raises:
            ProcessError: it cannot be started.
        """
        self._program = argv[0].rsplit("/", 1)[-1]
        try:
            self._process = ended_by_interrupts(
                subprocess.Popen(
                    argv,
                    cwd=cwd,
                    env=env,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                )
            )
        except OSError as error:
            raise ProcessError(
                self._program, reason=f"cannot be started: {error.strerror}", output=""
            ) from error

    def finish(self, stdin: str = "", *, timeout: float = 600) -> str:
        """Give it its standard input and return its standard output once it has ended.

        Raises:
            ProcessError: it took too long, or exited with another code than 0.
        """
        try:
            output, errors = self._process.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired as error:
            said = (error.stderr or b"").decode(errors="replace")
            raise ProcessError(
                self._program, reason=f"took longer than {timeout:g} s", output=said
            ) from error
        require_going()
        if code := self._process.returncode:
            said = errors or output
            raise ProcessError(self._program, reason=f"failed with exit code {code}", output=said)
        return output

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # which does nothing to one that has ended
        self._process.__exit__(None, None, None)


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
    with Child(argv, cwd=cwd, env=env) as child:
        return child.finish(stdin or "", timeout=timeout)


def ended_by_interrupts(child: subprocess.Popen[str]) -> subprocess.Popen[str]:
    """Return a child that `end_all` ends too, whoever waits for it.

    Raises:
        Interrupted: that was called before.
    """
    _running.add(child)
    try:
        require_going()
    except Interrupted:
        child.kill()
        raise
    return child


def require_going() -> None:
    """Do nothing, unless somebody has interrupted this program.

    Raises:
        Interrupted: they have.
    """
    if _over:
        raise Interrupted


def end_all() -> None:
    """Kill all children, because this program ends; none is started any more."""
    global _over  # noqa: PLW0603 - there is one program
    _over = True
    for child in tuple(_running):
        child.kill()
