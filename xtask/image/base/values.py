"""What an image stands on, whatever kind of base it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from xtask.errors import XtaskError
from xtask.image.layer import Layer

if TYPE_CHECKING:
    from collections.abc import Mapping


class BaseError(XtaskError):
    """A base that no product can stand on."""


@dataclass(frozen=True, slots=True)
class Base:
    """A Python for one platform, in layers that go into an image as they are.

    `digest` is its identity: of its manifest, or the diff ID of the one layer that was packed here.
    """

    digest: str
    platform: str
    python: str
    """Its version, such as `3.12.7`."""
    executable: str
    """Where it lies in the image."""
    libc: str
    """The C library that wheels have to fit, such as `glibc 2.36` or `musl 1.2`."""
    layers: tuple[Layer, ...]
    env: tuple[tuple[str, str], ...] = ()
    """What an image keeps of the base's environment."""
    machine_local: bool = False
    """Only the machine that packed it has these bytes."""
    has_bytecode: bool = False
    """It is the Python that runs xtask, and so compiled modules fit."""

    @property
    def minor(self) -> str:
        """The part of its version that decides what fits: `3.12`."""
        return ".".join(self.python.split(".")[:2])

    def document(self) -> dict[str, Any]:
        """Return the base as a JSON value."""
        return asdict(self)


def read_base(document: Mapping[str, Any]) -> Base:
    """Return the base that `Base.document` has described.

    Raises:
        KeyError, TypeError: it has not.
    """
    layers = tuple(Layer(**layer) for layer in document["layers"])
    env = tuple((name, value) for name, value in document["env"])
    return Base(**{**document, "layers": layers, "env": env})
