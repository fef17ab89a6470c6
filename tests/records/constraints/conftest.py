"""One database with a row of every kind, and raw SQL against it, past every check in Python.

Each attack is undone, so that all of them share the rows.
"""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, NamedTuple

import pytest
from sqlalchemy import exc, text

from tests.records.conftest import Clock, Ids, Shop, asked
from xtask.records import triggers
from xtask.records.store import open_records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sqlalchemy import Connection

    from xtask.records.store import Records


class Scene(NamedTuple):
    """Records, and the ids of their rows by what they show."""

    records: Records
    ids: Mapping[str, str]

    @property
    def is_sqlite(self) -> bool:
        return self.records.engine.dialect.name == "sqlite"

    def refuses(self, message: str, *statements: str, without_triggers: bool = False) -> None:
        """Require that the last of these statements is refused, with this message."""
        with self.undone() as connection:
            if without_triggers:
                triggers.drop(connection)
            *prepare, attack = statements
            for statement in prepare:
                self._execute(connection, statement)
            with pytest.raises(exc.IntegrityError, match=f"(?i){message}"):
                self._execute(connection, attack)

    def allows(self, *statements: str) -> None:
        """Require that these statements are all carried out."""
        with self.undone() as connection:
            for statement in statements:
                assert self._execute(connection, statement) == 1

    @contextlib.contextmanager
    def undone(self) -> Iterator[Connection]:
        with self.records.engine.connect() as connection, connection.begin() as transaction:
            yield connection
            transaction.rollback()

    def _execute(self, connection: Connection, statement: str) -> int:
        named = {name: value for name, value in self.ids.items() if f":{name}" in statement}
        return connection.execute(text(statement), named).rowcount


@pytest.fixture(
    scope="session",
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.requires("postgresql"))],
)
def scene(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, migrated: Path
) -> Iterator[Scene]:
    if request.param == "sqlite":
        file = shutil.copy(migrated, tmp_path_factory.mktemp("scene") / "records.sqlite3")
        url = f"sqlite:///{file}"
    else:
        schemas = request.getfixturevalue("schemas")
        url = schemas.address(schemas.take())
    with open_records(url, now=Clock(), new_id=Ids()) as records:
        yield Scene(records, _written(records))


def _written(records: Records) -> dict[str, str]:
    shop = Shop(records)
    for rank, name in enumerate(("staging", "prod", "eu", "us"), 1):
        records.ensure_environment(name, rank)
    a, b, c = (shop.built(name) for name in "abc")
    running = shop.running("running")
    records.advance_build(running, "layers", 50)
    records.write_lines(running, ["layer 1"])
    cancelled = records.cancel_build(shop.queued("cancelled").id, actor="bob")
    staged = shop.promoted(a, "staging")
    shop.begun(b, "staging")
    superseded, active = shop.promoted(a), shop.promoted(b, configuration="{}")
    pending = records.request_release(asked(c, approvals=2))
    records.approve_release(pending.id, actor="bob")
    rejected = records.reject_release(
        records.request_release(asked(c, approvals=1)).id, "not now", actor="bob"
    )
    approved = records.request_release(asked(c, "us"))
    lost = records.recover_release(records.verify_release(shop.begun(a, "eu")), "not healthy")
    lost = records.require_recovery(lost, "the engine does not answer")
    held = records.hold_environment("eu", actor="ann", reason="look first")
    lifted = records.retain(a, actor="ann", reason="audit")
    records.lift(lifted.id, actor="bob", reason="done")
    retained = records.retain(b, actor="ann", reason="audit")
    return {
        "queued": shop.queued("queued").id, "running": running.id, "succeeded": c.id,
        "failed": records.fail_build(shop.running("failed"), "disk full").id,
        "cancelled": cancelled.id, "staged": staged.id,
        "deploying": records.in_flight("staging").id, "superseded": superseded.id,
        "active": active.id, "pending": pending.id, "rejected": rejected.id,
        "approved": approved.id, "lost": lost.id, "held": held.id, "lifted": lifted.id,
        "retained": retained.id,
    }  # fmt: skip
