"""What can go wrong with a registry, and which of it passes by itself."""

from __future__ import annotations

import json

from xtask.errors import XtaskError

_LONGEST = 200
_MAX_BODY = 1 << 16


class RegistryError(XtaskError):
    """A registry that did not answer (`status` 0), or said no; `code` is its own name for that.

    `transient` errors may not happen again; `retry_after` is how long to wait, in seconds.
    """

    def __init__(  # noqa: PLR0913 - what is known of a failed request
        self,
        message: str,
        *,
        status: int = 0,
        code: str = "",
        transient: bool = False,
        retry_after: float | None = None,
        help: str | None = None,  # noqa: A002 - the word users read
    ) -> None:
        super().__init__(message, help=help)
        self.status = status
        self.code = code
        self.transient = transient
        self.retry_after = retry_after


def said(body: bytes) -> tuple[str, str]:
    """Return the code and the message of an answer that is an error; empty when it has none.

    OCI Distribution Specification 1.1, "Error codes". Both are somebody else's text: short, and
    without characters that a terminal would obey.
    """
    try:
        (first, *_) = json.loads(body[:_MAX_BODY])["errors"]
        code, message = str(first.get("code", "")), str(first.get("message", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "", ""
    return plain(code), plain(message)


def plain(text: str) -> str:
    """Return foreign text as a message may show it."""
    return "".join(one if one.isprintable() else " " for one in text[:_LONGEST]).strip()
