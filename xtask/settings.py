"""What the environment and the command line say about this run, read once, then frozen."""

from __future__ import annotations

import getpass
import os
import platform
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from xtask.errors import UsageError
from xtask.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping


LEASE_SECONDS = 60.0
# A second is four signs of life; after an hour nobody waits for a dead builder any more.
_SHORTEST_LEASE, _LONGEST_LEASE = 1, 3600
# What SQLAlchemy reads as a file: `sqlite:///relative`, `sqlite:////absolute`, options after `?`.
_SQLITE_FILE = re.compile(r"sqlite(?:\+pysqlite)?:///(?!file:)([^?]+)(?:\?.*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder with `modules.toml`, and where everything in it lies.

    Args:
        root: that folder.
        home: the folder whose `releases/` is meant, when `root` is a checkout for one build.
    """

    root: Path
    home: Path | None = field(default=None, kw_only=True)

    @property
    def manifest(self) -> Path:
        """The composition."""
        return self.root / "modules.toml"

    @property
    def lock(self) -> Path:
        """What was chosen, committed beside the composition."""
        return self.root / "modules.lock"

    @property
    def generated(self) -> Path:
        """The static registry and route map, committed."""
        return self.root / "generated"

    @property
    def releases(self) -> Path:
        """Everything that a build makes and the records, not committed."""
        return (self.home or self.root) / "releases"

    @property
    def layout(self) -> Path:
        """The OCI image layout."""
        return self.releases / "oci"

    @property
    def tars(self) -> Path:
        """The layers of an image whose layout has them compressed."""
        return self.cache / "tars"

    @property
    def bundles(self) -> Path:
        """One folder per manifest hash."""
        return self.releases / "bundles"

    @property
    def inputs(self) -> Path:
        """What builds were made from, by digest."""
        return self.releases / "inputs"

    @property
    def cache(self) -> Path:
        """What can be thrown away."""
        return self.releases / "cache"

    @property
    def keys(self) -> Path:
        """The private keys, unless the environment names another folder."""
        return self.releases / "keys"

    @property
    def trust(self) -> Path:
        """The keys that are believed."""
        return self.releases / "trust.json"

    @property
    def audit(self) -> Path:
        """The checkpoints of the log."""
        return self.releases / "audit"

    @property
    def records(self) -> Path:
        """The embedded records database."""
        return self.releases / "records.sqlite3"


@dataclass(frozen=True, slots=True)
class Settings:
    """One run: where, on whose behalf, with which records database and private keys.

    `lease_seconds` is how long it may give no sign of life before others take over what it does.
    """

    workspace: Workspace
    database_url: str
    actor: str
    keys: Path
    lease_seconds: float = LEASE_SECONDS

    @property
    def holder(self) -> str:
        """Who holds leases: the actor, the machine and the process."""
        return f"{self.actor}@{platform.node()}:{os.getpid()}"

    @property
    def is_embedded(self) -> bool:
        """Whether the records are the SQLite file of this workspace, however it is written."""
        file = _SQLITE_FILE.fullmatch(self.database_url)
        return file is not None and Path(file[1]).resolve() == self.workspace.records.resolve()


def read_settings(root: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings for the workspace `root`.

    `XTASK_DATABASE_URL` names the records database (default: SQLite in `releases/`),
    `XTASK_ACTOR` who is acting (default: the login name), `XTASK_KEYS` the folder of private keys,
    `XTASK_LEASE_SECONDS` after how much silence a builder or deployer counts as lost (default: 60).

    Raises:
        UsageError: `XTASK_KEYS` names something that is no folder, or the seconds are no number.
    """
    workspace = Workspace(Path(os.path.abspath(root)))  # noqa: PTH100 - keep links as the user wrote them
    keys = Path(environ.get("XTASK_KEYS") or workspace.keys).absolute()
    if environ.get("XTASK_KEYS") and os.path.lexists(keys) and not keys.is_dir():
        raise UsageError(f"{keys} is not a folder", help="XTASK_KEYS names the folder of keys")
    return Settings(
        workspace=workspace,
        database_url=environ.get("XTASK_DATABASE_URL") or _embedded(workspace),
        actor=redacted(environ.get("XTASK_ACTOR") or _login_name()),
        keys=keys,
        lease_seconds=_lease(environ.get("XTASK_LEASE_SECONDS") or str(int(LEASE_SECONDS))),
    )


def _lease(text: str) -> float:
    seconds = int(text) if re.fullmatch(r"[0-9]{1,4}", text) else 0
    if not _SHORTEST_LEASE <= seconds <= _LONGEST_LEASE:
        raise UsageError(
            f"XTASK_LEASE_SECONDS is {text[:20]!r}",
            help=f"write a whole number from {_SHORTEST_LEASE} to {_LONGEST_LEASE}",
        )
    return float(seconds)


def _embedded(workspace: Workspace) -> str:
    return f"sqlite:///{workspace.records}"


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid{os.getuid()}"
