"""A release as a file for other deployers: the same input gives the same bytes, without secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from xtask.release.rendering import compose, manifests, swarm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from xtask.release.deployment import Deployment


class Format(NamedTuple):
    """A kind of file: what it is called, and what its YAML documents are."""

    file: str
    documents: Callable[[Deployment], Iterable[dict[str, Any]]]


class Rendered(NamedTuple):
    """A file: its usual name and its content."""

    name: str
    content: bytes


FORMATS: Final[Mapping[str, Format]] = {
    "kubernetes": Format("kubernetes.yaml", manifests.documents),
    "compose": Format("compose.yaml", compose.documents),
    "swarm": Format("stack.yaml", swarm.documents),
}


def render(deployment: Deployment, form: str) -> Rendered:
    """Return the file of a release in one of `FORMATS`.

    Raises:
        UsageError: its configuration cannot be said in that format.
    """
    wanted = FORMATS[form]
    return Rendered(wanted.file, _yaml(wanted.documents(deployment)))


def _yaml(documents: Iterable[dict[str, Any]]) -> bytes:
    import yaml  # noqa: PLC0415 - start-up

    class Plain(yaml.SafeDumper):
        """Writes equal values twice, since few readers expect references."""

        def ignore_aliases(self, _data: object) -> bool:
            return True

    text: str = yaml.dump_all(
        documents, Dumper=Plain, sort_keys=False, allow_unicode=True, explicit_start=True, width=100
    )
    return text.encode()
