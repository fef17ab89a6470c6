"""Text without its secrets: everything that is shown, logged or recorded passes here.

What counts: values of environment variables with names such as `API_TOKEN`, passwords in addresses
(RFC 3986 section 3.2.1), headers that carry credentials (RFC 9110 section 11.6.2), values assigned
to names such as `password`, private keys (RFC 7468), and tokens whose shape says who issued them.
Digests stay: they are how everything here is named.
"""

from __future__ import annotations

import os
import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MASK = "***"

_NAMES = ("TOKEN", "SECRET", "PASSW", "PASSPHRASE", "CREDENTIAL", "APIKEY")
_NAME_PARTS = frozenset({"KEY", "PASS", "PW", "PWD", "AUTH", "COOKIE"})
# The folders that a shell is in and was in.
_NOT_NAMES = frozenset({"PWD", "OLDPWD"})
# Shorter values are words such as `true`, and are everywhere.
_SHORTEST, _SHORTEST_LINE = 8, 16
# Shorter ones are replaced as words only: `postgres` is no part of `postgresql`.
_SURE = 12

# Each shape with what all its texts contain: nothing is compiled that cannot match.
_TOKENS = (
    (("gh", "github_pat_"), r"gh[oprsu]_[A-Za-z0-9_]{20,}|github_pat_\w{20,}"),
    (("gl", "GR1348941"), r"gl(?:[a-z]{2,6}|agent)-[\w-]{16,}|GR1348941[\w-]{16,}"),
    (("xox", "xapp-"), r"xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,}"),
    (("hooks.slack.com",), r"(?<=hooks\.slack\.com/services/)[\w/]{8,}"),
    (("k_live_", "k_test_", "whsec_"), r"[sr]k_(?:live|test)_\w{16,}|whsec_\w{16,}"),
    (("AKIA", "ASIA", "ABIA", "ACCA"), r"A(?:KIA|SIA|BIA|CCA)[0-9A-Z]{16}(?![0-9A-Za-z])"),
    (("AIza", "ya29."), r"AIza[\w-]{35}|ya29\.[\w-]{20,}"),
    (("sk-",), r"sk-(?=[\w-]{0,99}[0-9])[\w-]{20,}"),
    (("npm_",), r"npm_[A-Za-z0-9]{36}"),
    (("pypi-Ag",), r"pypi-Ag[\w-]{16,}"),
    (("SG.",), r"SG\.[\w-]{16,99}\.[\w-]{16,}"),
    (("hf_", "hvs.", "hvb.", "dop_v1_"), r"hf_\w{30,}|hv[sb]\.[\w-]{20,}|dop_v1_[0-9a-f]{40,}"),
    (("sq0",), r"sq0[a-z]{3}-[\w\\-]{20,}"),
    (("AC", "SK"), r"(?:AC|SK)[0-9a-f]{32}(?![0-9A-Za-z])"),
    (("-us",), r"[0-9a-f]{32}-us[0-9]{1,2}(?![0-9A-Za-z])"),
    (("AKC", "=AP"), r"AKC[A-Za-z0-9]{16,}|(?<==)AP[0-9A-F][A-Za-z0-9]{16,}"),
    ((":AA",), r"[0-9]{8,10}:AA[\w-]{33}(?![\w-])"),
    (("AccountKey=",), r"(?<=AccountKey=)[A-Za-z0-9+/=]{40,}"),
    (("AGE-SECRET-KEY-",), r"AGE-SECRET-KEY-1[0-9A-Z]{20,}"),
    (("eyJ",), r"eyJ[\w-]{8,999}\.[\w-]{8,}(?:\.[\w-]*)?"),
    ((".",), r"[MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27,}"),
)
_WORD_BEFORE = r"(?<![A-Za-z0-9])"
_NAMED = (
    r"(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|credentials?)"
)
_PRIVATE_KEY = (
    r"(-----BEGIN (?=[A-Z0-9 ]*PRIVATE KEY)[A-Z0-9 ]*+-----).*?(-----END [A-Z0-9 ]*+-----|\Z)"
)
# Also with a slash, which should be %2F there and often is not; a port with a path is no password.
_USERINFO = (
    r"(://[^\s/:@'\"<>\[]*:)(?:[^\s/'\"<>]+|(?![0-9]{1,5}/)[^\s/'\"<>]{1,128}+/[^\s'\"<>]{0,128}?)@"
)
# The same before the name of an image, which has no scheme: what comes after the `@` is a host and
# no digest, and no version. Longer than any password is bounded, because this begins at every word.
_USERINFO_ALONE = (
    r"(?<![\w:@/.+~%-])((?!sha[0-9]|mailto:|pkg:)[\w.~%+-]{1,255}+:)"
    r"(?:[^\s/'\"<>`]{1,512}|(?![0-9]{1,5}/)[^\s/'\"<>`]{1,128}+/[^\s'\"<>`]{0,128}?[^\s/'\"<>`])"
    r"@(?!sha[0-9]+:)"
    r"(?=localhost\b|[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]|/)|(?:[\w-]+\.)+[A-Za-z]"
    r"|[0-9]+(?:\.[0-9]+){3}\b)"
)
_USER_ALONE = r"(https?://)[^\s/:@'\"<>]{8,}@"
_HEADER = (
    r"(?i)(?<![\w-])((?:proxy-)?authorization|(?:set-)?cookie|(?:private|job|deploy)-token"
    r"|x-[\w-]{0,64}?(?:token|key|secret|auth)[\w-]{0,64})"
    r"([^\S\n]*+(?:['\"][^\S\n]*+)?[:=]\s*(?:b(?=['\"]))?['\"]?)"
    r"((?:basic|bearer|token|digest|negotiate)\s+)?+(?!\s|\*{3})[^\n'\",}\]]{4,}"
)
_SCHEME = r"(?i)\b(bearer|basic)(\s+)(?=[\w.~+/-]{0,999}[0-9=+/_])[\w.~+/-]{12,}=*"
_OPTION = rf"(?i)(?<![\w-])(--[\w-]{{0,64}}?{_NAMED}[\w-]{{0,64}})(=|\s+)(?!-)[^\s'\",]{{6,}}"
_ASSIGNED = (
    rf"(?i)(?<![\w.-])([\w.-]{{0,64}}?{_NAMED}(?:\\?['\"])?\s?[=:]\s*[\[(]?)"
    r"(?:(\\?['\"])(?!\2|sha256:)[^'\"\n]{4,}?(?=\2|\n|\Z)"
    # After a colon a word may just be the next one of a sentence.
    r"|(?!sha256:|true\b|false\b|none\b|null\b|[{<$`'\"]|(?<=:\s)[A-Za-z]{1,20}(?!\S))[^\s'\",;)}\]]{6,})"
)
# Again what every match contains, in lower case but for private keys; then the text instead.
_PATTERNS = (
    (("PRIVATE KEY",), _PRIVATE_KEY, rf"\1{MASK}\2"),
    (("://",), _USERINFO, rf"\1{MASK}@"),
    (("://",), _USER_ALONE, rf"\1{MASK}@"),
    (("@",), _USERINFO_ALONE, rf"\1{MASK}@"),
    (("authorization", "cookie", "x-", "-token"), _HEADER, rf"\1\2\3{MASK}"),
    (("bearer", "basic"), _SCHEME, rf"\1\2{MASK}"),
    (("--",), _OPTION, rf"\1\2{MASK}"),
    (("pass", "secret", "token", "key", "credential"), _ASSIGNED, rf"\1\2{MASK}"),
)


def redacted(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the text with every secret in it masked; what is masked stays as it is.

    Args:
        text: what is about to be shown.
        environ: the environment whose secret values are known.
    """
    text = _without_values(text, _values(tuple(environ.items())))
    lower = text.lower()
    for marks, pattern, mask in _PATTERNS:
        if any(mark in text or mark in lower for mark in marks):
            text = re.sub(pattern, mask, text, flags=re.DOTALL)
    return without_tokens(text)


def redacted_value(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a JSON value with the secrets in its strings masked; its keys are ours."""
    # Most have none, and to look once at everything is quicker than at each.
    joined = "\n".join(_strings(value))
    return value if redacted(joined) == joined else _redacted(value)


def _strings(value: Any) -> Iterator[str]:  # noqa: ANN401
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)


def _redacted(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {key: _redacted(each) for key, each in value.items()}
    return [_redacted(each) for each in value] if isinstance(value, list | tuple) else value


def without_tokens(text: str) -> str:
    """Return the text with the tokens in it masked that are known by their shape."""
    for marks, pattern in _TOKENS:
        if any(mark in text for mark in marks):
            text = _token(pattern).sub(MASK, text)
    return text


@cache
def _token(pattern: str) -> re.Pattern[str]:
    return re.compile(f"{_WORD_BEFORE}(?:{pattern})", re.ASCII)


def _without_values(text: str, values: tuple[str, ...]) -> str:
    """Mask known values; one that happens to be part of a digest stays there."""
    if not any(value in text for value in values):
        return text
    known = "|".join(
        re.escape(value) if len(value) >= _SURE else rf"\b{re.escape(value)}\b" for value in values
    )
    pattern = rf"(sha256:[0-9a-f]{{64}})|{known}"
    return re.sub(pattern, lambda found: found[1] or MASK, text)


@lru_cache(maxsize=2)
def _values(environ: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Return what secret variables hold, as a text may spell it, the longest first."""
    found: set[str] = set()
    for name, value in environ:
        secrets = [value] if _is_secret_name(name) else []
        if "://" in value and (password := re.search(r"://[^:@/\s]*:(\S+)@", value)):
            secrets.append(password[1])
        for secret in filter(_is_secret_value, secrets):
            found.update(_spellings(secret))
    return tuple(sorted(found, key=lambda value: (-len(value), value)))


def _is_secret_name(name: str) -> bool:
    upper = name.upper()
    return upper not in _NOT_NAMES and (
        any(word in upper for word in _NAMES) or not _NAME_PARTS.isdisjoint(upper.split("_"))
    )


def _is_secret_value(value: str) -> bool:
    """Tell a secret from a word, a number, and the path of a file that holds one."""
    is_number = value.isdecimal() and len(value) < _SURE
    return len(value) >= _SHORTEST and not is_number and not os.path.exists(value)  # noqa: PTH110


def _spellings(secret: str) -> set[str]:
    from urllib.parse import quote, unquote  # noqa: PLC0415 - nearly no environment has secrets

    lines = {line.strip() for line in secret.splitlines()} if "\n" in secret else set()
    quoted = {quote(secret, safe=""), unquote(secret), repr(secret)[1:-1]}
    return {secret, *quoted, *(line for line in lines if len(line) >= _SHORTEST_LINE)}
