"""Files that are secrets whatever is in them, by their names."""

from __future__ import annotations

import re

RULE = "file name"
"""What an allow list calls this rule."""

# Where programs look for credentials; `.env.example` and its like show only which names there are.
_FILES = re.compile(
    r"(?:.*/)?(?:"
    r"\.env(?:\.(?!example|sample|template|dist|defaults?)[\w-]+)*"
    r"|[._]netrc|\.pypirc|\.pgpass|\.my\.cnf|\.htpasswd|\.git-credentials|\.dockercfg|\.vault-token"
    r"|id_(?:rsa|dsa|ecdsa|ed25519|ecdsa_sk|ed25519_sk)"
    r"|\.git/config|\.docker/config\.json|\.aws/credentials|\.kube/config"
    r"|[^/]*\.(?:p12|pfx|jks|keystore|kdbx|ppk)"
    r")",
    re.ASCII | re.IGNORECASE,
)


def is_secret_by_name(path: str) -> bool:
    """Return whether a file of this path, with `/`, exists to hold credentials."""
    return _FILES.fullmatch(path) is not None
