"""One wheel per module that has code, by the hooks of its build back end (PEP 517).

Modules with the same build requirements share one isolated environment. Back ends that are known
to keep no state make one wheel after the other in a child process that stays alive; PyPA `build`
calls all others, each in a process of its own. A wheel is built from a copy of exactly the files
that were hashed, so a back end cannot litter the workspace and no umask reaches the wheel.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import sys
import threading
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from subprocess import CalledProcessError
from typing import TYPE_CHECKING, NamedTuple, Self

from xtask.digest import hex_of, sha256, sha256_file, sha256_of
from xtask.errors import XtaskError
from xtask.files import fsync, temporary_folder
from xtask.package import environments
from xtask.package.declared import Seen, imported
from xtask.package.hooks import EarlyWorker, HookWorkers
from xtask.package.requirements import pin
from xtask.receipts import Receipts, write_inputs
from xtask.resolve.lock import BuildEnvironment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor, Future

    from xtask.package.hooks import HookWorker
    from xtask.package.sources import SourceFile
    from xtask.receipts import Inputs

# Back ends without state that one build leaves for the next, with what they load to make a wheel:
# much of it only when they are asked to.
_REUSABLE = {
    "hatchling.build": (
        *("hatchling.builders.wheel", "hatchling.metadata.core", "hatchling.bridge.app"),
        *("packaging.requirements", "packaging.tags", "trove_classifiers", "email.headerregistry"),
    ),
    "flit_core.buildapi": ("flit_core.wheel",),
    "uv_build": ("uv_build",),
}


class Project(NamedTuple):
    """What one wheel is made from: module name, folder, its files, their digest, build needs.

    A folder that is itself a package has a `pyproject.toml` that was `written` for it, and lies
    beside that at the path `package`, such as `modules/shop`.
    """

    name: str
    root: Path
    files: tuple[SourceFile, ...]
    digest: str
    back_end: str
    requires: tuple[str, ...]
    package: str = ""
    written: str = ""


class Wheel(NamedTuple):
    """A built or downloaded wheel and its digest; `cached` says that nothing had to be done.

    `imports` is what the code of a built one imports, `reason` why it had to be built.
    """

    path: Path
    digest: str
    cached: bool
    imports: tuple[Seen, ...] = ()
    reason: str = ""


class BuildError(XtaskError):
    """A module's build back end failed."""

    def __init__(self, project: Project, output: str) -> None:
        tail = "\n".join(f"  {line}" for line in output.strip().splitlines()[-30:])
        again = f"`python -m build --wheel` in the folder of `{project.name}` shows the same"
        super().__init__(
            f"module `{project.name}` cannot be built\n{tail}",
            help="correct what its manifest says" if project.written else again,
        )


class WheelBuilder:
    """The wheels of projects, cached by their inputs; a context in which they are being built.

    Building begins with the context, so that the caller can do something else meanwhile. Only a
    single wheel whose environment is there already waits for `build`, which has time for more.
    """

    def __init__(
        self,
        projects: Sequence[Project],
        locked: Sequence[BuildEnvironment],
        cache: Path,
        early: EarlyWorker | None = None,
    ) -> None:
        """See what is missing in `cache`; each project's requirements have their environment.

        Where nothing is required, nothing is locked: that environment is the bare Python.
        """
        self._cache = cache
        self._early = early or EarlyWorker(cache)
        bare = BuildEnvironment((), ())
        self._locked = {each.requires: each for each in (bare, *locked)}
        self._receipts = Receipts(cache / "wheels")
        self._places = {
            project.name: cache / "wheels" / _key(project, self._locked[project.requires])
            for project in projects
        }
        kept = {name: _kept(place) for name, place in self._places.items()}
        self._found = {name: wheel for name, wheel in kept.items() if wheel}
        self._missing = [project for project in projects if project.name not in self._found]
        self._width = max(1, min(len(os.sched_getaffinity(0)), len(self._missing) // 2))
        self._workers: dict[tuple[str, ...], HookWorkers] = {}
        self._making = threading.Lock()
        self._started: dict[str, Future[Wheel]] = {}
        self._threads: Executor | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for project in self._missing:
            environment = self._locked[project.requires]
            is_made = environments.is_made(environment, self._cache)
            if is_made and len(self._missing) == 1:
                self._workers_for(project)
            else:
                self._start(project)
        return self

    def __exit__(self, *raised: object) -> None:
        self._close()

    def _close(self) -> None:
        """End what builds: the stages after this one have threads and memory for themselves."""
        if self._threads:
            self._threads.shutdown(cancel_futures=True)
        self._stack.close()

    def build(self, meanwhile: Callable[[], object] = lambda: None) -> dict[str, Wheel]:
        """Return the wheel of each project by module name, built in parallel.

        Args:
            meanwhile: what else there is to do while other processes build.

        Raises:
            BuildError: a back end failed.
        """
        if self._started:
            meanwhile()
        built = {name: future.result() for name, future in self._started.items()}
        for project in self._missing:
            if project.name not in built:
                built[project.name] = self._build(project, meanwhile)
        self._close()
        for name, place in self._places.items():
            self._receipts.is_now(name, place.name)
        self._receipts.keep()
        return self._found | built

    def _start(self, project: Project) -> None:
        if self._threads is None:
            from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - start-up

            self._threads = ThreadPoolExecutor(self._width)
        self._started[project.name] = self._threads.submit(self._build, project)

    def _build(self, project: Project, meanwhile: Callable[[], object] = lambda: None) -> Wheel:
        place, environment = self._places[project.name], self._locked[project.requires]
        inputs = _inputs(project, environment)
        reason = self._receipts.reason(project.name, place.name, inputs)
        made = _build(project, self._workers_for(project), place, inputs, meanwhile)
        return made._replace(reason=reason)

    def _workers_for(self, project: Project) -> HookWorkers:
        """Return what runs the hooks of a project, after making its environment."""
        with self._making:
            if project.requires not in self._workers:
                python = environments.python_of(self._locked[project.requires], self._cache)
                preload = _REUSABLE.get(project.back_end, ())
                early = self._early.take(python, preload)
                workers = HookWorkers(python, self._width, preload, early)
                self._workers[project.requires] = self._stack.enter_context(workers)
            return self._workers[project.requires]


def _key(project: Project, environment: BuildEnvironment) -> str:
    version = list(sys.version_info[:2])
    made_from = [project.digest, project.package, project.written]
    return hex_of(sha256_of([made_from, environment.document(), version]))


def _inputs(project: Project, environment: BuildEnvironment) -> Inputs:
    """Return what a wheel is made from, for people: it is what `_key` is made of."""
    package = {project.package: ""} if project.package else {}
    return {
        "source": {file.path: f"{file.executable:d}{file.digest}" for file in project.files},
        "manifest": {"pyproject.toml": sha256(project.written.encode())} if package else {},
        "package": package,
        "build requirement": {part.name: sha256_of(pin(part)) for part in environment.packages},
        "Python": {f"{sys.version_info[0]}.{sys.version_info[1]}": ""},
    }


def _kept(place: Path) -> Wheel | None:
    try:
        receipt = json.loads((place / "receipt.json").read_text())
        imports = tuple(Seen(*item) for item in receipt["imports"])
    except (OSError, ValueError, KeyError):
        return None
    wheel = Wheel(place / receipt["name"], receipt["digest"], cached=True, imports=imports)
    return wheel if wheel.path.is_file() else None


def _build(
    project: Project,
    workers: HookWorkers,
    place: Path,
    inputs: Inputs,
    meanwhile: Callable[[], object],
) -> Wheel:
    place.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(place.parent, "build") as temporary:
        source, output = temporary / "source", temporary / "wheel"
        _copy(project, source)
        seen = functools.cache(partial(imported, project.root, _in_the_product(project)))
        name = _run_back_end(project, workers, source, output, lambda: (seen(), meanwhile()))
        imports = seen()
        wheel = Wheel(place / name, sha256_file(output / name), cached=False, imports=imports)
        receipt = {"name": name, "digest": wheel.digest, "imports": imports}
        (output / "receipt.json").write_text(json.dumps(receipt))
        # Half of a wheel after a loss of power could not be told from one that somebody altered.
        fsync(output / name)
        write_inputs(output, inputs)
        shutil.rmtree(place, ignore_errors=True)
        output.rename(place)
    return wheel


def _in_the_product(project: Project) -> list[str]:
    """Return the files of a project that its wheel is about: below its package, without tests."""
    source = "src/" if any(file.path.startswith("src/") for file in project.files) else ""
    paths = [file.path for file in project.files if file.path.startswith(source)]
    return [path for path in paths if not path.startswith("tests/")]


def _run_back_end(
    project: Project,
    workers: HookWorkers,
    source: Path,
    output: Path,
    meanwhile: Callable[[], object],
) -> str:
    """Build one wheel and return its file name; `meanwhile` need not run."""
    reusable = project.back_end in _REUSABLE
    with workers.borrow(reusable=reusable) as worker:
        if not reusable:
            return _run_through_build(project, worker, workers.python, source, output)
        try:
            made = worker.wheel(source, output, project.back_end, project.requires, meanwhile)
        except CalledProcessError as error:
            raise BuildError(project, worker.output) from error
        _require_locked(project, set(made.missing))
        return made.wheel


def _run_through_build(
    project: Project, worker: HookWorker, python: Path, source: Path, output: Path
) -> str:
    from build import BuildBackendException, BuildException, ProjectBuilder  # noqa: PLC0415

    try:
        builder = ProjectBuilder(source, str(python), runner=worker)
        _require_locked(project, builder.get_requires_for_build("wheel"))
        return Path(builder.build("wheel", output)).name
    except (BuildException, BuildBackendException) as error:
        raise BuildError(project, f"{worker.output}\n{error}") from error


def _copy(project: Project, source: Path) -> None:
    source.mkdir()
    if project.written:
        (source / "pyproject.toml").write_text(project.written, encoding="utf-8")
    target = source / project.package
    for folder in {target / Path(file.path).parent for file in project.files}:
        folder.mkdir(parents=True, exist_ok=True)
    for file in project.files:
        copy = target / file.path
        shutil.copyfile(project.root / file.path, copy)
        copy.chmod(0o755 if file.executable else 0o644)
        if sha256_file(copy) != file.digest:
            raise XtaskError(
                f"{project.root / file.path} changed while it was being built",
                help="build again once nothing writes there",
            )


def _require_locked(project: Project, wanted: set[str]) -> None:
    """Refuse requirements that a back end only names at build time: they are not in the lock."""
    if extra := sorted(wanted - set(project.requires)):
        raise BuildError(
            project,
            f"its back end asks for {', '.join(extra)}, which `[build-system] requires` in its "
            "pyproject.toml does not name",
        )
