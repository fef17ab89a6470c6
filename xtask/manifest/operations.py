"""What the routers of a module answer, with all that they include from its other files.

What one file says is read in `routers`, where its names lead in `bindings`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from xtask.manifest.bindings import Binding, Package
from xtask.manifest.module import Operation
from xtask.manifest.routers import WHOLE_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from xtask.manifest.module import Router
    from xtask.manifest.routers import Answer, Spot

_CONVERTOR = re.compile(r"\{([A-Za-z_]\w*):[A-Za-z_]\w*\}")
_PARAMETER_NAME = re.compile(r"\{[^{}:]*")
# Far more than a module that people wrote has; includes of includes multiply.
_MAX_STEPS, _MAX_PATH, _MAX_DEPTH = 10_000, 2_000, 20


class TooMuchError(ValueError):
    """A module has more operations than anybody writes; `path` is its file with the router."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class _Spot(NamedTuple):
    """A line of a file, and the lines around it that may be skipped together, if any."""

    path: str
    line: int
    block: range | None


class _Linked(NamedTuple):
    """The routers of a module by where they are made; a prefix is None where code computes it.

    What a file adds to a router of another file, which it imports, is that router's.
    """

    prefixes: dict[Binding, str | None]
    rebound: set[Binding]
    answers: dict[Binding, list[tuple[Answer, _Spot]]]
    includes: dict[Binding, list[tuple[Binding, str, _Spot]]]


class _Visit(NamedTuple):
    """A router on the way from one that is mounted, and what has been seen until there."""

    mount: int
    before: str
    chain: tuple[Binding, ...]
    spots: tuple[_Spot, ...]


def read_operations(routers: Sequence[Router], package: Package) -> tuple[Operation, ...]:
    """Return what routers answer: of one after the other, sorted by path and method.

    An operation is there twice when the first one is defined whenever the second is; one of each
    branch of an `if` is there once. What is included from outside of the module, or in a way that
    only running the code could tell, is not seen.

    Args:
        routers: those that are mounted, as the manifest names them.
        package: the module's code.

    Raises:
        TooMuchError: there are more than 10,000 of them, or longer ones than 2,000 characters.
    """
    paths = [package.file(router.target.module) for router in routers]
    linked = _link(package, package.reached(path for path in paths if path))
    found: list[dict[Operation, tuple[_Spot, ...]]] = [{} for _ in routers]
    waiting = [
        _Visit(mount, router.prefix, (package.origin(Binding(path, router.target.attribute)),), ())
        for mount, (path, router) in enumerate(zip(paths, routers, strict=True))
        if path
    ]
    steps = 0
    while waiting:
        visit = waiting.pop()
        answers = _answered(visit, linked)
        found[visit.mount].update(answers)
        waiting += _included(visit, linked)
        steps += 1 + len(answers)
        longest = max((len(item.path) for item in answers), default=len(visit.before))
        if (
            steps + len(waiting) > _MAX_STEPS
            or len(visit.chain) > _MAX_DEPTH
            or longest > _MAX_PATH
        ):
            raise TooMuchError(paths[visit.mount] or "")
    # What two of them include is one function: which of its equal routes answers is no matter.
    return tuple(dict.fromkeys(item for one in found for item in _once_if_doubtful(one)))


def openapi_path(path: str) -> str:
    """Return a path as OpenAPI has it: parameters in braces, without convertors."""
    return _CONVERTOR.sub(r"{\1}", path)


def unnamed(path: str) -> str:
    """Return a path without the names of its parameters: `/a/{x}` and `/a/{y}` are one.

    Convertors stay: what `/a/{x:int}` does not take goes on to `/a/{x}`.
    """
    return _PARAMETER_NAME.sub("{", path)


def _link(package: Package, reached: Mapping[str, bool]) -> _Linked:
    """Return the routers of some files, of which each is imported for certain or is not."""
    linked = _Linked({}, set(), defaultdict(list), defaultdict(list))
    for path, is_certain in reached.items():
        file = package.files[path].routers
        linked.prefixes.update({Binding(path, name): file.prefixes[name] for name in file.prefixes})
        linked.rebound.update(Binding(path, name) for name in file.rebound)
        always = WHOLE_FILE if is_certain else None
        for name, answers in file.answers.items():
            origin = package.origin(Binding(path, name))
            linked.answers[origin] += [(item, _spot(path, item.spot, always)) for item in answers]
        for name, includes in file.includes.items():
            origin = package.origin(Binding(path, name))
            linked.includes[origin] += [
                (
                    package.origin(Binding(path, item.router)),
                    item.prefix,
                    _spot(path, item.spot, always),
                )
                for item in includes
            ]
    return linked


def _spot(path: str, spot: Spot, always: range | None) -> _Spot:
    """Return a spot of a file; `always` is the block that is never skipped."""
    return _Spot(path, spot.line, None if spot.block == always else spot.block)


def _answered(visit: _Visit, linked: _Linked) -> dict[Operation, tuple[_Spot, ...]]:
    """Return what a router itself answers, and the lines that make it do so.

    No lines when a name stands for several routers.
    """
    router = visit.chain[-1]
    prefix = linked.prefixes.get(router, "")
    if prefix is None:
        return {}
    is_known = linked.rebound.isdisjoint(visit.chain)
    return {
        Operation(item.method, visit.before + prefix + item.path, item.place): (
            (*visit.spots, spot) if is_known else ()
        )
        for item, spot in linked.answers.get(router, ())
    }


def _included(visit: _Visit, linked: _Linked) -> Iterator[_Visit]:
    """Yield the routers that a router includes, without those that it is included by."""
    router = visit.chain[-1]
    prefix = linked.prefixes.get(router, "")
    for child, under, spot in linked.includes.get(router, ()):
        if child not in visit.chain and prefix is not None:
            before, spots = visit.before + prefix + under, (*visit.spots, spot)
            yield _Visit(visit.mount, before, (*visit.chain, child), spots)


def _once_if_doubtful(spots: Mapping[Operation, tuple[_Spot, ...]]) -> list[Operation]:
    """Return all, sorted, without those whose equal may not be there as well."""
    first: dict[tuple[str, str], Operation] = {}
    found = []
    for item in sorted(spots, key=lambda item: (item.place.source.path, item.place.key, *item[:2])):
        earlier = first.setdefault((item.method, unnamed(item.path)), item)
        if earlier is item or _both_run(spots[earlier], spots[item]):
            found.append(item)
    return sorted(found, key=lambda item: (item.path, item.method))


def _both_run(first: Sequence[_Spot], second: Sequence[_Spot]) -> bool:
    """Return whether all of the first runs whenever all of the second does, as far as is seen."""
    known = bool(first and second)
    return known and all(
        here.block is None
        or any(there.path == here.path and there.line in here.block for there in second)
        for here in first
    )
