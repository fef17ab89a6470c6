"""Bases that every machine can have: the layers of an image, verified and looked into once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtask.digest import canonical_json, hex_of, sha256_file, sha256_of_files
from xtask.errors import UntrustedError
from xtask.files import write_atomic
from xtask.image.base.values import Base, BaseError, read_base
from xtask.image.layer import Layer
from xtask.image.layout import GZIP_LAYER_TYPE, LAYER_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from xtask.image.base.tree import Content, Tree
    from xtask.image.layout import Layout

# A layer of Docker's own manifests is the same tar under another name; a manifest has one language.
_TYPES = {
    LAYER_TYPE: LAYER_TYPE,
    GZIP_LAYER_TYPE: GZIP_LAYER_TYPE,
    "application/vnd.docker.image.rootfs.diff.tar": LAYER_TYPE,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": GZIP_LAYER_TYPE,
}
# What says where programs are and how text is written; anything else is a deployment's business.
_KEPT = ("LANG", "LC_ALL", "PATH", "SSL_CERT_DIR", "SSL_CERT_FILE", "TZ")
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MAX_VALUE = 4096
_MAX_FILE = 256 << 20
# What decides what is found in a base: another version of them looks again.
_RECIPE = ("changeset", "elf", "inspection", "portable", "tree", "values")


def portable_base(layout: Layout, cache: Path, manifest: str, platform: str) -> Base:
    """Return the base that an image in the layout is.

    Its layers are unpacked once, to prove that they are what its config says and to find its
    Python; what was found is remembered by the digest, which stands for all of it.

    Args:
        layout: where the image is, every blob of it.
        cache: folder for what can be thrown away.
        manifest: the digest of its manifest.
        platform: the one that it has to be for, such as `linux/arm64`.

    Raises:
        UntrustedError: a blob is missing, altered, or not what another one says of it.
        BaseError: it is an image that no product can stand on.
    """
    record = cache / "base" / f"{hex_of(manifest)}.{_recipe()}.json"
    base = _recall(record, layout)
    if base is None:
        base = _looked_into(layout, manifest)
        write_atomic(record, canonical_json(base.document()))
    if base.platform != platform:
        raise BaseError(
            f"the base is for {base.platform}, not for {platform}",
            help="name one for the platforms in `[build] target`",
        )
    return base


def read_tree(layout: Layout, layers: Sequence[Layer]) -> Tree:
    """Return what a container of these layers sees, after proving that each one is what it should.

    Raises:
        UntrustedError: a blob is altered, is no layer, or unpacks to something else.
    """
    from xtask.image.base.changeset import Changeset  # noqa: PLC0415 - for bases that are new
    from xtask.image.base.tree import Tree  # noqa: PLC0415

    tree = Tree()
    for number, layer in enumerate(layers):
        name = f"layer {number} of the base"
        path = layout.path(layer.digest)
        if not path.is_file() or path.stat().st_size != layer.size:
            raise UntrustedError(f"{name} is missing or cut off: {layer.digest}")
        if sha256_file(path) != layer.digest:
            raise UntrustedError(f"{name} does not have the bytes of its digest {layer.digest}")
        with path.open("rb") as stream:
            changes = Changeset(stream, name, compressed=layer.media_type == GZIP_LAYER_TYPE)
            for member in changes.members():
                tree.apply(number, member)
            if changes.diff_id != layer.diff_id:
                raise UntrustedError(
                    f"{name} unpacks to {changes.diff_id}, and its config says {layer.diff_id}"
                )
    return tree


def read_contents(
    layout: Layout, layers: Sequence[Layer], wanted: Iterable[Content]
) -> dict[Content, bytes]:
    """Return the bytes of files by where they are; of layers that were verified before."""
    from xtask.image.base.changeset import Changeset  # noqa: PLC0415 - see above

    left = set(wanted)
    found: dict[Content, bytes] = {}
    for number, layer in enumerate(layers):
        here = {content.path: content for content in left if content.layer == number}
        if not here:
            continue
        compressed = layer.media_type == GZIP_LAYER_TYPE
        with layout.path(layer.digest).open("rb") as stream:
            changes = Changeset(stream, f"layer {number} of the base", compressed=compressed)
            for member in changes.members():
                if (content := here.get(member.path)) is None:
                    continue
                if member.size > _MAX_FILE:
                    raise BaseError(f"{member.path} of the base has {member.size} bytes")
                found[content] = b"".join(changes.content())
    return found


def _recipe() -> str:
    here = Path(__file__).parent
    return hex_of(sha256_of_files(here / f"{module}.py" for module in _RECIPE))[:16]


def _recall(record: Path, layout: Layout) -> Base | None:
    try:
        base = read_base(json.loads(record.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return base if all(layout.has(layer.digest) for layer in base.layers) else None


def _looked_into(layout: Layout, manifest: str) -> Base:
    from xtask.image.base.inspection import find_python  # noqa: PLC0415 - for bases that are new

    described, config = layout.read_image(manifest)
    layers = _layers(described, config)
    system, architecture = config.get("os"), config.get("architecture")
    if not (isinstance(system, str) and isinstance(architecture, str)):
        raise UntrustedError(f"config of the base {manifest} names no platform")
    env = _environment(config)
    tree = read_tree(layout, layers)
    found = find_python(
        tree, env, architecture, lambda wanted: read_contents(layout, layers, wanted)
    )
    return Base(
        digest=manifest,
        platform=f"{system}/{architecture}",
        python=found.version,
        executable=found.executable,
        libc=found.libc,
        layers=layers,
        env=_kept(env, found.executable),
    )


def _layers(manifest: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[Layer, ...]:
    """Return the layers as an image refers to them, or refuse a kind that not every engine takes.

    Raises:
        BaseError: a layer is compressed in another way, or may not be copied.
        UntrustedError: manifest or config are not what they should be.
    """
    found = []
    try:
        diff_ids = [str(diff_id) for diff_id in config["rootfs"]["diff_ids"]]
        for described, diff_id in zip(manifest["layers"], diff_ids, strict=True):
            media_type, size = described["mediaType"], described["size"]
            if media_type not in _TYPES:
                raise _unusable(media_type)
            if not isinstance(size, int):
                raise UntrustedError("a layer of the base has no size")
            found.append(Layer(diff_id, str(described["digest"]), size, _TYPES[media_type]))
    except (KeyError, TypeError, ValueError) as error:
        raise UntrustedError("manifest or config of the base is not one of an image") from error
    return tuple(found)


def _unusable(media_type: object) -> BaseError:
    kind = str(media_type)[:100]
    if kind.endswith("zstd"):
        return BaseError(
            "the base has a layer in zstd, which older engines cannot read",
            help="copy it with gzip: `skopeo copy --dest-compress-format gzip`, and name the copy",
        )
    return BaseError(f"the base has a layer of type {kind}", help="name another base image")


def _environment(config: Mapping[str, Any]) -> dict[str, str]:
    settings = config.get("config") or {}
    entries = settings.get("Env") if isinstance(settings, dict) else None
    found = {}
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, str) and "=" in entry:
            name, _, value = entry.partition("=")
            found[name] = value
    return found


def _kept(env: Mapping[str, str], executable: str) -> tuple[tuple[str, str], ...]:
    """Return what an image keeps of the environment; its Python's folder is on the path."""
    kept = {
        name: env[name]
        for name in _KEPT
        if len(env.get(name, "")) <= _MAX_VALUE and env.get(name, "").isprintable() and name in env
    }
    folder = executable.rpartition("/")[0]
    path = kept.get("PATH") or _DEFAULT_PATH
    kept["PATH"] = path if folder in path.split(":") else f"{folder}:{path}"
    return tuple(sorted(kept.items()))
