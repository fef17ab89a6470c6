"""Base images as other builders make them: tars of other writers, gzip, configs, indexes."""

from __future__ import annotations

import functools
import gzip
import io
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.elf import elf
from xtask.digest import canonical_json, sha256
from xtask.image.base.installation import machine_platform
from xtask.image.base.interpreter import pack
from xtask.image.layout import (
    CONFIG_TYPE,
    GZIP_LAYER_TYPE,
    INDEX_TYPE,
    LAYER_TYPE,
    MANIFEST_TYPE,
    Layout,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xtask.image.base.values import Base

LOADER = "/lib64/ld-linux-x86-64.so.2"
MACHINES = {"linux/amd64": 62, "linux/arm64": 183}
TRIPLES = {"linux/amd64": "x86_64-linux-gnu", "linux/arm64": "aarch64-linux-gnu"}


def member(name: str, kind: bytes = tarfile.REGTYPE, *, link: str = "", mode: int = 0o644) -> Any:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


def tar(  # noqa: PLR0913 - what an archive can hold
    files: Mapping[str, bytes] | None = None,
    *,
    links: Mapping[str, str] | None = None,
    hard: Mapping[str, str] | None = None,
    folders: Sequence[str] = (),
    others: Sequence[str] = (),
    form: int = tarfile.GNU_FORMAT,
) -> bytes:
    """Return an archive: folders, files (executable below `bin`), links, hard links, devices."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name in folders:
            archive.addfile(member(name, tarfile.DIRTYPE, mode=0o755))
        for name, data in (files or {}).items():
            info = member(name, mode=0o755 if "bin/" in name else 0o644)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, link in (links or {}).items():
            archive.addfile(member(name, tarfile.SYMTYPE, link=link))
        for name, link in (hard or {}).items():
            archive.addfile(member(name, tarfile.LNKTYPE, link=link))
        for name in others:
            archive.addfile(member(name, tarfile.CHRTYPE))
    return stream.getvalue()


def python_files(
    version: str = "3.12.7", *, prefix: str = "usr/local", platform: str = "linux/amd64"
) -> dict[str, bytes]:
    """Return the files by which a Python is found; none of them runs."""
    minor = ".".join(version.split(".")[:2])
    program = elf(loader=LOADER, machine=MACHINES[platform]) + f"\0{version}\0".encode()
    return {
        f"{prefix}/bin/python{minor}": program,
        f"{prefix}/lib/python{minor}/os.py": b"",
        f"lib/{TRIPLES[platform]}/libc.so.6": b"GNU C Library stable release version 2.36.\n",
        "lib64/ld-linux-x86-64.so.2": b"",
    }


def image(  # noqa: PLR0913 - what an image can be
    layout: Layout,
    tars: Sequence[bytes],
    *,
    platform: str = "linux/amd64",
    env: Sequence[str] = (),
    packed: bool = True,
    reference: str = "",
    layer_type: str = "",
    changed: Mapping[str, Any] | None = None,
) -> str:
    """Write an image and return the digest of its manifest.

    `packed` layers are gzip; `layer_type` is what the manifest calls them instead of what they
    are; `changed` replaces keys of the config.
    """
    system, architecture = platform.split("/")
    blobs = [gzip.compress(data, 1, mtime=0) if packed else data for data in tars]
    config = canonical_json(
        {
            "os": system,
            "architecture": architecture,
            "config": {"Env": list(env), "Cmd": ["python3"]},
            "history": [{"created_by": "somebody"} for _ in tars],
            "rootfs": {"type": "layers", "diff_ids": [sha256(data) for data in tars]},
            **(changed or {}),
        }
    )
    kind = layer_type or (GZIP_LAYER_TYPE if packed else LAYER_TYPE)
    manifest = canonical_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": described(layout, config, CONFIG_TYPE),
            "layers": [described(layout, blob, kind) for blob in blobs],
        }
    )
    digest = layout.put_bytes(manifest)
    if reference:
        layout.add_manifest(digest, len(manifest), reference)
    return digest


def index(layout: Layout, images: Mapping[str, str], reference: str = "") -> str:
    """Write an index of images by platform, with what signing tools add, and return its digest."""
    entries = []
    for platform, digest in images.items():
        system, architecture, *variant = platform.split("/")
        named = {"os": system, "architecture": architecture}
        entries.append(
            {
                "mediaType": MANIFEST_TYPE,
                "digest": digest,
                "size": layout.path(digest).stat().st_size,
                "platform": named | ({"variant": variant[0]} if variant else {}),
            }
        )
    unknown = {"os": "unknown", "architecture": "unknown"}
    entries.append({**described(layout, b"{}", MANIFEST_TYPE), "platform": unknown})
    data = canonical_json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries})
    digest = layout.put_bytes(data)
    if reference:
        layout.add_manifest(digest, len(data), reference, media_type=INDEX_TYPE)
    return digest


def described(layout: Layout, data: bytes, kind: str) -> dict[str, Any]:
    return {"mediaType": kind, "digest": layout.put_bytes(data), "size": len(data)}


@functools.cache
def _packed() -> tuple[Base, bytes]:
    with tempfile.TemporaryDirectory() as temporary:
        layout = Layout(Path(temporary) / "oci")
        base = pack(layout, Path(temporary) / "cache")
        return base, layout.path(base.layers[0].digest).read_bytes()


def machine_base(
    root: Path,
    *,
    packed: bool = True,
    two_layers: bool = False,
    small_layers: int = 0,
    reference: str = "3",
) -> Base:
    """Write a layout with this machine's Python as an image that really runs."""
    layout = Layout(root)
    base, packed_here = _packed()
    tars = [packed_here]
    if two_layers:
        library = f"usr/local/lib/python{base.minor}"
        more = {f"{library}/of_the_second_layer.py": b"", f"{library}/.wh.antigravity.py": b""}
        tars.append(tar(more))
    tars += [tar({f"opt/{number}": b""}) for number in range(small_layers)]
    env = [f"PYTHON_VERSION={base.python}", "PATH=/usr/local/bin:/usr/bin", "TOKEN=secret"]
    image(layout, tars, platform=machine_platform(), env=env, packed=packed, reference=reference)
    return base
