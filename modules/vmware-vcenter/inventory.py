"""Virtual machines and synchronisations, in the database of the product."""

from datetime import datetime
from typing import Any

from module_sdk import AsyncSession, BaseModel, text


class Machine(BaseModel):
    """One virtual machine; `state` is `ordered`, and `running` once vCenter has it."""

    name: str
    memory_gb: int
    state: str


async def list_all(db: AsyncSession) -> list[Machine]:
    """Return every machine, by name."""
    statement = "SELECT name, memory_gb, state FROM vmware_vcenter_machines ORDER BY name"
    return [Machine(**row) for row in (await db.execute(text(statement))).mappings()]


async def order(db: AsyncSession, name: str, memory_gb: int) -> Machine | None:
    """Store a machine, and return it unless one has the name already."""
    statement = (
        "INSERT INTO vmware_vcenter_machines (name, memory_gb) VALUES (:name, :memory_gb)"
        " ON CONFLICT (name) DO NOTHING RETURNING name, memory_gb, state"
    )
    rows = await db.execute(text(statement), {"name": name, "memory_gb": memory_gb})
    row = rows.mappings().first()
    return Machine(**row) if row else None


async def remove(db: AsyncSession, name: str) -> bool:
    """Remove a machine, and say whether there was one."""
    statement = text("DELETE FROM vmware_vcenter_machines WHERE name = :name")
    return (await db.execute(statement, {"name": name})).rowcount == 1


async def last_synchronised(db: AsyncSession) -> datetime | None:
    """Return when the last synchronisation began."""
    moment: Any = await db.scalar(text("SELECT max(at) FROM vmware_vcenter_synchronisations"))
    return datetime.fromisoformat(moment) if moment else None


async def synchronise(db: AsyncSession, host: str, now: datetime) -> int:
    """Start every machine that was ordered, and return how many there were."""
    statement = "UPDATE vmware_vcenter_machines SET state = 'running' WHERE state = 'ordered'"
    started = (await db.execute(text(statement))).rowcount
    await db.execute(
        text(
            "INSERT INTO vmware_vcenter_synchronisations (at, host, started)"
            " VALUES (:at, :host, :started)"
        ),
        {"at": now.isoformat(timespec="seconds"), "host": host, "started": started},
    )
    return started
