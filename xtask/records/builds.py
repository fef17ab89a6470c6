"""Every query about builds."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, func, insert, select, update

from xtask.errors import RefusedError
from xtask.records import rules, tables
from xtask.records.connection import Database
from xtask.records.values import Build

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection

    from xtask.records.values import BuildModule, BuildStatus

LOST = "builder lost"
_SHORTEST_HASH = 8
_newest_first = (tables.builds.c.created_at.desc(), tables.builds.c.id.desc())
_live_first = case((tables.builds.c.status.in_(rules.LIVE), 0), else_=1)


class Builds(Database):
    """Attempts to make bundles, at most one live per manifest hash."""

    __slots__ = ()

    def live_build(self, manifest_hash: str) -> Build | None:
        """Return the build of a manifest hash that is queued, running or succeeded."""
        with self.reading() as connection:
            return _live(connection, manifest_hash)

    def begin_build(  # noqa: PLR0913 - what a build consists of
        self,
        manifest_hash: str,
        *,
        profile: str,
        modules: Sequence[BuildModule],
        actor: str,
        reason: str = "",
        alone: bool = False,
    ) -> Build:
        """Record a build that starts to run now.

        Args:
            manifest_hash: of everything that can change the image.
            profile: `release` or `debug`.
            modules: what is built, without layers.
            actor: who wants it.
            reason: why, in words.
            alone: the caller holds the lock under which all builds of these records run. A build
                of this hash that still runs was then left by a dead process, and fails as lost.

        Raises:
            RefusedError: a build of this hash is queued, running elsewhere, or has succeeded.
        """
        with self.writing() as connection:
            self._require_no_live(connection, manifest_hash, alone=alone)
            last = connection.execute(_last_succeeded).mappings().first()
            before = Build.from_row(last).modules if last else ()
            build_id = str(self.new_id())
            row = {
                "id": build_id,
                "status": "running",
                "stage": "started",
                "progress": 0,
                "profile": profile,
                "manifest_hash": manifest_hash,
                "modules": [asdict(module) for module in modules],
                "modules_delta": asdict(rules.modules_delta(before, modules)),
                "requested_by": actor,
                "reason": reason,
                "created_at": self.timestamp(),
            }
            connection.execute(insert(tables.builds).values(row))
            return one_build(connection, build_id)

    def advance_build(self, build_id: str, stage: str, progress: int) -> None:
        """Record how far a running build is: a stage's name, and 0 to 100 that never decreases.

        Raises:
            RefusedError: the build does not run, or was further already.
        """
        with self.writing() as connection:
            build = one_build(connection, build_id, lock=True)
            if build.status != "running":
                raise RefusedError(f"build {build.id} is {build.status} and cannot advance")
            _change(connection, build.id, stage=stage, progress=progress)

    def finish_build(  # noqa: PLR0913 - what a success consists of
        self,
        build_id: str,
        *,
        image_digest: str,
        config_digest: str,
        image_ref: str,
        bundle: str,
        modules: Sequence[BuildModule],
    ) -> Build:
        """Record success with its evidence; again for a succeeded build when the image is the same.

        Raises:
            RefusedError: the build does not run, or this manifest hash has another image already.
        """
        with self.writing() as connection:
            build = one_build(connection, build_id, lock=True)
            if build.status == "succeeded":
                return _same_image(build, image_digest)
            return self._end(
                connection,
                build,
                "succeeded",
                stage="complete",
                progress=100,
                image_digest=image_digest,
                config_digest=config_digest,
                image_ref=image_ref,
                bundle=bundle,
                modules=[asdict(module) for module in modules],
            )

    def fail_build(self, build_id: str, error: str) -> Build:
        """Record that a running build failed, and why; its stage stays where it was."""
        with self.writing() as connection:
            build = one_build(connection, build_id, lock=True)
            return self._end(connection, build, "failed", error=error)

    def count_builds(self) -> int:
        """Return how many builds there are, failed ones too."""
        with self.reading() as connection:
            return connection.execute(select(func.count()).select_from(tables.builds)).scalar_one()

    def builds(self, limit: int = 50) -> tuple[Build, ...]:
        """Return the newest builds, newest first."""
        query = select(tables.builds).order_by(*_newest_first).limit(limit)
        with self.reading() as connection:
            return tuple(Build.from_row(row) for row in connection.execute(query).mappings())

    def build(self, build_id: str) -> Build:
        """Return the build of an id, or of the beginning of one when that names exactly one.

        Raises:
            RefusedError: none or several.
        """
        with self.reading() as connection:
            return _the_one(build_id, _by_id(connection, build_id))

    def find_build(self, what: str) -> Build:
        """Return the build that a person means by a build id, a manifest hash or a release id.

        Ids and hashes may be cut (a hash to 8 digits, with or without `sha256:`) while they name
        one build; of several attempts at one hash the live one is meant, else the newest.

        Raises:
            RefusedError: none or several.
        """
        with self.reading() as connection:
            found = [
                *_by_id(connection, what),
                *_by_hash(connection, what),
                *_by_release(connection, what),
            ]
            return _the_one(what, list({build.id: build for build in found}.values()))

    def _require_no_live(self, connection: Connection, manifest_hash: str, *, alone: bool) -> None:
        live = _live(connection, manifest_hash)
        if live is None:
            return
        if live.status == "running" and alone:
            self._end(connection, live, "failed", error=LOST)
            return
        raise RefusedError(
            f"{live.manifest_hash[:19]} is {live.status} as build {live.id}"
            f" (by {live.requested_by}, since {live.created_at})",
            help="use that build" if live.status == "succeeded" else "wait until it has finished",
        )

    def _end(self, connection: Connection, build: Build, to: BuildStatus, **facts: Any) -> Build:  # noqa: ANN401 - columns
        rules.require_build_transition(build.id, build.status, to)
        _change(connection, build.id, status=to, finished_at=self.timestamp(), **facts)
        return one_build(connection, build.id)


_last_succeeded = (
    select(tables.builds)
    .where(tables.builds.c.status == "succeeded")
    .order_by(tables.builds.c.finished_at.desc(), *_newest_first)
    .limit(1)
)


def one_build(connection: Connection, build_id: str, *, lock: bool = False) -> Build:
    """Return the build of a whole id; with `lock`, nobody else changes it before the commit.

    Raises:
        RefusedError: there is none.
    """
    query = select(tables.builds).where(tables.builds.c.id == build_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise RefusedError(f"no build {build_id!r} is recorded", help="list them: `xtask builds`")
    return Build.from_row(row)


def _live(connection: Connection, manifest_hash: str) -> Build | None:
    columns = tables.builds.c
    query = select(tables.builds).where(
        columns.manifest_hash == manifest_hash, columns.status.in_(rules.LIVE)
    )
    row = connection.execute(query).mappings().first()
    return Build.from_row(row) if row else None


def _change(connection: Connection, build_id: str, **columns: Any) -> None:  # noqa: ANN401 - columns
    connection.execute(update(tables.builds).where(tables.builds.c.id == build_id).values(columns))


def _same_image(build: Build, image_digest: str) -> Build:
    if build.image_digest != image_digest:
        raise RefusedError(
            f"{build.manifest_hash} has the image {build.image_digest}, this one is {image_digest}",
            help="one manifest hash has one image for ever: find the input that is not in the hash",
        )
    return build


def _by_id(connection: Connection, prefix: str) -> list[Build]:
    return _where(connection, tables.builds.c.id.startswith(prefix, autoescape=True), prefix)


def _by_release(connection: Connection, prefix: str) -> list[Build]:
    columns = tables.releases.c
    released = select(columns.build_id).where(columns.id.startswith(prefix, autoescape=True))
    return _where(connection, tables.builds.c.id.in_(released), prefix)


def _where(connection: Connection, condition: ColumnElement[bool], prefix: str) -> list[Build]:
    if not prefix:
        return []
    query = select(tables.builds).where(condition)
    return [Build.from_row(row) for row in connection.execute(query).mappings()]


def _by_hash(connection: Connection, prefix: str) -> list[Build]:
    digits = prefix.removeprefix("sha256:")
    if len(digits) < _SHORTEST_HASH:
        return []
    query = (
        select(tables.builds)
        .where(tables.builds.c.manifest_hash.startswith(f"sha256:{digits}", autoescape=True))
        .order_by(_live_first, *_newest_first)
    )
    meant: dict[str, Build] = {}
    for row in connection.execute(query).mappings():
        meant.setdefault(row["manifest_hash"], Build.from_row(row))
    return list(meant.values())


def _the_one(what: str, found: Sequence[Build]) -> Build:
    if len(found) == 1:
        return found[0]
    if not found:
        raise RefusedError(f"no build {what!r} is recorded", help="list them: `xtask builds`")
    names = ", ".join(sorted(f"{build.id} ({build.manifest_hash[:19]})" for build in found))
    raise RefusedError(f"{what!r} names several builds: {names}", help="write more of it")
