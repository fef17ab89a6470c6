"""Layers and settings to an image: its config and its manifest, as canonical JSON in a layout.

OCI Image Specification 1.1, "Image Configuration" and "Image Manifest".
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xtask.digest import canonical_json
from xtask.errors import UntrustedError, XtaskError
from xtask.image.base.rootfs import APP_ID
from xtask.image.layout import CONFIG_TYPE, INDEX_TYPE, MANIFEST_TYPE
from xtask.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xtask.image.layer import Layer
    from xtask.image.layout import Layout

MAX_LAYERS = 120
"""Docker's graph drivers mount at most 125 layers; five are left to whoever builds on top."""

ENVIRONMENT = frozenset(
    {
        "HOME",
        "LANG",
        "LC_ALL",
        "PATH",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONFAULTHANDLER",
        "PYTHONNOUSERSITE",
        "PYTHONPATH",
        "PYTHONSAFEPATH",
        "PYTHONUNBUFFERED",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TZ",
    }
)
"""The variables that an image may set. Anything else is a deployment's business, or a secret."""

USER = f"{APP_ID}:{APP_ID}"
_PLATFORM = re.compile(r"(?P<os>[a-z]+)/(?P<architecture>[a-z0-9]+)(?:/(?P<variant>[a-z0-9]+))?")

# A date would change the image without a change of its content. Tools that sort by date want one,
# and this is the date that other reproducible builders have agreed on.
_CREATED = "1970-01-01T00:00:00Z"


class SecretError(XtaskError):
    """A variable, label or annotation of an image that looks like a secret."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """How a container of the image starts.

    A health check is not here: OCI has no field for it, and the target that runs the image asks.
    """

    entrypoint: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = USER
    working_dir: str = "/app"
    labels: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    platform: str = "linux/amd64"


@dataclass(frozen=True, slots=True)
class Image:
    """An image in a layout: the digest and the bytes of its manifest, and what that refers to.

    Of several platforms `digest` and `size` are of their index, the rest is of the first one by
    name, and `platforms` has the image of each.
    """

    digest: str
    config_digest: str
    size: int
    layers: tuple[Layer, ...]
    reference: str
    platforms: tuple[tuple[str, Image], ...] = ()

    @property
    def total_size(self) -> int:
        """Bytes of all layers."""
        return sum(layer.size for layer in self.layers)


def assemble(  # noqa: PLR0913 - what an image is made of
    layout: Layout,
    *,
    layers: Sequence[Layer],
    config: ImageConfig,
    annotations: Mapping[str, str],
    reference: str,
    expected: str | None = None,
) -> Image:
    """Write config and manifest of the layers, lowest first, and let `reference` name the image.

    An empty reference names nothing: the image becomes part of an index.

    Raises:
        UntrustedError: the image is not the `expected` one; the reference stays where it was.
        SecretError: a variable, label or annotation looks like a secret.
        XtaskError: too many layers, or a config that an image may not have.
    """
    if len(layers) > MAX_LAYERS:
        hint = "put several modules into one layer, see bucket()"
        raise XtaskError(f"{len(layers)} layers, an image may have {MAX_LAYERS}", help=hint)
    _refuse_secrets([*config.env.items(), *config.labels.items(), *annotations.items()])
    config_json = canonical_json(_config(config, layers))
    config_digest = layout.put_bytes(config_json)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _descriptor(CONFIG_TYPE, config_digest, len(config_json)),
        "layers": [_descriptor(one.media_type, one.digest, one.size) for one in layers],
        **({"annotations": dict(annotations)} if annotations else {}),
    }
    manifest_json = canonical_json(manifest)
    digest, size = layout.put_bytes(manifest_json), len(manifest_json)
    _require_same(digest, expected)
    if reference:
        layout.add_manifest(digest, size, reference)
    return Image(digest, config_digest, size, tuple(layers), reference)


def assemble_index(
    layout: Layout,
    images: Mapping[str, Image],
    *,
    annotations: Mapping[str, str],
    reference: str,
    expected: str | None = None,
) -> Image:
    """Write the index of the images of several platforms, and let `reference` name it.

    Raises:
        UntrustedError: the image is not the `expected` one; the reference stays where it was.
    """
    platforms = tuple(sorted(images.items()))
    manifests = [
        {**_descriptor(MANIFEST_TYPE, image.digest, image.size), "platform": _platform(platform)}
        for platform, image in platforms
    ]
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "manifests": manifests,
        **({"annotations": dict(annotations)} if annotations else {}),
    }
    data = canonical_json(index)
    digest = layout.put_bytes(data)
    _require_same(digest, expected)
    layout.add_manifest(digest, len(data), reference, media_type=INDEX_TYPE)
    first = platforms[0][1]
    return Image(digest, first.config_digest, len(data), first.layers, reference, platforms)


def _refuse_secrets(said: Sequence[tuple[str, str]]) -> None:
    """Refuse what the image would say of itself if one of its values looks like a secret."""
    for name, value in said:
        if redacted(value, {}) != value:
            hint = "give it to the running product as an environment variable"
            raise SecretError(f"`{name}` of the image holds what looks like a secret", help=hint)


def _require_same(digest: str, expected: str | None) -> None:
    if expected not in {None, digest}:
        raise UntrustedError(
            f"the image is {digest}, and the same input gave {expected} before",
            help="something that is not part of the manifest hash changed the image: report it",
        )


def bucket(names: Sequence[str], limit: int) -> list[list[str]]:
    """Return which names share a layer, for at most `limit` layers, in a stable order.

    While they fit, each name has its own layer, in the given order. Beyond that each name goes to
    the bucket that it and the bucket's number hash highest for (rendezvous hashing), so that one
    name more or less changes one bucket only.

    Raises:
        XtaskError: there is no room for even one layer.
    """
    if len(names) <= limit:
        return [[name] for name in names]
    if limit < 1:
        raise XtaskError(f"no layer is left for {len(names)} modules")
    buckets: list[list[str]] = [[] for _ in range(limit)]
    for name in names:
        weights = [_weight(name, number) for number in range(limit)]
        buckets[weights.index(max(weights))].append(name)
    return [members for members in buckets if members]


def _weight(name: str, number: int) -> bytes:
    return hashlib.sha256(f"{number}\0{name}".encode()).digest()


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest, "size": size}


def _config(config: ImageConfig, layers: Sequence[Layer]) -> dict[str, Any]:
    """Return the image configuration; no history, because no step of a build is worth a byte."""
    settings: dict[str, Any] = {
        "Entrypoint": list(config.entrypoint),
        "Env": [f"{name}={value}" for name, value in sorted(_allowed(config.env).items())],
        "User": _numeric_user(config.user),
        "WorkingDir": config.working_dir,
    }
    if config.labels:
        settings["Labels"] = dict(config.labels)
    if config.port is not None:
        settings["ExposedPorts"] = {f"{config.port}/tcp": {}}
    return {
        **_platform(config.platform),
        "created": _CREATED,
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
    }


def _allowed(env: Mapping[str, str]) -> Mapping[str, str]:
    if refused := sorted(set(env) - ENVIRONMENT):
        hint = "set it where the image is deployed"
        raise XtaskError(f"an image may not set {', '.join(refused)}", help=hint)
    return env


def _numeric_user(user: str) -> str:
    """Refuse names and root: an orchestrator can check `runAsNonRoot` for numbers only."""
    uid, _, gid = user.partition(":")
    if not (uid.isdecimal() and gid.isdecimal() and int(uid) and int(gid)):
        raise XtaskError(f"user {user!r} is not UID:GID with two numbers above 0")
    return user


def _platform(platform: str) -> dict[str, str]:
    match = _PLATFORM.fullmatch(platform)
    if match is None:
        raise XtaskError(f"platform {platform!r} is not like linux/amd64")
    return {name: part for name, part in match.groupdict().items() if part}
