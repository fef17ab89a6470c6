"""What a build was made from, kept so that it can be made once more when nothing else is left.

`releases/inputs/modules/` has the files of modules, one archive for each source digest, which is
the archive's name and what its entries have to give. `releases/inputs/blobs/` has everything else
by the SHA-256 of its bytes. `inputs.json` in a bundle says which of them one build needs; its base
layers are in the image layout.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from xtask.digest import canonical_json, sha256
from xtask.errors import XtaskError
from xtask.files import replacing, write_atomic
from xtask.image import ustar
from xtask.image.workers import require_going, workers
from xtask.package import requirements, sources
from xtask.package.requirements import applicable
from xtask.package.target import RUNNING
from xtask.pipeline.building.inventory import NAME, SCHEMA, blob_path, module_path
from xtask.resolve.lock import render_lock
from xtask.resolve.plan import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Future, ThreadPoolExecutor
    from pathlib import Path

    from xtask.manifest.module import Module
    from xtask.package.sources import SourceFile
    from xtask.package.wheels import Wheel
    from xtask.pipeline.building.planning import Planned
    from xtask.resolve.plan import Plan
    from xtask.settings import Workspace

    Wheels = Mapping[str, tuple[Path, str]]

# Most of the time of keeping a file is waiting for the disk to have it.
_WRITERS = 4


@contextmanager
def fetching(plan: Plan, workspace: Workspace) -> Iterator[Future[Wheels]]:
    """Fetch meanwhile the wheels that modules are built with, unless they were fetched before."""
    with workers(1) as thread:
        yield thread.submit(_build_wheels, plan, workspace)


def _build_wheels(plan: Plan, workspace: Workspace) -> Wheels:
    found: dict[str, tuple[Path, str]] = {}
    for environment in plan.lock.builds:
        locked = applicable(environment.packages, RUNNING)
        wheels = requirements.download(locked, workspace.cache)
        found |= {path.name: (path, digest) for path, digest in wheels.values()}
    return found


def keep(
    planned: Planned,
    wheels: Mapping[str, Mapping[str, Wheel]],
    built_with: Wheels,
    workspace: Workspace,
    allowed: Sequence[Sequence[str]] = (),
) -> dict[str, bytes]:
    """Keep what is not kept yet of a build's inputs, and return its `inputs.json` by that name.

    Args:
        planned: what is built.
        wheels: by platform and name; those of third parties are inputs.
        built_with: the wheels of build environments, by file name.
        workspace: where.
        allowed: path and rule of what in wheels and generated code may look like a secret.

    Raises:
        XtaskError: a module's file is not what was planned any more.
    """
    plan = planned.plan
    texts = (plan.selection.composition.place.source.text, render_lock(plan.lock))
    composition, lock = (_put(workspace, text.encode()) for text in texts)
    own = {module.name for module in plan.selection.modules if module.root is not None}
    bought = {
        where: {wheel.path.name: (wheel.path, wheel.digest) for wheel in outside}
        for where, found in wheels.items()
        for outside in [[wheel for name, wheel in found.items() if name not in own]]
    }
    files = {
        digest: path for some in (*bought.values(), built_with) for path, digest in some.values()
    }
    document = {
        "schema": SCHEMA,
        "formats": FORMATS,
        "allowed": [[*entry] for entry in allowed],
        "composition": composition,
        "lock": lock,
        "bases": {where: base.document() for where, base in planned.bases.items()},
        "wheels": {where: _digests(found) for where, found in bought.items()},
        "build_wheels": _digests(built_with),
    }
    with workers(_WRITERS) as threads:
        linked = [threads.submit(_link, workspace, *each) for each in files.items()]
        document["modules"] = _modules(planned, workspace, threads)
        for one in linked:
            one.result()
    return {NAME: canonical_json(document)}


def _digests(wheels: Wheels) -> dict[str, str]:
    return {name: digest for name, (_, digest) in wheels.items()}


def _put(workspace: Workspace, data: bytes) -> str:
    digest = sha256(data)
    path = blob_path(workspace, digest)
    if not path.is_file():
        write_atomic(path, data)
    return digest


def _link(workspace: Workspace, digest: str, file: Path) -> None:
    """Keep a file by its digest; nobody writes into one that was downloaded."""
    path = blob_path(workspace, digest)
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.unlink(missing_ok=True)
        try:
            os.link(file, temporary)
        except OSError:  # another file system
            shutil.copyfile(file, temporary)


def _modules(
    planned: Planned, workspace: Workspace, threads: ThreadPoolExecutor
) -> dict[str, dict[str, str]]:
    """Return how each module of the composition is found again, also those that were left out."""
    found, writing = {}, []
    for module in (*planned.plan.selection.modules, *planned.left_out):
        shown = module.place.source.path
        if module.root is None:
            text = module.place.source.text.encode()
            found[module.name] = {"shown": shown, "manifest": _put(workspace, text)}
            continue
        files = planned.files.get(module.name) or _files(module)
        digest = planned.plan.sources.get(module.name) or sources.source_digest(files)
        found[module.name] = {"shown": shown.rpartition("/")[0], "sources": digest}
        path = module_path(workspace, digest)
        if not path.is_file():
            writing.append(threads.submit(_pack, path, module.root, files))
    for one in writing:
        one.result()
    return found


def _files(module: Module) -> tuple[SourceFile, ...]:
    if module.root is None:
        raise AssertionError(f"{module.name} has no folder")
    return sources.source_files(module.root, sources.not_sources(module))


def _pack(path: Path, root: Path, files: Sequence[SourceFile]) -> None:
    """Write the files of a module as one archive, exactly as they were hashed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, temporary.open("wb") as stream:
        for file in files:
            require_going()
            data = (root / file.path).read_bytes()
            if sha256(data) != file.digest:
                raise XtaskError(
                    f"{root / file.path} was changed during the build", help="build again"
                )
            mode = 0o755 if file.executable else 0o644
            stream.write(ustar.header(file.path, ustar.Kind.FILE, mode=mode, size=len(data)))
            stream.write(data + ustar.padding(len(data)))
        stream.write(ustar.END)
