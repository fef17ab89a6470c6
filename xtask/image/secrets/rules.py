"""The rule set: what detect-secrets knows of the formats of secrets, and a few that it does not.

Its guesses are left out: entropy, and words such as `key` beside a long value. Its import takes
longer than all of the search, so its patterns are kept, under the digest of its own files.
"""

from __future__ import annotations

import functools
import json
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from xtask.digest import canonical_json, hex_of, sha256_of_files
from xtask.errors import XtaskError
from xtask.files import write_atomic
from xtask.image.secrets.kept import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

_GUESSES = frozenset(
    {"Base64 High Entropy String", "Hex High Entropy String", "Secret Keyword", "Public IP (ipv4)"}
    | {"Cloudant Credentials", "IBM Cloud IAM Key", "IBM COS HMAC Credentials"}
    | {"SoftLayer Credentials"}
)
# From each `//` of a line it looks at all white space after that line: ours, below, from one place.
_SLOW = frozenset({"NPM tokens"})
_FIELDS = [str, str, int, str]
# As a plain number: to combine members of an enumeration takes longer than most searches.
_IGNORE_CASE = re.IGNORECASE.value
PRIVATE_KEY = "Private Key"
_ADDED = (
    (PRIVATE_KEY, r"BEGIN ENCRYPTED PRIVATE KEY"),
    (PRIVATE_KEY, r"PuTTY-User-Key-File-[3-9]"),
    ("Address with a token", r"https?://(?=[^\s/@]*[0-9])[A-Za-z0-9_.~%+-]{16,}@[A-Za-z0-9\[]"),
    ("GitHub Token", r"github_pat_\w{22,}"),
    ("Google API Key", r"AIza[\w-]{35}"),
    ("Anthropic Token", r"sk-ant-[\w-]{20,}"),
    ("OpenAI Token", r"sk-(?:proj|svcacct|admin)-[\w-]{20,}"),
    ("Hugging Face Token", r"hf_[A-Za-z0-9]{34}"),
    ("HashiCorp Vault Token", r"hv[sb]\.[\w-]{24,}"),
    ("NPM tokens", r"npm_[A-Za-z0-9]{36}"),
    ("NPM tokens", r"/:_authToken=[^\S\n]*+(?:npm_[^\s\"']+|[A-Fa-f0-9-]{36})"),
    ("age Secret Key", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
)


class Rule(NamedTuple):
    """A kind of secret by the name that people read, and how it is written.

    Every match contains `part`, in lower case when case does not matter: a text without it need
    not be searched.
    """

    name: str
    text: str
    flags: int
    part: str

    @property
    def ignores_case(self) -> bool:
        """Whether upper and lower case are the same to it."""
        return bool(self.flags & _IGNORE_CASE)

    @property
    def pattern(self) -> re.Pattern[str]:
        """What finds it; compiled when it is asked for, because most texts ask for few of them."""
        return _compiled(self.text, self.flags)


@functools.cache
def _compiled(text: str, flags: int) -> re.Pattern[str]:
    return re.compile(text, flags)


@functools.lru_cache(maxsize=1)
def version() -> str:
    """Return the digest of the rule set: of the library's detectors and of this room.

    Raises:
        XtaskError: the library is not installed.
    """
    spec = find_spec("detect_secrets")  # does not import it
    if spec is None or spec.origin is None:
        raise XtaskError(
            "detect-secrets is not installed, and nothing is put into an image unseen",
            help="install xtask with its dependencies: pip install xtask",
        )
    detectors = Path(spec.origin).with_name("plugins").glob("*.py")
    return sha256_of_files([*sorted(detectors), *sorted(Path(__file__).parent.glob("*.py"))])


@functools.lru_cache(maxsize=1)
def rules(cache: Path) -> tuple[Rule, ...]:
    """Return every rule.

    Args:
        cache: folder for what can be thrown away.
    """
    kept = cache / "secrets" / f"rules-{hex_of(version())}.json"
    try:
        return _read(json.loads(kept.read_bytes()))
    except (OSError, ValueError):
        known = [*_library(), *((name, pattern, 0) for name, pattern in _ADDED)]
        found = tuple(Rule(*rule, _part(*rule[1:])) for rule in known)
        write_atomic(kept, canonical_json(found))
        return found


def _read(document: object) -> tuple[Rule, ...]:
    """Return kept rules; none at all would find nothing, and are no rule set.

    Raises:
        ValueError: it is something else.
    """
    if found := rows(document, _FIELDS):
        return tuple(Rule(*row) for row in found)
    raise ValueError("these are no rules")


def _library() -> Iterator[tuple[str, str, int]]:
    """Yield name, pattern and flags of each format that the library detects."""
    from detect_secrets.core.plugins.util import (  # noqa: PLC0415 - only the first layer pays
        get_mapping_from_secret_type_to_class,
    )
    from detect_secrets.plugins.base import RegexBasedDetector  # noqa: PLC0415

    known: dict[str, Any] = get_mapping_from_secret_type_to_class()
    for name, detector in sorted(known.items()):
        if issubclass(detector, RegexBasedDetector) and name not in _GUESSES | _SLOW:
            for pattern in detector.denylist:
                yield name, pattern.pattern, pattern.flags


def _part(pattern: str, flags: int) -> str:
    """Return the longest text that a pattern has at its top level, outside of every choice."""
    parser = import_module("re._parser")  # what `re` itself reads patterns with
    runs = [""]
    for kind, value in parser.parse(pattern, flags):
        if str(kind) == "LITERAL":
            runs[-1] += chr(value)
        else:
            runs.append("")
    longest = max(runs, key=len)
    return longest.lower() if flags & re.IGNORECASE else longest
