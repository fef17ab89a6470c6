"""The search: what looks like a secret in the bytes of a file, and where.

Time is linear in the size: a rule sees at most 4,096 characters of a line at once.
"""

from __future__ import annotations

import codecs
import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple

from xtask.digest import sha256, sha256_of
from xtask.image.secrets.kept import rows
from xtask.image.secrets.names import RULE, is_secret_by_name
from xtask.image.secrets.rules import PRIVATE_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xtask.image.secrets.rules import Rule

_FIELDS = [str, str, int, int, str, str, str]
_WINDOW = 4096
_SHOWN = 4
_HEAD = 8192
_PRINTABLE = re.compile(rb"[\t\x20-\x7e]{16,}")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Their formats begin with nothing of their own: inside of longer words they are an accident.
_WHOLE_WORDS = frozenset(
    {"AWS Access Key", "Discord Bot Token", "Mailchimp Access Key", "Telegram Bot Token"}
    | {"Twilio API Key"}
)
_WORD = re.compile(r"[0-9A-Za-z+/_-]")
_EXAMPLE = "EXAMPLE"  # how Amazon's documentation ends its keys
# After the line that begins a key (RFC 7468 section 2): headers (RFC 1421), then its base64. Line
# ends may be lost or escaped, so it may be in the line of a header; but a header that is followed
# by another is a whole line, because whatever can be divided in two ways takes exponential time.
_KEY_FOLLOWS = re.compile(
    r"[A-Z ]*-{5}(?:\s|\\[nr]|[\"'+,()])*(?:[A-Z][\w-]*: .*\n(?:\s|\\[nr])*+)*"
    r"(?:[A-Z][\w-]*: .*?)?[A-Za-z0-9+/=]{16}"
)
_LOOK_AHEAD = 1024
_DASHES = "-----"
_PUTTY = "PuTTY-User-Key-File-"
# What differs between the same key in PEM, in a string of some language, and with other lines.
_NOT_OF_A_KEY = re.compile(r"\\[nr]|[^A-Za-z0-9/=]")
_PLACEHOLDER = re.compile(
    r"pass(?:w(?:or)?d)?|pw|pwd|p|secret|token|key|user(?:name)?|admin|root|guest|test(?:ing)?"
    r"|example|change[-_]?(?:me|it)|x+|\*+|\.{3}|…|<[^>]*>|\{.*\}|%(?:\(\w+\))?s|(?:your|my)[-_]?\w*",
    re.IGNORECASE,
)


class Finding(NamedTuple):
    """What looks like a secret: where, by which rule, and at most its first four characters.

    Line and column count from 1; `digest` is that of the whole file. `matched` is that of the text
    that was found, wherever it stands; of a file for credentials that of its name and content.
    """

    path: str
    digest: str
    line: int
    column: int
    rule: str
    shown: str
    matched: str


def read_findings(document: object) -> list[Finding]:
    """Return findings from the JSON in which they were kept.

    Raises:
        ValueError: it is something else.
    """
    return [Finding(*row) for row in rows(document, _FIELDS)]


def search(path: str, data: bytes, rules: Sequence[Rule]) -> list[Finding]:
    """Return what looks like a secret in a file, sorted.

    Args:
        path: relative, with `/`; its end says what kind of file it is.
        data: all of it.
        rules: what to look for.
    """
    found: dict[tuple[int, int, str], str] = {}
    for line, start, text in _pieces(_text(data)):
        lower = text.lower()
        for rule in rules:
            if rule.part not in (lower if rule.ignores_case else text):
                continue
            for match in rule.pattern.finditer(text):
                if _is_secret(rule, match):
                    before = text.count("\n", 0, match.start())
                    column = match.start() - text.rfind("\n", 0, match.start())
                    place = (line + before, column + (0 if before else start), rule.name)
                    # A window may have cut it off; another one has all of it.
                    found[place] = max(found.get(place, ""), _whole(rule, match), key=len)
    is_for_credentials = is_secret_by_name(path)
    if not found and not is_for_credentials:
        return []
    digest = sha256(data)
    findings = [
        Finding(path, digest, *place, text[:_SHOWN], sha256(text.encode()))
        for place, text in found.items()
    ]
    if is_for_credentials:
        matched = sha256_of([posixpath.basename(path), digest])
        findings.append(Finding(path, digest, 1, 1, RULE, "", matched))
    return sorted(findings)


def _text(data: bytes) -> str:
    """Return the text of a file; of one that is none, its printable runs."""
    if data.startswith(_UTF16):
        return data.decode("utf-16", "replace")
    if b"\0" in data[:_HEAD]:
        data = b"\n".join(_PRINTABLE.findall(data))
    return data.decode("utf-8", "replace")


def _pieces(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield line, characters before it in that line, and text: long lines in overlapping windows.

    Half of a window is in the next one, so that whatever is shorter is in one of them as a whole.
    """
    lines = text.split("\n")
    if max(map(len, lines)) <= _WINDOW:
        yield 1, 0, text
        return
    short: list[str] = []
    for number, line in enumerate(lines, 1):
        if len(line) <= _WINDOW:
            short.append(line)
            continue
        if short:
            yield number - len(short), 0, "\n".join(short)
            short = []
        for start in range(0, len(line), _WINDOW // 2):
            yield number, start, line[start : start + _WINDOW]
    if short:
        yield len(lines) - len(short) + 1, 0, "\n".join(short)


def _whole(rule: Rule, match: re.Match[str]) -> str:
    """Return all of the text that was found.

    The rule for private keys matches what begins all of them: what makes it this one comes after.
    """
    if rule.name != PRIVATE_KEY:
        return match[0].strip()
    after = match.string[match.end() : match.end() + _WINDOW]
    if "BEGIN" in match[0]:
        body = after.partition(_DASHES)[2].partition(_DASHES)[0]
    else:
        body = after.partition(_PUTTY)[0]
    return match[0] + _NOT_OF_A_KEY.sub("", body)


def _is_secret(rule: Rule, match: re.Match[str]) -> bool:
    """Tell a secret from what only mentions one, and from a placeholder."""
    text, (start, end) = match.string, match.span()
    if rule.name == PRIVATE_KEY:
        return "BEGIN" not in match[0] or bool(_KEY_FOLLOWS.match(text, end, end + _LOOK_AHEAD))
    if rule.name == "Basic Auth Credentials":
        user, _, password = match[0][len("://") : -1].partition(":")
        return password != user and not _PLACEHOLDER.fullmatch(password)
    if rule.name == "JSON Web Token":
        from detect_secrets.plugins.jwt import JwtTokenDetector  # noqa: PLC0415 - nearly never

        try:
            return bool(JwtTokenDetector.is_formally_valid(match[0]))
        except RecursionError:
            return False  # no token is nested so deeply
    if rule.name in _WHOLE_WORDS:
        is_whole = not _WORD.match(text, end) and not (start and _WORD.match(text, start - 1))
        return is_whole and not match[0].endswith(_EXAMPLE)
    return True
