"""Which inputs of a build were kept, and reading them: the other half of `inputs`.

Whoever can write in the workspace can have changed any of it, so everything is checked when it is
read: `inputs.json` for what it may say, the rest by its digest.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.digest import hex_of, sha256, sha256_file
from xtask.errors import UntrustedError
from xtask.image.evidence.strict import read_object
from xtask.image.layout import Layout
from xtask.package import sources
from xtask.package.sources import SourceFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from xtask.settings import Workspace

NAME = "inputs.json"
SCHEMA = 1


class Needed(NamedTuple):
    """What a bundle needs: files in `releases/inputs`, and digests of blobs in `releases/oci`."""

    inputs: frozenset[Path]
    blobs: frozenset[str]


def blob_path(workspace: Workspace, digest: str) -> Path:
    """Return where the bytes of a digest are kept."""
    return workspace.inputs / "blobs" / hex_of(digest)


def module_path(workspace: Workspace, digest: str) -> Path:
    """Return where the files of a source digest are kept."""
    return workspace.inputs / "modules" / f"{hex_of(digest)}.tar"


def read_inputs(bundle: Path) -> dict[str, Any] | None:
    """Return what `inputs.json` of a bundle says, None when it has none.

    Raises:
        UntrustedError: it is not a document of this schema.
    """
    try:
        data = (bundle / NAME).read_bytes()
    except OSError:
        return None
    document = read_object(data, f"{NAME} in the bundle")
    if document.get("schema") != SCHEMA:
        raise UntrustedError(f"{NAME} in the bundle has a schema that this xtask does not know")
    return document


def paths(document: Mapping[str, Any], workspace: Workspace) -> dict[str, Path]:
    """Return what has to be there for a rebuild, each with what it is.

    Raises:
        UntrustedError: the document is not one that `keep` has written.
    """
    try:
        found = {
            "modules.toml": blob_path(workspace, _digest(document["composition"])),
            "modules.lock": blob_path(workspace, _digest(document["lock"])),
        }
        wheels = [*document["wheels"].values(), document["build_wheels"]]
        for file, digest in (item for some in wheels for item in some.items()):
            found[f"the wheel {_file(file)}"] = blob_path(workspace, _digest(digest))
        for name, kept in document["modules"].items():
            if not _is_below(str(kept["shown"]).rpartition("/")[2]):
                raise UntrustedError(f"{NAME} in the bundle: `{name}` was nowhere")
            if "sources" in kept:
                found[f"the files of `{name}`"] = module_path(workspace, _digest(kept["sources"]))
            else:
                manifest = blob_path(workspace, _digest(kept["manifest"]))
                found[f"the manifest of `{name}`"] = manifest
    except (KeyError, TypeError, AttributeError) as error:
        raise UntrustedError(f"{NAME} in the bundle is not one that xtask has written") from error
    return found


def allowed(bundle: Path) -> list[tuple[str, str]] | None:
    """Return path and rule of what was allowed to look like a secret in what was made.

    None when the document does not say, as those of an older xtask.
    """
    try:
        return [(str(path), str(rule)) for path, rule in (read_inputs(bundle) or {})["allowed"]]
    except (UntrustedError, KeyError, TypeError, ValueError):
        return None


def complete(bundle: Path, workspace: Workspace) -> list[Path]:
    """Return the files that a rebuild needs beside base layers; none when one of them is gone."""
    try:
        document = read_inputs(bundle)
        needed = paths(document, workspace) if document else {}
    except UntrustedError:
        return []
    found = [bundle / NAME, *sorted(set(needed.values()))]
    return found if needed and all(path.is_file() for path in found) else []


def needed(bundle: Path, workspace: Workspace) -> Needed:
    """Return what has to stay so that a bundle can be verified, released and built again.

    Everything else in both folders can be removed, when no other bundle needs it. A bundle of an
    older xtask without `inputs.json` needs its image only.

    Raises:
        UntrustedError: the bundle, its image or its evidence is damaged: nothing is known then.
    """
    try:
        described = (bundle / "image.json").read_bytes()
    except OSError as error:
        raise UntrustedError(f"image.json in {bundle.name} is gone", help="build again") from error
    image = str(read_object(described, "image.json in the bundle").get("image_digest"))
    blobs = Layout(workspace.layout).reachable(image)
    document = read_inputs(bundle)
    if document is None:
        return Needed(frozenset(), blobs)
    try:
        below = {
            _digest(layer["digest"])
            for base in document["bases"].values()
            for layer in base["layers"]
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise UntrustedError(f"{NAME} in the bundle describes no base") from error
    return Needed(frozenset(paths(document, workspace).values()), blobs | below)


def _digest(value: object) -> str:
    """Return a digest that names a file in a folder and nothing else."""
    text = str(value)
    if not text.startswith("sha256:") or not _is_hex(hex_of(text)):
        raise UntrustedError(f"{NAME} in the bundle: {text[:80]!r} is no digest")
    return text


def _file(name: str) -> str:
    if "/" in name or not name.endswith(".whl"):
        raise UntrustedError(f"{NAME} in the bundle: {name[:80]!r} is no wheel")
    return name


def _is_hex(text: str) -> bool:
    return len(text) == 64 and not set(text) - set("0123456789abcdef")  # noqa: PLR2004 - of SHA-256


def read_blob(workspace: Workspace, digest: str) -> bytes:
    """Return the bytes of a digest.

    Raises:
        UntrustedError: they are other bytes.
    """
    data = blob_path(workspace, digest).read_bytes()
    if sha256(data) != digest:
        raise _altered(blob_path(workspace, digest))
    return data


def wheel(workspace: Workspace, digest: str) -> Path:
    """Return the file with the bytes of a digest, after checking them.

    Raises:
        UntrustedError: they are other bytes.
    """
    path = blob_path(workspace, digest)
    if sha256_file(path) != digest:
        raise _altered(path)
    return path


def unpack(
    workspace: Workspace, digest: str, folder: Path, *, backwards: bool = False, time: int = 0
) -> None:
    """Write the files of a module as they were when they were hashed.

    Args:
        workspace: where they are kept.
        digest: the source digest.
        folder: where they go, which is not there yet.
        backwards: write the last one first, so that a folder lists them in another order.
        time: when they say that they were written, in seconds since the epoch.

    Raises:
        UntrustedError: they are other files than the digest says.
    """
    import tarfile  # noqa: PLC0415 - start-up

    path, found = module_path(workspace, digest), []
    folder.mkdir(parents=True)
    try:
        with tarfile.open(path, "r:") as archive:
            members = archive.getmembers()
            for member in members[::-1] if backwards else members:
                is_file = member.type == tarfile.REGTYPE and not member.issparse()
                stream = archive.extractfile(member) if is_file else None
                if stream is None or not _is_below(member.name):
                    raise _altered(path)
                data, is_executable = stream.read(), bool(member.mode & stat.S_IXUSR)
                found.append(SourceFile(member.name, is_executable, sha256(data)))
                target = folder / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
                target.chmod(target.stat().st_mode | (stat.S_IXUSR if is_executable else 0))
                os.utime(target, (time, time))
    except (tarfile.TarError, OSError, EOFError) as error:
        raise _altered(path) from error
    if sources.source_digest(tuple(sorted(found))) != digest:
        raise _altered(path)


def _is_below(path: str) -> bool:
    return {"", ".", ".."}.isdisjoint(path.split("/"))


def _altered(path: Path) -> UntrustedError:
    return UntrustedError(
        f"{path} does not have the bytes of its name",
        help="an input of old builds was changed: restore it from a backup, or build again",
    )
