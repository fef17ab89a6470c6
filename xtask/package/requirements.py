"""Third-party requirements: resolved together by uv, locked with hashes, downloaded as wheels."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from xtask.digest import hex_of, sha256_file, sha256_of
from xtask.errors import UntrustedError, XtaskError
from xtask.files import temporary_folder
from xtask.manifest.notation.toml import toml_texts
from xtask.process import ProcessError, run
from xtask.resolve.lock import PYTHON, BuildEnvironment, Package, normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from xtask.diagnostics import Problems
    from xtask.manifest.module import Module
    from xtask.package.target import Target

_PINNED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>.*?))?")
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")
_MODULE = "xtask-module-"
_NOT_FOUND = re.compile(r"No matching distribution found for ([A-Za-z0-9._-]+)==")
_MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}


class RequirementConflictError(XtaskError):
    """What the modules ask for cannot be installed together; `asked` says who asked for what."""

    def __init__(self, asked: Mapping[str, Sequence[str]], reason: str) -> None:
        wanted = "\n".join(
            f"  {name} asks for {', '.join(texts)}"
            for name, texts in sorted(asked.items())
            if texts
        )
        super().__init__(
            f"the modules' third-party requirements cannot be met together\n{wanted}\n{reason}",
            help="change one of them: in the module's pyproject.toml, or `version` in modules.toml",
        )
        self.asked = asked


def check_dependencies(modules: Iterable[Module], problems: Problems) -> None:
    """Note third-party requirements that cannot be locked (XT0214): not PEP 508, or an address."""
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - start-up

    for module in modules:
        for dependency in module.dependencies:
            try:
                address = Requirement(dependency.text).url
            except InvalidRequirement as error:
                reason = str(error).splitlines()[0]
                problems.add(
                    "XT0214",
                    f"`{dependency.text}` is not a requirement: {reason}",
                    dependency.place,
                    help='write a name and versions (PEP 508): `"fastapi>=0.110"`',
                )
                continue
            if address:
                problems.add(
                    "XT0214",
                    f"`{dependency.text}` names an address instead of versions",
                    dependency.place,
                    help="publish it to a package index, or make it a module with a `git` source",
                )


def resolve_requirements(
    wanted: Mapping[str, Sequence[str]], previous: Sequence[Package], upgrade: Sequence[str] = ()
) -> tuple[Package, ...]:
    """Return the distributions that satisfy all modules on every supported Python.

    Args:
        wanted: requirements (PEP 508) by module.
        previous: what is locked now; it stays unless it no longer fits.
        upgrade: names whose newest version is taken instead.

    Raises:
        RequirementConflictError: they cannot be met together.
        XtaskError: no package index answers.
    """
    if not any(wanted.values()):
        return ()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        requirements = "".join(
            _project(folder / name, name, texts) for name, texts in sorted(wanted.items())
        )
        locked = folder / "locked.txt"
        locked.write_text("".join(f"{package.name}=={package.version}\n" for package in previous))
        arguments = ["--universal", "--python-version", PYTHON, "--generate-hashes", "--no-header"]
        arguments += ["--only-binary", ":all:", "--no-emit-index-url", "--no-emit-find-links"]
        arguments += ["--color", "never", "--quiet", "--output-file", str(locked)]
        arguments += [word for name in upgrade for word in ("--upgrade-package", name)]
        try:
            run([uv(), "pip", "compile", *arguments, "-"], stdin=requirements, cwd=folder)
        except ProcessError as error:
            if "No solution found" not in error.output or "network was disabled" in error.output:
                raise XtaskError(
                    f"cannot choose third-party packages\n{error.output.strip()}",
                    help="check the network and the package index that uv is configured for",
                ) from error
            raise RequirementConflictError(wanted, _reason(error)) from error
        return _parse(locked.read_text())


def resolve_builds(
    requires: Sequence[tuple[str, ...]],
    previous: Sequence[BuildEnvironment],
    upgrade: Sequence[str] = (),
) -> tuple[BuildEnvironment, ...]:
    """Return one locked environment for each distinct set; arguments as above."""
    known = {environment.requires: environment.packages for environment in previous}
    return tuple(
        BuildEnvironment(
            names, resolve_requirements({"build": names}, known.get(names, ()), upgrade)
        )
        for names in sorted(set(requires))
    )


def uv() -> str:
    """Return the uv program that was installed with xtask."""
    from uv import find_uv_bin  # noqa: PLC0415 - start-up

    return str(find_uv_bin())


def _project(folder: Path, name: str, texts: Sequence[str]) -> str:
    """Write a project that stands for one module, so that uv's messages name the module."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{_MODULE}{name}"\nversion = "0"\n'
        f'requires-python = ">={PYTHON}"\ndependencies = {toml_texts(texts)}\n',
        encoding="utf-8",
    )
    return f"{_MODULE}{name} @ {folder.as_uri()}\n"


def _reason(error: ProcessError) -> str:
    """Return what uv said, with the modules under their own names."""
    text = re.sub(r"only \S+ is available and ", "", error.output).replace(
        "==0 depends", " depends"
    )
    return text.replace(_MODULE, "").strip()


def _parse(text: str) -> tuple[Package, ...]:
    """Return the packages of a compiled requirements file (pip's requirements format)."""
    found = []
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        line = block.split("\n", 1)[0].removesuffix(" \\")
        pinned = _PINNED.fullmatch(line.strip())
        if not pinned:
            continue
        via = re.findall(r"# +(?:via )?([A-Za-z0-9._-]+)$", block, re.MULTILINE)
        found.append(
            Package(
                name=pinned["name"],
                version=pinned["version"],
                hashes=tuple(sorted(set(_HASH.findall(block)))),
                marker=pinned["marker"] or "",
                required_by=tuple(sorted({name.removeprefix(_MODULE) for name in via} - {"via"})),
            )
        )
    return tuple(sorted(found))


def applicable(packages: Sequence[Package], python: str, platform: str = "") -> tuple[Package, ...]:
    """Return the packages whose marker holds on Linux with the given Python version (PEP 508).

    Args:
        packages: what is locked.
        python: its version, such as `3.12.7`.
        platform: where it runs, such as `linux/arm64`; without it on this machine.
    """
    if not any(package.marker for package in packages):
        return tuple(packages)
    from packaging.markers import Marker  # noqa: PLC0415 - start-up

    environment = {
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python,
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    if machine := _MACHINES.get(platform):
        environment["platform_machine"] = machine
    return tuple(
        package
        for package in packages
        if not package.marker or Marker(package.marker).evaluate(environment)
    )


def download(
    packages: Sequence[Package], cache: Path, target: Target | None = None
) -> dict[str, tuple[Path, str]]:
    """Return a wheel and its digest for each package by name, downloaded once and kept.

    Args:
        packages: what is locked and applies.
        cache: folder for what can be thrown away.
        target: the Python that they are for; without it the one that runs xtask.

    Raises:
        XtaskError: the package index does not give one.
        UntrustedError: a kept wheel is not what the lock says.
    """
    store = cache / "wheels" / "index"
    receipts = {package.name: store / f"{_key(package, target)}.txt" for package in packages}
    missing = [package for package in packages if not _kept(receipts[package.name])]
    if missing:
        _download(missing, store, receipts, target)
    found = {}
    for package in packages:
        wheel = store / receipts[package.name].read_text().strip()
        digest = sha256_file(wheel)
        if digest not in package.hashes:
            raise UntrustedError(
                f"{wheel.name} is not what modules.lock says of {package.name}",
                help=f"delete {wheel} and build again",
            )
        found[package.name] = wheel, digest
    return found


def _kept(receipt: Path) -> bool:
    return receipt.is_file() and receipt.with_name(receipt.read_text().strip()).is_file()


def _key(package: Package, target: Target | None) -> str:
    tag = f"{sys.version_info[0]}.{sys.version_info[1]}-{sys.platform}-{os.uname().machine}"
    if target:
        tag = f"{target.minor}-{target.platform}-{target.libc}"
    return hex_of(sha256_of([package.document(), tag]))


def _download(
    packages: Sequence[Package], store: Path, receipts: Mapping[str, Path], target: Target | None
) -> None:
    store.mkdir(parents=True, exist_ok=True)
    with temporary_folder(store, "download") as folder:
        listing = folder / "requirements.txt"
        listing.write_text("".join(f"{pin(package)}\n" for package in packages))
        argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        argv += ["--only-binary", ":all:", "--disable-pip-version-check", "--no-input"]
        argv += ["--dest", str(folder), "--requirement", str(listing), *_for(target)]
        try:
            run(argv)
        except ProcessError as error:
            if target and (absent := _NOT_FOUND.search(error.output)):
                raise _no_wheel(normalised(absent[1]), packages, target) from error
            raise XtaskError(
                f"cannot download the third-party wheels\n{error.output}",
                help="check the network and the package index that pip is configured for",
            ) from error
        found = _by_name(folder.glob("*.whl"))
        for package in packages:
            wheel = found[package.name]
            wheel.replace(store / wheel.name)
            receipts[package.name].write_text(wheel.name)


def _by_name(wheels: Iterable[Path]) -> dict[str, Path]:
    return {normalised(path.name.split("-", 1)[0]): path for path in sorted(wheels)}


def restore(
    packages: Sequence[Package],
    wheels: Mapping[str, Path],
    cache: Path,
    target: Target | None = None,
) -> None:
    """Let `download` find these wheels, by file name, so that nobody is asked for them."""
    store, found = cache / "wheels" / "index", _by_name(map(Path, wheels))
    store.mkdir(parents=True, exist_ok=True)
    for package in packages:
        if wheel := found.get(package.name):
            shutil.copyfile(wheels[wheel.name], store / wheel.name)
            (store / f"{_key(package, target)}.txt").write_text(wheel.name)


def downloaded(packages: Sequence[Package], cache: Path) -> bool:
    """Return whether `download` asks nobody for any of them, for the Python that runs xtask."""
    store = cache / "wheels" / "index"
    return all(_kept(store / f"{_key(package, None)}.txt") for package in packages)


def _for(target: Target | None) -> Iterator[str]:
    """Yield the options of pip that choose wheels for another Python than its own."""
    if target:
        yield from ("--implementation", "cp", "--python-version", target.minor)
        yield from ("--abi", f"cp{target.minor.replace('.', '')}", "--abi", "abi3", "--abi", "none")
        for tag in target.platform_tags():
            yield from ("--platform", tag)


def _no_wheel(name: str, packages: Sequence[Package], target: Target) -> XtaskError:
    version = next((package.version for package in packages if package.name == name), "")
    modules = ", ".join(askers(name, packages))
    return XtaskError(
        f"`{name}` {version} has no wheel for {target}, and {modules or 'the product'} needs it",
        help="choose another version of it, take the platform out of `[build] target`, or name "
        "another base",
    )


def askers(name: str, packages: Sequence[Package]) -> tuple[str, ...]:
    """Return the modules that a package is there for, through whatever other packages."""
    required = {package.name: package.required_by for package in packages}
    seen, todo = set(), [name]
    while todo:
        one = todo.pop()
        if one not in seen:
            seen.add(one)
            todo += required.get(one, ())
    return tuple(sorted(seen - required.keys()))


def pin(package: Package) -> str:
    """Return the line of a requirements file that allows this package's locked wheels only."""
    hashes = " ".join(f"--hash={digest}" for digest in package.hashes)
    return f"{package.name}=={package.version} {hashes}"
