"""The connection to a Kubernetes API server, asked with plain JSON through the official client.

A kubeconfig and its context say where and as whom, or the account of the pod in which xtask runs.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from xtask.errors import TargetError
from xtask.release import health
from xtask.release.deployment import LISTEN_PORT
from xtask.release.kubernetes import names
from xtask.release.kubernetes.refusals import owners, refused, unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xtask.release.deployment import Site
    from xtask.release.kubernetes.objects import Manifest

_PATHS: Final = {
    "Namespace": "/api/v1/namespaces",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Service": "/api/v1/namespaces/{}/services",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
}
_APPLY: Final = "application/apply-patch+yaml"  # of which JSON is a part
_CONNECT_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 30.0
_LOG_LINES: Final = 20
_BODY_LIMIT: Final = 1 << 16

# A request that is given again does no harm here: names, versions and managers are in each.
_TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})
_CONFLICT: Final = 409
_PATIENCE_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.2

_INSTALL: Final = "install it: `pip install 'xtask[kubernetes]'`"
_CONTEXTS: Final = "`kubectl config get-contexts` shows which there are; KUBECONFIG names the file"


class Listing(NamedTuple):
    """Objects in order of their names, and the version of all of them together."""

    items: tuple[Manifest, ...]
    version: str


@dataclass(frozen=True)
class Cluster:
    """An API server and the namespace of one environment there."""

    client: Any
    namespace: str

    def find(self, kind: str, name: str) -> Manifest | None:
        """Return an object, `None` when there is none of that name."""
        answer = self._call("GET", f"{self._path(kind)}/{name}", absent=True)
        return self._json(answer)

    def list(self, kind: str, wanted: Mapping[str, str]) -> Listing:
        """Return the objects that carry all of these labels."""
        answer = self._call("GET", self._path(kind), {"labelSelector": _selector(wanted)})
        found = self._json(answer) or {}
        items = sorted(found.get("items", ()), key=lambda each: str(each["metadata"]["name"]))
        return Listing(tuple(items), str(found["metadata"]["resourceVersion"]))

    def apply(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Make an object what the manifest says, as one manager of its fields among others.

        Raises:
            Outdated: the manifest is for another version of the object.
            TargetError: somebody else owns a field and wants it otherwise.
        """
        query = {"fieldManager": names.MANAGER, "force": "false"}
        if dry_run:
            query["dryRun"] = "All"
        path = f"{self._path(manifest['kind'])}/{manifest['metadata']['name']}"
        return self._json(self._call("PATCH", path, query, manifest)) or {}

    def delete(self, kind: str, name: str) -> None:
        """Delete an object, which need not exist, and what belongs to it."""
        query = {"propagationPolicy": "Background"}
        self._call("DELETE", f"{self._path(kind)}/{name}", query, absent=True)

    def await_change(
        self, kind: str, wanted: Mapping[str, str], version: str, *, seconds: float
    ) -> None:
        """Return when something has changed since `version`, or after some seconds.

        A watch that is dropped, or that the server cannot begin so far back (410), has told
        nothing: whoever waits looks again either way.
        """
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - see `cluster`

        query = {
            "watch": "true",
            "labelSelector": _selector(wanted),
            "resourceVersion": version,
            "timeoutSeconds": str(math.ceil(seconds)),
        }
        end = time.monotonic() + seconds
        try:
            answer = self._send("GET", self._path(kind), query, timeout=seconds)
            with contextlib.closing(answer.response):
                line = answer.response.read1(_BODY_LIMIT)
        except (HTTPError, OSError):
            line = b""
        if b'"ERROR"' in line or not line:
            time.sleep(min(_PAUSE_SECONDS, max(0.0, end - time.monotonic())))

    def log(self, pod: str, *, previous: bool) -> str:
        """Return the last lines that a pod has written, or that it did before it was restarted.

        Where there is no log, that is no error: it is asked for when something else went wrong.
        """
        query = {"tailLines": str(_LOG_LINES), "previous": str(previous).lower()}
        try:
            answer = self._call("GET", f"{self._path('Pod')}/{pod}/log", query)
        except TargetError:
            return ""
        return str(answer.data.decode(errors="replace")).rstrip()

    def ask(self, pod: str) -> health.Ask:
        """Return how to ask a pod over HTTP, through the server and before it has traffic."""
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - see `cluster`

        def ask(path: str) -> health.Answer:
            place = f"{self._path('Pod')}/{pod}:{LISTEN_PORT}/proxy{path}"
            try:
                answer = self._send("GET", place, {}, timeout=_CONNECT_SECONDS)
                text = answer.read()[:_BODY_LIMIT].decode(errors="replace")
            except (HTTPError, OSError) as error:
                return health.Answer(0, str(error))
            return health.Answer(answer.status, text)

        return ask

    def knock(self) -> None:
        """Ask who is there, once: what does not answer at all is not waited for."""
        answer = self._send("GET", "/version", {}, timeout=_CONNECT_SECONDS)
        answer.read()

    def _path(self, kind: str) -> str:
        return _PATHS[kind].format(self.namespace)

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        *,
        absent: bool = False,
    ) -> Any:  # noqa: ANN401 - the client's answer
        """Return the answer, `None` for an object that may be absent and is."""
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - see `cluster`

        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                answer = self._send(method, path, query or {}, body, timeout=_ANSWER_SECONDS)
                answer.read()
            except HTTPError:
                if time.monotonic() >= end:
                    raise
            else:
                if time.monotonic() >= end or not _may_pass(answer, body):
                    return _good(answer, path, absent=absent)
            time.sleep(_PAUSE_SECONDS)

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Manifest | None = None,
        *,
        timeout: float,
    ) -> Any:  # noqa: ANN401 - the client's answer
        request = self.client.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params={"Accept": "*/*"} | ({"Content-Type": _APPLY} if body else {}),
            body=body,
            auth_settings=["BearerToken"],
        )
        return self.client.call_api(*request, _request_timeout=(_CONNECT_SECONDS, timeout))

    def _json(self, answer: Any) -> Manifest | None:  # noqa: ANN401 - the client's answer
        return None if answer is None else json.loads(answer.data)


@contextlib.contextmanager
def cluster(site: Site, doing: str) -> Iterator[Cluster]:
    """Yield the cluster of a site; any error of it inside becomes one that begins with `doing`.

    Raises:
        TargetError: the client is missing, there is no such context, the server is not reachable,
            refuses, or somebody else owns what has to be changed.
    """
    try:
        from kubernetes.client.exceptions import ApiException  # noqa: PLC0415 - 500 ms
        from urllib3.exceptions import HTTPError  # noqa: PLC0415
    except ImportError as error:
        raise TargetError(f"{doing}: {error}", help=_INSTALL) from error
    try:
        with _client(site, doing) as client:
            found = Cluster(client, names.namespace(site))
            found.knock()
            yield found
    except (HTTPError, ApiException, OSError) as error:
        raise unreachable(doing, error) from error


def _client(site: Site, doing: str) -> Any:  # noqa: ANN401 - see the module
    from kubernetes import client, config  # noqa: PLC0415 - see `cluster`

    settings = client.Configuration()
    try:
        _load(config, settings, site.addresses[0] if site.addresses else None)
    except (config.ConfigException, OSError, ValueError) as error:
        raise TargetError(f"{doing}: {error}", help=_CONTEXTS) from error
    settings.retries = False  # ours know what may be repeated
    return client.ApiClient(settings)


def _load(config: Any, settings: Any, context: str | None) -> None:  # noqa: ANN401 - see the module
    """Read where the cluster is; the client itself looks at KUBECONFIG only when it is imported."""
    path = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    in_pod = "KUBERNETES_SERVICE_HOST" in os.environ and not Path(path).exists()
    if in_pod and context is None:
        config.load_incluster_config(client_configuration=settings)
    else:
        config.load_kube_config(path, context=context, client_configuration=settings)


def _may_pass(answer: Any, body: Manifest | None) -> bool:  # noqa: ANN401 - the client's answer
    """Return whether the same request may be answered otherwise in a moment."""
    if answer.status in _TRANSIENT:
        return True
    is_ours = body is not None and "resourceVersion" not in body["metadata"]
    return is_ours and answer.status == _CONFLICT and not owners(answer.data)


def _good(answer: Any, path: str, *, absent: bool) -> Any:  # noqa: ANN401 - the client's answer
    """Return an answer that is none of an error."""
    if answer.status < 300:  # noqa: PLR2004 - RFC 9110
        return answer
    if answer.status == 404 and absent:  # noqa: PLR2004
        return None
    raise refused(answer.status, answer.data, "/".join(path.split("/")[-2:]))


def _selector(wanted: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(wanted.items()))
