"""Where a name in a module's code leads: imports are followed as Python would, and never made."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xtask.manifest.scope import Imported

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from xtask.manifest.code import Code

# More imports of imports, and more dots in a name, than people write.
_MAX_DEPTH = 20
_PACKAGE = "__init__.py"


class Binding(NamedTuple):
    """A name in a file of a module; it may be dotted."""

    path: str
    name: str


_Names = tuple[str, ...]


class Package(NamedTuple):
    """A module's package: its dotted name, and its Python files by their paths in it."""

    name: str
    files: Mapping[str, Code]

    def file(self, module: str) -> str | None:
        """Return the path of a module that is imported by its whole name."""
        inside = self._inside(tuple(module.split(".")))
        return None if inside is None else self._file(inside)

    def origin(self, binding: Binding) -> Binding:
        """Return where a name is made, or the last that is known of it in this package."""
        path, names = binding.path, tuple(binding.name.split("."))
        for _ in range(_MAX_DEPTH):
            further = self._further(path, names)
            if further is None:
                break
            path, names = further
        return Binding(path, ".".join(names))

    def reached(self, paths: Iterable[str]) -> dict[str, bool]:
        """Return the files that importing some reads, sorted, and whether nothing skips that."""
        found = {loaded: True for path in paths for loaded in self._with_packages(path)}
        waiting = list(found)
        while waiting:
            path = waiting.pop()
            for item, is_certain in self.files[path].routers.imports.items():
                certain = found[path] and is_certain
                for other in self._loaded(path, item):
                    if not found.get(other, False) and (certain or other not in found):
                        found[other] = certain
                        waiting.append(other)
        return {path: found[path] for path in sorted(found)}

    def _further(self, path: str, names: _Names) -> tuple[str, _Names] | None:
        """Return what the first of some dotted names leads to; None where that is not known."""
        if not names or len(names) > _MAX_DEPTH:
            return None
        code, (head, *rest) = self.files[path], names
        folder, _, file = path.rpartition("/")
        if head in code.routers.prefixes:
            return None
        match code.routers.means.get(head):
            case str() as other:
                return path, (*other.split("."), *rest)
            case Imported() as item:
                return self._imported(path, item, tuple(rest))
        if head in code.names or file != _PACKAGE:
            return None
        # A file of a package is a name in it, once somebody has imported it.
        inside = self._file((*filter(None, folder.split("/")), head))
        return (inside, tuple(rest)) if inside else None

    def _imported(self, path: str, item: Imported, rest: _Names = ()) -> tuple[str, _Names] | None:
        """Return the file that an import reads, and which names in it; None outside of here."""
        steps = tuple(filter(None, item.module.split(".")))
        names = (*([item.name] if item.name else []), *rest)
        if item.level:
            folder = tuple(path.split("/")[:-1])
            if item.level > len(folder) + 1:
                return None
            inside: _Names | None = (*folder[: len(folder) - item.level + 1], *steps)
        else:  # `from modules import shop` and `import modules` name the rest of it later
            missing = max(len(self.name.split(".")) - len(steps), 0)
            inside, names = self._inside((*steps, *names[:missing])), names[missing:]
        if inside is None:
            return None
        while (found := self._file(inside)) is None and names:  # a folder without `__init__.py`
            inside, names = (*inside, names[0]), names[1:]
        if found == path and item.name and (below := self._file((*inside, item.name))):
            return below, names[1:]  # `from . import users`, which the package does not have yet
        return (found, names) if found else None

    def _loaded(self, path: str, item: Imported) -> Iterator[str]:
        """Yield the files that an import runs: of the module, and of a file that it takes there."""
        if read := self._imported(path, item):
            yield from self._with_packages(read[0])
            taken = self._further(*read)
            if taken and not taken[1]:
                yield from self._with_packages(taken[0])

    def _with_packages(self, path: str) -> Iterator[str]:
        """Yield a file and those of the packages around it, which run before."""
        yield path
        folders = path.split("/")[:-1]
        for end in range(len(folders) + 1):
            around = "/".join((*folders[:end], _PACKAGE))
            if around in self.files:
                yield around

    def _inside(self, steps: _Names) -> _Names | None:
        """Return the steps below the package, None for another one's."""
        own = tuple(self.name.split("."))
        return steps[len(own) :] if steps[: len(own)] == own else None

    def _file(self, steps: _Names) -> str | None:
        """Return the file of a module below the package; Python takes a package first."""
        paths = "/".join((*steps, _PACKAGE)), f"{'/'.join(steps)}.py"
        return next((path for path in paths if path in self.files), None)
