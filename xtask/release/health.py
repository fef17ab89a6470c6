"""Asking a release over loopback HTTP whether it is ready and who it is, with an injected clock."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from xtask.errors import TargetError
from xtask.release.deployment import READY_PATH, RELEASE_PATH, Observed

if TYPE_CHECKING:
    from collections.abc import Callable

    from xtask.release.deployment import Deployment

_BODY_LIMIT: Final = 1 << 16  # bytes
_SHOWN_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds that only go forward, and a way to let them pass."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


SYSTEM_CLOCK: Final = Clock()


class Answer(NamedTuple):
    """One HTTP answer, or status 0 and the reason why there was none."""

    status: int
    text: str


def get(port: int, path: str, *, timeout: float = 2.0) -> Answer:
    """Return what `http://127.0.0.1:<port><path>` answers within `timeout` seconds per read.

    `http.client` and not `urllib`: a proxy named in the environment must never see loopback.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        response = connection.getresponse()
        return Answer(response.status, response.read(_BODY_LIMIT).decode(errors="replace"))
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, str(error) or type(error).__name__)
    finally:
        connection.close()


def wait_until(
    done: Callable[[], str | None], *, within: float, clock: Clock, interval: float = 0.05
) -> None:
    """Ask `done` until it returns `None`; a text says what is still missing.

    Raises:
        TargetError: `within` seconds have passed; its message ends with the last text.
    """
    deadline = clock.now() + within
    while (missing := done()) is not None:
        if clock.now() >= deadline:
            raise TargetError(f"not ready after {within:g} s: {missing}")
        clock.sleep(interval)


def unready(port: int, path: str) -> str | None:
    """Return `None` when `path` answers 200, else what it answered."""
    answer = get(port, path)
    return None if answer.status == http.client.OK else f"{path}: {_shown(answer)}"


def misidentified(port: int, deployment: Deployment) -> str | None:
    """Return `None` when the port answers as exactly this deployment, else who it says it is."""
    seen = _claim(get(port, RELEASE_PATH), deployment.app)
    if seen == _Claim(deployment.release_id, deployment.image_digest):
        return None
    found = seen.problem or f"release {seen.release_id}, image {seen.image_digest}"
    return (
        f"expected release {deployment.release_id}, image {deployment.image_digest}; found {found}"
    )


def observe(app: str, port: int) -> Observed | None:
    """Return what answers on `port`, `None` when nothing does.

    A foreign program, or another app, is seen as unhealthy and without an identity.
    """
    answer = get(port, RELEASE_PATH)
    if answer.status == 0:
        return None
    seen = _claim(answer, app)
    problem = seen.problem or unready(port, READY_PATH)
    return Observed(
        seen.release_id, seen.image_digest, healthy=problem is None, detail=problem or "ready"
    )


class _Claim(NamedTuple):
    """Who a program says it is, or why that cannot be told."""

    release_id: str = ""
    image_digest: str = ""
    problem: str = ""


def _claim(answer: Answer, app: str) -> _Claim:
    try:
        said = json.loads(answer.text) if answer.status == http.client.OK else None
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return _Claim(problem=f"{RELEASE_PATH}: {_shown(answer)}")
    if said.get("app", app) != app:
        return _Claim(problem=f"the port belongs to another app, {said['app']!r}")
    return _Claim(str(said.get("release_id", "")), str(said.get("image_digest", "")))


def _shown(answer: Answer) -> str:
    line = answer.text.strip().partition("\n")[0][:_SHOWN_CHARACTERS]
    return f"HTTP {answer.status} {line}".rstrip() if answer.status else line
