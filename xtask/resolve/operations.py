"""Who answers a method on a path: API operations and endpoints of all modules, and their pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xtask.manifest.operations import unnamed
from xtask.resolve.claims import Claim, note_overlap, shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from xtask.diagnostics import Problems
    from xtask.manifest.module import Endpoint, Module, Operation

_KIND = "API route"
_HELP = "give one of them another path; a FastVue module can name the other in `overrides`"
_HELP_TWICE = "only one of the two would ever answer: remove the other, or give it another path"

_Overrides = dict[str, frozenset[str]]


class Precedence(NamedTuple):
    """Modules that answer one operation, such as `GET /a/{}`: the first overrides the others."""

    operation: str
    modules: tuple[str, ...]


def settle_operations(modules: Iterable[Module], problems: Problems) -> tuple[Precedence, ...]:
    """Return the operations that one module answers instead of others, because it says so.

    Two modules that answer one operation are XT0304 otherwise, as are one module that does so
    twice, and a page where an operation is. Which parameters a path names is no difference.
    """
    modules = tuple(modules)
    overrides = {module.name: frozenset(module.overrides) for module in modules}
    answers: dict[str, dict[str, Claim]] = {}
    for module in modules:
        for claim in _answers(module, problems):
            answers.setdefault(claim.key, {}).setdefault(claim.owner, claim)
    _refuse_pages(modules, answers, problems)
    settled = [
        Precedence(key, ranked)
        for key, owners in sorted(answers.items())
        if len(owners) > 1 and (ranked := _ranked(owners, overrides, problems))
    ]
    return tuple(settled)


def _answers(module: Module, problems: Problems) -> Iterator[Claim]:
    """Yield what a module answers; what its manifest or its code has twice is noted.

    The convertors of parameters are a difference here: a router tries them one after another.
    """
    mine: dict[tuple[str, str], Claim] = {}
    answers: tuple[Endpoint | Operation, ...] = (*module.endpoints, *module.operations)
    for answer in answers:
        claim = _claim(module, answer)
        key = answer.method.upper(), unnamed(answer.path)
        if (first := mine.setdefault(key, claim)) is not claim:
            note_overlap(first, claim, problems, help=_HELP_TWICE)
        yield claim


def _claim(module: Module, answer: Endpoint | Operation) -> Claim:
    method = answer.method.upper()
    key, shown = f"{method} {shape(answer.path)}", f"{method} {answer.path}"
    return Claim(_KIND, key, shown, module.name, answer.place.at("path"))


def _ranked(
    owners: Mapping[str, Claim], overrides: _Overrides, problems: Problems
) -> tuple[str, ...]:
    """Return the owners of one operation, each overriding all after it; nothing when none does."""
    ranked = sorted(owners, key=lambda name: (-len(overrides[name] & owners.keys()), name))
    is_settled = True
    for index, later in enumerate(ranked):
        rival = _rival(ranked[:index], later, overrides)
        if rival is not None:
            first, second = sorted((rival, later), key=list(owners).index)
            note_overlap(owners[first], owners[second], problems, help=_HELP)
            is_settled = False
    return tuple(ranked) if is_settled else ()


def _rival(earlier: Sequence[str], later: str, overrides: _Overrides) -> str | None:
    """Return the first module that does not clearly override a later one."""
    for name in earlier:
        if later not in overrides[name] or name in overrides[later]:
            return name
    return None


def _refuse_pages(
    modules: Sequence[Module], answers: Mapping[str, Mapping[str, Claim]], problems: Problems
) -> None:
    """Note pages whose path is an API route too: a browser would get one of the two."""
    for module in modules if answers else ():
        for page in module.routes:
            for claim in answers.get(f"GET {shape(page.path)}", {}).values():
                problems.add(
                    "XT0304",
                    f"`{claim.owner}` answers `{claim.shown}`, which is a page of `{module.name}`",
                    claim.place,
                    others=[(page.place.at("path"), f"`{page.path}` of `{module.name}`")],
                    help="move one of the two",
                )
