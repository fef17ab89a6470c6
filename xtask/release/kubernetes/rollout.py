"""Whether the pods of a release have come up, watched to the end, and why not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from xtask.errors import TargetError, UntrustedError
from xtask.release import health
from xtask.release.kubernetes import names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xtask.release.deployment import Deployment
    from xtask.release.kubernetes.cluster import Cluster
    from xtask.release.kubernetes.objects import Manifest

_LOOK_SECONDS: Final = 1.0  # at the latest, when nothing is heard of a change
_REPAIR: Final = "what served before still does; repair the module, build and promote again"
_PUSH: Final = (
    "push it with `xtask build --push`, and let the nodes pull from [image] repository"
    " (`imagePullSecrets` of the ServiceAccount)"
)
# A kubelet that says one of these has tried before and goes on without an end.
_HOPELESS: Final = frozenset(
    {
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    }
)


@dataclass
class Rollout:
    """The pods of a release while they come up."""

    api: Cluster
    deployment: Deployment
    _version: str = field(default="", init=False)

    def await_ready(self, clock: health.Clock) -> None:
        """Return when every pod is ready, is this release, and answers its requests.

        Raises:
            TargetError: one has ended or cannot start, they are not ready in time, or answer
                something else; with the log of one.
            UntrustedError: a node runs another image than the one that was asked for.
        """
        watching = health.Clock(clock.now, self._await_change)
        within = self.deployment.configuration.ready_within
        try:
            health.wait_until(self._missing, within=within, clock=watching, interval=_LOOK_SECONDS)
        except TargetError as error:
            raise self._with_log(error) from error
        for pod in ready_pods(self.api, self.deployment):
            ask = self.api.ask(pod["metadata"]["name"])
            wrong = health.misidentified(ask, self.deployment)
            wrong = wrong or health.unanswered(ask, self.deployment.requests)
            if wrong is not None:
                raise self._with_log(TargetError(wrong))

    def _missing(self) -> str | None:
        """Return what is missing, `None` when nothing is.

        Raises:
            TargetError: waiting is no use.
            UntrustedError: see `await_ready`.
        """
        workload = self.api.find("Deployment", names.of_release(self.deployment))
        listed = self.api.list("Pod", names.release_labels(self.deployment))
        self._version, living = listed.version, _living(listed.items)
        for pod in living:
            _require_hope(pod)
            _require_image(pod, self.deployment)
        if workload is None:
            raise TargetError("somebody has deleted it")
        if _is_complete(workload):
            return None
        return self._unready(living) or _conditions(workload) or "its pods are not there yet"

    def _unready(self, pods: Iterable[Manifest]) -> str | None:
        """Return what the first pod that is not ready answers, or what keeps it."""
        for pod in pods:
            if is_ready(pod):
                continue
            if "running" in _container(pod).get("state", {}):
                return health.unready(self.api.ask(pod["metadata"]["name"]))
            return _conditions(pod) or _waiting(pod)
        return None

    def _await_change(self, seconds: float) -> None:
        wanted = names.release_labels(self.deployment)
        self.api.await_change("Pod", wanted, self._version, seconds=seconds)

    def _with_log(self, error: TargetError) -> TargetError:
        """Return the error with the last lines of a pod that is not well, else of any."""
        pods = _living(self.api.list("Pod", names.release_labels(self.deployment)).items)
        chosen = sorted(pods, key=is_ready)[:1]
        written = "".join(
            self.api.log(each["metadata"]["name"], previous=_was_restarted(each)) for each in chosen
        )
        log = f"its log ends:\n{written}" if written else "it logged nothing"
        subject = f"release {self.deployment.release_id}"
        said = self.deployment.masked(f"{subject}: {error.message}; {log}")
        return TargetError(said, help=error.help or _REPAIR)


def ready_pods(api: Cluster, deployment: Deployment) -> tuple[Manifest, ...]:
    """Return the pods of a release that may have traffic."""
    found = _living(api.list("Pod", names.release_labels(deployment)).items)
    return tuple(each for each in found if is_ready(each))


def is_ready(pod: Manifest) -> bool:
    """Return whether its node says that it may have traffic."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _is_complete(workload: Manifest) -> bool:
    """Return whether a Deployment is what it was told to be, as `kubectl rollout status` does."""
    wanted, status = workload["spec"].get("replicas", 1), workload.get("status") or {}
    return bool(
        status.get("observedGeneration", 0) >= workload["metadata"]["generation"]
        and status.get("updatedReplicas", 0) == wanted
        and status.get("replicas", 0) == wanted
        and status.get("availableReplicas", 0) == wanted
    )


def _living(pods: Iterable[Manifest]) -> list[Manifest]:
    return [each for each in pods if not each["metadata"].get("deletionTimestamp")]


def _container(pod: Manifest) -> dict[str, Any]:
    statuses = (pod.get("status") or {}).get("containerStatuses")
    return dict(statuses[0]) if statuses else {}


def _ended(pod: Manifest) -> dict[str, Any] | None:
    """Return how the container of a pod has ended, now or before it was restarted."""
    container = _container(pod)
    for state in (container.get("state"), container.get("lastState")):
        if state and state.get("terminated"):
            return dict(state["terminated"])
    return None


def _was_restarted(pod: Manifest) -> bool:
    return bool(_container(pod).get("lastState", {}).get("terminated"))


def _require_hope(pod: Manifest) -> None:
    """Raise TargetError when a pod has ended, or will never start."""
    waiting = _container(pod).get("state", {}).get("waiting") or {}
    if waiting.get("reason") in _HOPELESS:
        pulls = "Image" in waiting["reason"]
        raise TargetError(_waiting(pod), help=_PUSH if pulls else None)
    ended = _ended(pod)
    if ended is not None and not is_ready(pod):
        killed = " (killed: out of memory)" if ended.get("reason") == "OOMKilled" else ""
        raise TargetError(f"exited with code {ended.get('exitCode')}{killed}")


def _require_image(pod: Manifest, deployment: Deployment) -> None:
    known = {deployment.image_digest, deployment.config_digest, ""}
    if (runs := image_of(pod)) not in known:
        raise UntrustedError(
            f"a node runs {runs} as {deployment.image_reference}, not {deployment.image_digest}",
            help="look at the images of that node: `kubectl get pods --output wide`",
        )


def image_of(pod: Manifest) -> str:
    """Return the digest of the image that a pod runs, as its node says; empty while it does not."""
    container = _container(pod)
    is_running = "running" in container.get("state", {})
    return str(container.get("imageID", "")).rpartition("@")[2] if is_running else ""


def restarts(pods: Iterable[Manifest]) -> int:
    """Return how often containers of pods have ended and were started again."""
    return sum(_container(each).get("restartCount", 0) for each in pods)


def _waiting(pod: Manifest) -> str:
    waiting = _container(pod).get("state", {}).get("waiting") or {}
    said = ": ".join(filter(None, (waiting.get("reason"), waiting.get("message"))))
    return said or f"the pod {pod['metadata']['name']} has not started"


def _conditions(found: Manifest) -> str:
    """Return what keeps an object back, as whoever is responsible for it says."""
    bad = {("PodScheduled", "False"), ("ReplicaFailure", "True")}
    conditions = (found.get("status") or {}).get("conditions") or ()
    said = [each.get("message", "") for each in conditions if (each["type"], each["status"]) in bad]
    return said[0] if said else ""
