"""The controllers and the one node of a cluster: Deployments have pods, which are child processes.

What a pod is for is real: it starts, listens, becomes ready and ends. Its address is a port of this
machine, which only the cluster knows.
"""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support.kubernetes.store import Key, Store, matches
from tests.support.ports import free_port
from tests.support.restricted import violations
from xtask.digest import sha256_of
from xtask.release import health

if TYPE_CHECKING:
    from pathlib import Path

_MISSES = 3  # probes, of a pod that was ready
_TICK, _PROBE, _RESTART, _DRAIN = 0.02, 0.3, 10.0, 0.2  # seconds


class Image(NamedTuple):
    """What a registry has under a digest: a program, and the digest that a node finds it to be."""

    source: str
    digest: str


@dataclass
class Process:
    """What runs of a pod on this machine."""

    child: subprocess.Popen[bytes]
    port: int
    log: Path
    probed: float = 0.0
    restarts: int = 0
    misses: int = 0
    ended: tuple[int, float] | None = None


@dataclass
class Nodes:
    """Looks at the store in short turns and makes the world so; `images` is the registry."""

    store: Store
    folder: Path
    images: dict[str, Image] = field(default_factory=dict)
    processes: dict[Key, Process] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)
    _ending: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self) -> None:
        while not self._over.wait(_TICK):
            with self.store.changed:
                self._reconcile()

    def stop(self) -> None:
        self._over.set()
        running = [each.child for each in self.processes.values()]
        for child in (*running, *self._ending):
            child.kill()
            child.wait()

    def address(self, key: Key) -> int | None:
        """Return the port of this machine where a pod listens."""
        found = self.processes.get(key)
        return found.port if found and found.child.poll() is None else None

    def log(self, key: Key) -> str:
        found = self.processes.get(key)
        return found.log.read_text() if found else ""

    def _reconcile(self) -> None:
        objects = dict(self.store.objects)
        workloads = {key: each for key, each in objects.items() if key.plural == "deployments"}
        for key, pod in objects.items():
            if key.plural == "pods":
                self._tend(key, pod, workloads)
        for key, workload in workloads.items():
            self._scale(key, workload)
        for key, service in objects.items():
            if key.plural == "services":
                self._route(key, service)

    def _scale(self, key: Key, workload: dict[str, Any]) -> None:
        """Make the pods that a Deployment lacks, and say how far it is."""
        template, wanted = workload["spec"]["template"], workload["spec"].get("replicas", 1)
        mark = sha256_of(template)[7:17]
        problems = violations(template["spec"])
        for number in range(0 if problems else wanted):
            at = Key("pods", key.namespace, f"{key.name}-{mark}-{number}")
            if at not in self.store.objects:
                metadata = {"name": at.name, "namespace": at.namespace, **template["metadata"]}
                metadata |= {"ownerReferences": [{"kind": "Deployment", "name": key.name}]}
                pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
                self.store.put(at, {**pod, "spec": template["spec"], "status": {}})
        pods = [
            each
            for at, each in self.store.objects.items()
            if at.plural == "pods" and at.name.startswith(f"{key.name}-{mark}-")
        ]
        ready = sum(map(_is_ready, pods))
        status = {
            "observedGeneration": workload["metadata"]["generation"],
            "replicas": len(pods),
            "updatedReplicas": len(pods),
            "availableReplicas": ready,
        }
        if problems:
            said = {"type": "ReplicaFailure", "status": "True", "message": ", ".join(problems)}
            status["conditions"] = [said]
        self.store.put(key, {**workload, "status": status})

    def _tend(self, key: Key, pod: dict[str, Any], workloads: dict[Key, Any]) -> None:
        owner = workloads.get(Key("deployments", key.namespace, _owner(pod)))
        index = int(key.name.rpartition("-")[2])
        if owner is None or index >= owner["spec"].get("replicas", 1):
            self._end(key)
            return
        self.store.put(key, {**pod, "status": self._status(key, pod)})

    def _status(self, key: Key, pod: dict[str, Any]) -> dict[str, Any]:
        container = pod["spec"]["containers"][0]
        image = self.images.get(container["image"].rpartition("@")[2])
        if image is None:
            return _of(waiting={"reason": "ImagePullBackOff", "message": "not found"})
        running = self.processes.get(key)
        if running is None or (running.ended and time.monotonic() - running.ended[1] > _RESTART):
            running = self._start(key, container, image, after=running)
        if (code := running.child.poll()) is not None and running.ended is None:
            running.ended = code, time.monotonic()
        if running.ended:
            ended = {"exitCode": running.ended[0], "reason": "Error"}
            return _of(restarts=running.restarts, terminated=ended)
        was_ready = _is_ready(pod)
        now = time.monotonic()
        if now - running.probed < (_PROBE if was_ready else 0.05):
            return dict(pod["status"])
        running.probed = now
        answers = health.unready(health.at(running.port, timeout=0.5)) is None
        running.misses = 0 if answers else running.misses + 1
        is_ready = answers or (was_ready and running.misses < _MISSES)
        of_image = f"{container['image'].rpartition('@')[0]}@{image.digest}"
        return _of(restarts=running.restarts, running={}, image_id=of_image, is_ready=is_ready)

    def _start(
        self, key: Key, container: dict[str, Any], image: Image, *, after: Process | None
    ) -> Process:
        port, script = free_port(), self.folder / f"{key.name}.py"
        log = self.folder / f"{key.name}.log"
        script.write_text(image.source.replace('("0.0.0.0", 8000)', f'("127.0.0.1", {port})'))
        with log.open("ab") as stream:
            child = subprocess.Popen(
                [sys.executable, "-S", "-E", str(script)],
                env={"PATH": os.environ["PATH"], **self._environ(key, container)},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
            )
        made = Process(child, port, log, restarts=after.restarts + 1 if after else 0)
        self.processes[key] = made
        return made

    def _environ(self, key: Key, container: dict[str, Any]) -> dict[str, str]:
        """Return the variables of a container; paths of secrets are where those are here."""
        given, namespace = {}, key.namespace
        for source in container.get("envFrom", ()):
            at = Key("configmaps", namespace, source["configMapRef"]["name"])
            given |= self.store.objects[at]["data"]
        given |= {each["name"]: each["value"] for each in container.get("env", ())}
        path, folder = self._secrets(key)
        return {name: value.replace(path, folder) for name, value in given.items()}

    def _secrets(self, key: Key) -> tuple[str, str]:
        """Write the secrets of a pod as files; return where it looks, and where they are."""
        spec, folder = self.store.objects[key]["spec"], self.folder / f"{key.name}-secrets"
        mounts = {each["name"]: each["mountPath"] for each in spec["containers"][0]["volumeMounts"]}
        for volume in (each for each in spec["volumes"] if "secret" in each):
            folder.mkdir(exist_ok=True)
            at = Key("secrets", key.namespace, volume["secret"]["secretName"])
            for name, value in self.store.objects[at]["data"].items():
                (folder / name).write_bytes(base64.b64decode(value))
                (folder / name).chmod(volume["secret"]["defaultMode"])
        return mounts.get("secrets", "/run/secrets"), str(folder)

    def _end(self, key: Key) -> None:
        """Take a pod from its Services, and let it end what it has begun."""
        self.store.delete(key)
        if found := self.processes.pop(key, None):
            self._ending.append(found.child)
            timer = threading.Timer(_DRAIN, _terminate, (found.child,))
            timer.daemon = True
            timer.start()

    def _route(self, key: Key, service: dict[str, Any]) -> None:
        selector = service["spec"].get("selector") or {}
        endpoints = [
            {
                "addresses": ["10.0.0.1"],
                "conditions": {"ready": True},
                "targetRef": {"kind": "Pod", "name": at.name},
            }
            for at, pod in sorted(self.store.objects.items())
            if (at.plural, at.namespace) == ("pods", key.namespace)
            and matches(pod, selector)
            and _is_ready(pod)
        ]
        labels = {"kubernetes.io/service-name": key.name}
        made = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": key.name, "namespace": key.namespace, "labels": labels},
            "addressType": "IPv4",
            "endpoints": endpoints,
        }
        at = Key("endpointslices", key.namespace, key.name)
        live = self.store.objects.get(at, {"metadata": {}})
        self.store.put(at, {**made, "metadata": {**live["metadata"], **made["metadata"]}})


def _of(
    *, restarts: int = 0, image_id: str = "", is_ready: bool = False, **state: dict[str, Any]
) -> dict[str, Any]:
    container = {"name": "app", "ready": is_ready, "state": state, "imageID": image_id}
    container["restartCount"] = restarts
    ready = {"type": "Ready", "status": "True" if is_ready else "False"}
    return {"conditions": [ready], "containerStatuses": [container]}


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)


def _owner(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["ownerReferences"][0]["name"])


def _terminate(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
