"""The managers of a swarm: asked in turn until one that has a leader answers.

Everything that is asked of them has to bear being asked twice: where a manager dies before it has
answered, nobody knows whether it did what it was told.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, TypeVar

from xtask.errors import TargetError
from xtask.release import health
from xtask.release.docker.engine import knock, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker import APIClient  # type: ignore[import-untyped]

    from xtask.release.deployment import Site

Answered = TypeVar("Answered")
Found = dict[str, Any]
"""A service, a task, a node, a network, a config or a secret, in the words of the Engine API."""

PATIENCE_SECONDS: Final = 60.0  # a swarm that lost its leader accepts writes again after 25
_ANSWER_SECONDS: Final = 15
_PAUSE_SECONDS: Final = 0.5

# Status codes of the Engine are unreliable (no leader is 500), so its words decide.
_PASSING: Final = (
    "does not have a leader",
    "too few managers",
    "no elected leader",
    "deadline exceeded",
    "code = unavailable",
    "lost leader",
    "transport is closing",
)
_NO_MANAGER: Final = ("not a swarm manager", "not part of a swarm")
_UNREACHABLE: Final = (
    "name managers that run in `managers` of the environment, or set DOCKER_HOST to one; "
    "a single engine becomes a swarm with `docker swarm init`"
)


class Managers:
    """Managers of one swarm; the one that answered last is asked first."""

    def __init__(
        self, doing: str, addresses: tuple[str, ...], *, patience: float, clock: health.Clock
    ) -> None:
        self.doing = doing
        self.clock = clock
        self._addresses = list(addresses or ("",))
        self._patience = patience
        self._client: APIClient | None = None
        self._met = False

    def ask(self, question: Callable[[APIClient], Answered]) -> Answered:
        """Return what a manager answers.

        One that is down, or has no leader, is passed over for a while; where nobody has ever
        answered that is one round.

        Raises:
            TargetError: no manager answers, or the one that does refuses.
            docker.errors.NotFound: it does not have what is asked for.
        """
        import docker.errors  # type: ignore[import-untyped]  # noqa: PLC0415 - see `engine`
        import requests  # noqa: PLC0415

        deadline = self.clock.now() + self._patience
        rounds = 0
        while True:
            try:
                answer = question(self._connected())
            except docker.errors.NotFound:
                self._met = True
                raise
            except (docker.errors.DockerException, requests.RequestException, OSError) as error:
                if not self._passes(error):
                    raise refused(self.doing, error) from error
                rounds += 1
                self._turn()
                if rounds >= len(self._addresses):
                    if not self._met or self.clock.now() >= deadline:
                        raise self._unreachable(error) from error
                    self.clock.sleep(_PAUSE_SECONDS)
            else:
                self._met = True
                return answer

    def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connected(self) -> APIClient:
        knock(self._addresses[0], _ANSWER_SECONDS)
        if self._client is None:
            from docker import APIClient  # noqa: PLC0415 - see `engine`
            from docker.utils import kwargs_from_env  # type: ignore[import-untyped]  # noqa: PLC0415

            own = {"base_url": self._addresses[0]} if self._addresses[0] else {}
            self._client = APIClient(**(kwargs_from_env() | own), timeout=_ANSWER_SECONDS)
        return self._client

    def _turn(self) -> None:
        self.close()
        self._addresses.append(self._addresses.pop(0))

    def _passes(self, error: Exception) -> bool:
        """Return whether another manager, or the same one later, may answer."""
        import docker.errors  # noqa: PLC0415 - see `engine`
        import requests  # noqa: PLC0415

        said = str(error).lower()
        if not isinstance(error, docker.errors.APIError):
            # A read that timed out: there is a manager, which waits for others.
            self._met = self._met or isinstance(error, requests.ReadTimeout)
            return True
        if any(words in said for words in _NO_MANAGER):
            return True
        passing = any(words in said for words in _PASSING)
        self._met = self._met or passing
        return passing

    def _unreachable(self, error: Exception) -> TargetError:
        asked = ", ".join(sorted(each or "DOCKER_HOST" for each in self._addresses))
        said = getattr(error, "explanation", None) or error
        return TargetError(
            f"{self.doing}: no manager of a swarm answers at {asked} ({said})", help=_UNREACHABLE
        )


@contextlib.contextmanager
def managers(
    site: Site,
    doing: str,
    *,
    patience: float = PATIENCE_SECONDS,
    clock: health.Clock = health.SYSTEM_CLOCK,
) -> Iterator[Managers]:
    """Yield the managers of a site's swarm: those of its addresses, else of DOCKER_HOST.

    Raises:
        TargetError: the SDK is missing.
    """
    try:
        import docker  # noqa: F401, PLC0415 - 80 ms that other verbs do not pay
    except ImportError as error:
        raise TargetError(
            f"{doing}: {error}", help="install it: `pip install 'xtask[docker]'`"
        ) from error
    asked = Managers(doing, site.addresses, patience=patience, clock=clock)
    try:
        yield asked
    finally:
        asked.close()
