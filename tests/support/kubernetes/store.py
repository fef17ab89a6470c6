"""The objects of a cluster, with one version that grows with every change, and their history."""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Key(NamedTuple):
    """Where an object is; `namespace` is empty for those of the cluster."""

    plural: str
    namespace: str
    name: str


class Event(NamedTuple):
    """One change, as a watch tells it."""

    version: int
    type: str
    key: Key
    object: dict[str, Any]


@dataclass
class Store:
    """Objects by their key; `forgotten` is the version before which no watch can begin."""

    objects: dict[Key, dict[str, Any]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    version: int = 100
    forgotten: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def get(self, key: Key) -> dict[str, Any] | None:
        with self.changed:
            return copy.deepcopy(self.objects.get(key))

    def list(self, plural: str, namespace: str, labels: Mapping[str, str]) -> list[Any]:
        with self.changed:
            return [
                copy.deepcopy(each)
                for key, each in sorted(self.objects.items())
                if (key.plural, key.namespace) == (plural, namespace) and matches(each, labels)
            ]

    def put(self, key: Key, made: dict[str, Any]) -> dict[str, Any]:
        """Write an object, unless it says what is there."""
        with self.changed:
            live = self.objects.get(key)
            if live is not None and _same(live, made):
                return copy.deepcopy(live)
            self.version += 1
            metadata = made["metadata"]
            metadata["resourceVersion"] = str(self.version)
            metadata.setdefault("uid", f"uid-{self.version}")
            if "spec" in made and (live is None or live.get("spec") != made["spec"]):
                metadata["generation"] = metadata.get("generation", 0) + 1
            self.objects[key] = copy.deepcopy(made)
            self._tell("MODIFIED" if live else "ADDED", key, made)
            return copy.deepcopy(made)

    def delete(self, key: Key) -> dict[str, Any] | None:
        with self.changed:
            gone = self.objects.pop(key, None)
            if gone is not None:
                self.version += 1
                self._tell("DELETED", key, gone)
            return gone

    def since(self, version: int, plural: str, namespace: str) -> list[Event]:
        return [
            each
            for each in self.events
            if each.version > version
            and (each.key.plural, each.key.namespace) == (plural, namespace)
        ]

    def _tell(self, type_: str, key: Key, made: dict[str, Any]) -> None:
        self.events.append(Event(self.version, type_, key, copy.deepcopy(made)))
        self.changed.notify_all()


def matches(found: dict[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether an object carries all of these labels."""
    return labels.items() <= found["metadata"].get("labels", {}).items()


def _same(live: dict[str, Any], made: dict[str, Any]) -> bool:
    def content(each: dict[str, Any]) -> dict[str, Any]:
        metadata = {k: v for k, v in each["metadata"].items() if k != "resourceVersion"}
        return {**each, "metadata": metadata}

    return content(live) == content(made)
