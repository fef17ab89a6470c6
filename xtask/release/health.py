"""Asking a release over HTTP whether it is ready and who it is, with an injected clock."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from xtask.errors import TargetError
from xtask.release.deployment import READY_PATH, RELEASE_PATH, Observed, Request

if TYPE_CHECKING:
    from collections.abc import Iterable

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


Ask = Callable[[str], Answer]
"""Asks one program for a path, in whatever way it can be reached."""


def at(port: int, host: str = "127.0.0.1", *, timeout: float = 2.0) -> Ask:
    """Return how to ask what listens on a port; a read may take `timeout` seconds.

    `http.client` and not `urllib`: a proxy named in the environment must never see it.
    """

    def ask(path: str) -> Answer:
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            response = connection.getresponse()
            return Answer(response.status, response.read(_BODY_LIMIT).decode(errors="replace"))
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, str(error) or type(error).__name__)
        finally:
            connection.close()

    return ask


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


def unready(ask: Ask) -> str | None:
    """Return `None` when it says that it is ready, else what it answers."""
    return _unfulfilled(ask, Request(READY_PATH))


def unanswered(ask: Ask, requests: Iterable[Request]) -> str | None:
    """Return `None` when each request is answered as it should be, else what the first is not."""
    return next((wrong for each in requests if (wrong := _unfulfilled(ask, each))), None)


def misidentified(ask: Ask, deployment: Deployment) -> str | None:
    """Return `None` when exactly this deployment answers, else who it says it is."""
    seen = _claim(ask(RELEASE_PATH), deployment.site.app)
    if seen == _Claim(deployment.release_id, deployment.image_digest):
        return None
    found = seen.problem or f"release {seen.release_id}, image {seen.image_digest}"
    return (
        f"expected release {deployment.release_id}, image {deployment.image_digest}; found {found}"
    )


def observe(ask: Ask, app: str, requests: Iterable[Request] = ()) -> Observed | None:
    """Return what answers, `None` when nothing does.

    A foreign program, or another app, is seen as unhealthy and without an identity.
    """
    answer = ask(RELEASE_PATH)
    if answer.status == 0:
        return None
    seen = _claim(answer, app)
    problem = seen.problem or unready(ask) or unanswered(ask, requests)
    return Observed(
        seen.release_id, seen.image_digest, healthy=problem is None, detail=problem or "ready"
    )


def _unfulfilled(ask: Ask, request: Request) -> str | None:
    answer = ask(request.path)
    if answer.status != request.status:
        return f"{request.path}: {_shown(answer)}"
    if request.contains not in answer.text:
        return f"{request.path}: its answer does not contain {request.contains!r}"
    return None


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
