"""The grammars of strings in manifests: what matches becomes identifiers, URLs and file names."""

from __future__ import annotations

import re
from typing import NamedTuple

# Longer than any sensible name or path, shorter than what a file system refuses.
MAX_LENGTH = 200


class Grammar(NamedTuple):
    """A regular expression for the whole string, what it is called, and how one is written.

    It is compiled when it is first used: no product uses all.
    """

    pattern: str
    meaning: str
    rule: str

    def matches(self, text: str) -> bool:
        """Return whether a string follows the grammar."""
        return self.parts(text) is not None

    def parts(self, text: str) -> tuple[str, ...] | None:
        """Return the groups of a string that follows the grammar, None for any other."""
        found = re.fullmatch(self.pattern, text) if len(text) <= MAX_LENGTH else None
        return found.groups() if found else None


# One step of a URL path; `.` and `..` are resolved by clients, so none arrives (RFC 3986 5.2.4).
_STEP = r"(?!\.\.?(?:/|$))[A-Za-z0-9._~-]+"
_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_NUMBER = r"(0|[1-9][0-9]{0,17})"
_LABEL = rf"({_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSIONS = r"(~=|==|!=|<=|>=|<|>) *[0-9][A-Za-z0-9.*+!_-]*"
_WEEK_TIME = r"(mon|tue|wed|thu|fri|sat|sun) ([01][0-9]|2[0-3]):([0-5][0-9])"
_METADATA = r"\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*"

NAME = Grammar(
    r"[a-z][a-z0-9]*([-_][a-z0-9]+)*",
    "a name",
    "lower-case letters, digits, and single `-` or `_` between them, such as `gift-cards`",
)
SETTING = Grammar(
    r"[a-z][a-z0-9_]*", "a name of a setting", "lower-case letters, digits and `_`: `page_size`"
)
VERSION = Grammar(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_LABEL}(\.{_LABEL})*)?({_METADATA})?",
    "a semantic version",
    "write three numbers: `1.0.0` (semver.org 2.0.0)",
)
PACKAGE = Grammar(
    r"[a-z][a-z0-9_]*", "a Python package", "lower-case letters, digits and `_`: `gift_cards`"
)
ENTRY_POINT = Grammar(
    r"[a-z][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*",
    "`package.module:attribute`",
    "write the module, a colon, and a name in it, such as `shop.api:router`",
)
ADDRESS = Grammar(
    r"[a-z][a-z0-9+.-]*://\S+|[A-Za-z0-9_][\w.-]*@[\w.-]+:\S+|/\S*",
    "the address of a repository",
    "write a URL, `user@host:path` or an absolute path, which mean the same in every folder",
)
# In plain text only from this machine; the name and password of a user would be in every message.
DOWNLOAD = Grammar(
    r"(https://[^\s/?#@]+|http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?)/\S*",
    "an HTTPS address",
    "write a path, or `https://…`",
)
PREFIX = Grammar(
    rf"(/{_STEP})+", "a path prefix", "begin with `/` and do not end with it: `/api/shop`"
)
ROUTE = Grammar(
    rf"/|(/({_STEP}|:[A-Za-z][A-Za-z0-9_]*))+",
    "a route path",
    "begin with `/`, name parameters with a colon: `/articles/:id`",
)
EVENT = Grammar(
    r"[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+",
    "an event",
    "lower-case words with a dot between them, such as `shop.order.placed`",
)
DURATION = Grammar(
    r"([1-9][0-9]{0,4})([smhd])",
    "a duration",
    "a whole number and its unit: `90s`, `30m`, `1h` or `2d`",
)
MEMORY = Grammar(
    r"([1-9][0-9]{0,6})([KMG]iB)", "an amount of memory", "a whole number and its unit: `512MiB`"
)
VARIABLE = Grammar(
    r"[A-Za-z_][A-Za-z0-9_]*",
    "a name of an environment variable",
    "letters, digits and `_`, such as `LOG_LEVEL`",
)
REQUEST = Grammar(
    r"/[!-~]*", "the path of a request", "begin with `/`, and write spaces as `%20`: `/shop?page=2`"
)
SECRET_FILE = Grammar(
    r"(?!(.*/)?\.\.(/|$))[^\x00-\x1f]+",
    "the path of a file",
    "an absolute path, or one inside the workspace",
)
WEEKLY = Grammar(
    rf"{_WEEK_TIME} - {_WEEK_TIME}",
    "a time of the week",
    "two days and times in UTC, such as `fri 16:00 - mon 08:00`",
)
FILE = Grammar(
    rf"{_PART}(/{_PART})*",
    "a relative path of plain names",
    "letters, digits, `.`, `_` and `-`, with `/` between folders, such as `static/page.js`",
)
COMMIT = Grammar(
    r"[0-9a-f]{40}([0-9a-f]{24})?",
    "a full commit id",
    "write all 40 hex digits that `git rev-parse` prints: a branch would move",
)
PROJECT = Grammar(
    r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?",
    "a name of the Python package index",
    "letters, digits, `.`, `_` and `-`, such as `prometheus-client`",
)
SPECIFIER = Grammar(
    rf"({_VERSIONS}( *, *{_VERSIONS})*)?",
    "a version specifier of the Python package index",
    "comparisons with a comma between them, such as `>=1.2,<2` (PEP 440)",
)
# The parts of an image's name, as github.com/distribution/reference has them: what is accepted here
# is refused nowhere later. A first part with a dot is a host, and no host has a `_`.
_PLAIN = r"[a-z0-9]+(?:(?:_{1,2}|-+)[a-z0-9]+)*"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_IMAGE_PATH = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_DOMAIN = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = rf"{_DOMAIN}(?:\.{_DOMAIN})*(?::[0-9]{{1,5}})?"
PORTS = range(1, 1 << 16)
"""Those of TCP."""
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
BASE = Grammar(
    rf"interpreter|oci:{_PART}(?:/{_PART})*(?::{_PART})?"
    rf"|(?!oci:)(?:(?:{_HOST}|{_PLAIN})/{_IMAGE_PATH}|{_COMPONENT})"
    rf"(?::{_TAG}(?:@sha256:[0-9a-f]{{64}})?|@sha256:[0-9a-f]{{64}})",
    "a base",
    "write `interpreter`, an image with a tag or digest (`registry.example/python:3.12-slim`), or "
    "an image layout of the workspace (`oci:path/to/layout`)",
)
REPOSITORY = Grammar(
    rf"(?![^/]*[A-Z]){_HOST}/{_IMAGE_PATH}",
    "an image repository",
    "a host and a path without a tag, such as `registry.example/shop/storefront`",
)
