"""What looks like a secret in all that an image is made of: looked for before anything is made.

What is found in the same bytes by the same rules is kept; what of it is allowed is asked each time.
"""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING

from xtask.diagnostics import Diagnostic, Place, Problems, Source, Span
from xtask.digest import canonical_json, hex_of, sha256, sha256_of
from xtask.errors import XtaskError
from xtask.image.product import Guard
from xtask.image.secrets.names import RULE
from xtask.image.secrets.rules import rules, version
from xtask.image.secrets.search import read_findings, search
from xtask.manifest.entries import PathSource
from xtask.receipts import Receipts, write_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from xtask.image.secrets.search import Finding
    from xtask.manifest.composition import Composition
    from xtask.manifest.module import Module
    from xtask.manifest.secrets import Allowed
    from xtask.package.sources import SourceFile
    from xtask.pipeline.building.planning import Planned
    from xtask.settings import Workspace

    Files = Callable[[], Iterator[tuple[str, bytes]]]

_COMPOSITION = "the composition"


class Watch:
    """Tells findings that `modules.toml` allows from others; remembers which entries it used."""

    def __init__(self, composition: Composition) -> None:
        """Start with every entry of the allow list unused."""
        self._allowed: dict[tuple[str, str], Allowed] = {
            (entry.path, entry.rule): entry for entry in composition.allowed_secrets
        }
        self._used: set[tuple[str, str]] = set()
        self._seen: set[tuple[str, str]] = set()
        self._in_derived: set[tuple[str, str]] = set()
        self.origins: dict[str, str] = {}
        """Paths of the files that were looked through, relative to the workspace, by digest."""
        self.reasons: dict[str, str] = {}
        """Why what was looked through had to be, by the name of a module; the rest was kept."""

    def sources(self, owner: str, findings: Iterable[Finding]) -> list[Diagnostic]:
        """Return a problem for each finding in the user's own files that is not allowed."""
        refused = []
        for finding in findings:
            if (key := (finding.path, finding.rule)) in self._allowed:
                self._used.add(key)
                self._seen.add((finding.rule, finding.matched))
            else:
                refused.append(finding)
        return _problems(owner, refused)

    def derived(self, owner: str, findings: Iterable[Finding]) -> None:
        """Refuse findings in what was made from those files, unless they are allowed there.

        An exception for a file is one for the same text elsewhere, and for no other of its kind.

        Raises:
            InvalidError: a problem for each that is not.
        """
        known = [
            finding._replace(path=self.origins.get(finding.digest, finding.path))
            for finding in findings
        ]
        left = [each for each in known if (each.rule, each.matched) not in self._seen]
        Problems(self.sources(owner, left)).raise_if_any()
        self._in_derived |= {(each.path, each.rule) for each in left}

    def guard(self, owner: str) -> Guard:
        """Return who looks at the files of a layer that is made of something of the owner."""
        return Guard(self.origins.keys(), partial(self.derived, owner))

    def derived_entries(self) -> list[list[str]]:
        """Return path and rule of each entry that what was made from those files has needed."""
        return [[*key] for key in sorted(self._in_derived)]

    def still_allows(self, entries: Iterable[tuple[str, str]]) -> bool:
        """Return whether entries that were needed before are there still: they are used then."""
        needed = set(entries)
        self._used |= needed & self._allowed.keys()
        return needed <= self._allowed.keys()

    def unused(self) -> tuple[Diagnostic, ...]:
        """Return a warning for each entry that nothing was found for (XT0405)."""
        problems = Problems()
        for key in sorted(self._allowed.keys() - self._used):
            entry = self._allowed[key]
            message = f"nothing in `{entry.path}` looks like `{entry.rule}`"
            problems.warn("XT0405", message, entry.place, help="remove the entry")
        return problems.warnings


def look_through(planned: Planned, workspace: Workspace) -> Watch:
    """Look through `modules.toml`, every manifest, and every file of a module.

    Raises:
        InvalidError: with everything that looks like a secret and is not allowed (XT0404).
        XtaskError: a file is not what was planned any more.
    """
    selection = planned.plan.selection
    composition, cache, problems = selection.composition, workspace.cache, Problems()
    watch, receipts = Watch(composition), Receipts(cache / "secrets")

    def findings(name: str, digest: str, files: Files, digests: Mapping[str, str]) -> list[Finding]:
        key = _key(digest)
        receipts.is_now(name, key)
        found, was_kept = _findings(cache, key, files)
        if not was_kept:
            inputs = {"source": digests, "rules for secrets": {"detect-secrets": version()}}
            watch.reasons[name] = receipts.reason(name, key, inputs)
            write_inputs(cache / "secrets" / key, inputs)
        return found

    texts = {composition.place.source.path: composition.place.source.text}
    for module in selection.modules:
        if module.root is None:
            texts[module.place.source.path] = module.place.source.text
            continue
        files, shown = planned.files[module.name], _shown(module, composition, workspace)
        watch.origins |= {file.digest: f"{shown}/{file.path}" for file in files}
        key, read = planned.plan.sources[module.name], partial(_read, module.root, files)
        digests = {file.path: f"{file.executable:d}{file.digest}" for file in files}
        found = findings(module.name, key, read, digests)
        placed = [each._replace(path=f"{shown}/{each.path}") for each in found]
        problems.found += watch.sources(f"module `{module.name}`", placed)
    digests = {path: sha256(text.encode()) for path, text in texts.items()}
    found = findings(_COMPOSITION, sha256_of(texts), partial(_encoded, texts), digests)
    problems.found += watch.sources(_COMPOSITION, found)
    receipts.keep()
    problems.raise_if_any()
    return watch


def look_at_generated(watch: Watch, generated: Mapping[str, bytes], workspace: Workspace) -> None:
    """Look through the generated files, before they are written.

    Raises:
        InvalidError: something looks like a secret that nobody allowed where it came from (XT0404).
    """
    digests = {name: sha256(data) for name, data in generated.items()}
    key = _key(sha256_of(digests))
    found, _ = _findings(workspace.cache, key, lambda: iter(generated.items()))
    placed = [each._replace(path=f"generated/{each.path}") for each in found]
    watch.derived("the generated code", placed)


def _encoded(texts: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    for path, text in texts.items():
        yield path, text.encode()


def _read(root: Path, files: Sequence[SourceFile]) -> Iterator[tuple[str, bytes]]:
    for file in files:
        data = (root / file.path).read_bytes()
        if sha256(data) != file.digest:
            raise XtaskError(f"{root / file.path} was changed during the build", help="build again")
        yield file.path, data


def _shown(module: Module, composition: Composition, workspace: Workspace) -> str:
    """Return a module's folder relative to the workspace; its name when it is elsewhere."""
    source, root = composition.entries[module.name].source, module.root
    if isinstance(source, PathSource):
        return source.path.rstrip("/")
    if root and root.is_relative_to(workspace.root) and not root.is_relative_to(workspace.releases):
        return root.relative_to(workspace.root).as_posix()
    return module.name


def _key(digest: str) -> str:
    """Return what the findings in the files of a digest are kept under."""
    return hex_of(sha256_of([version(), digest]))


def _findings(cache: Path, key: str, files: Files) -> tuple[list[Finding], bool]:
    """Return what looks like a secret in the files of a key, and whether that was kept."""
    kept = cache / "secrets" / f"{key}.json"
    try:
        return read_findings(json.loads(kept.read_bytes())), True
    except (OSError, ValueError):
        known = rules(cache)
        found = [finding for path, data in files() for finding in search(path, data, known)]
        kept.parent.mkdir(parents=True, exist_ok=True)
        new = kept.with_suffix(f".{os.getpid()}")
        new.write_bytes(canonical_json(found))  # not synced: half of one is no JSON, and made anew
        new.replace(kept)
        return found, False


def _problems(owner: str, findings: Sequence[Finding]) -> list[Diagnostic]:
    """Return one problem for each file and rule, at the first place."""
    first: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        first.setdefault((finding.path, finding.rule), finding)
    counts = {key: sum((other.path, other.rule) == key for other in findings) - 1 for key in first}
    return [_problem(owner, finding, counts[key]) for key, finding in first.items()]


def _problem(owner: str, finding: Finding, more: int) -> Diagnostic:
    span = Span(finding.line, finding.column, 1)
    what, label = f"what looks like a secret, by rule `{finding.rule}`", f"`{finding.shown}…`"
    if finding.rule == RULE:
        what, label = "a file for credentials", "by its name"
    allow = f'path = "{finding.path}"\nrule = "{finding.rule}"\nreason = "…"'
    return Diagnostic(
        "XT0404",
        f"{owner} holds {what}",
        # Without its text: what is there is exactly what nobody may see.
        Place(Source(finding.path, locate=lambda _text, _key, _part: span)),
        label,
        notes=(f"and {more} more in this file",) if more else (),
        help="take it out, and revoke it if it is real; if it is none, say so in modules.toml:\n"
        f"[[secrets.allow]]\n{allow}",
    )
