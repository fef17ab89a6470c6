"""Registered databases, in the database of the product."""

from typing import Any

from module_sdk import AsyncSession, BaseModel, text

from . import engines


class Instance(BaseModel):
    """One database; `state` is `registered`, or `lost` when its machine is gone."""

    id: int
    name: str
    engine: str
    host: str
    state: str
    address: str


async def list_all(db: AsyncSession) -> list[Instance]:
    """Return every database, by name."""
    statement = "SELECT id, name, engine, host, state FROM databases_instances ORDER BY name"
    return [_instance(row) for row in (await db.execute(text(statement))).mappings()]


async def find(db: AsyncSession, instance_id: int) -> Instance | None:
    """Return the database with this number."""
    statement = "SELECT id, name, engine, host, state FROM databases_instances WHERE id = :id"
    rows = await db.execute(text(statement), {"id": instance_id})
    row = rows.mappings().first()
    return _instance(row) if row else None


async def register(db: AsyncSession, *, name: str, engine: str, host: str) -> Instance | None:
    """Store a database, and return it unless one has the name already."""
    statement = (
        "INSERT INTO databases_instances (name, engine, host) VALUES (:name, :engine, :host)"
        " ON CONFLICT (name) DO NOTHING RETURNING id, name, engine, host, state"
    )
    rows = await db.execute(text(statement), {"name": name, "engine": engine, "host": host})
    row = rows.mappings().first()
    return _instance(row) if row else None


async def remove(db: AsyncSession, instance_id: int) -> bool:
    """Forget a database, and say whether there was one."""
    statement = text("DELETE FROM databases_instances WHERE id = :id")
    return (await db.execute(statement, {"id": instance_id})).rowcount == 1


async def mark_lost(db: AsyncSession, *, host: str) -> int:
    """Mark every database of a machine as lost, and return how many there were."""
    statement = text("UPDATE databases_instances SET state = 'lost' WHERE host = :host")
    return (await db.execute(statement, {"host": host})).rowcount


def _instance(row: dict[str, Any]) -> Instance:
    address = engines.address(row["engine"], row["host"], row["name"])
    return Instance(**row, address=address)
