"""Virtual machines and synchronisations, in the database of the product."""

from datetime import datetime
from sqlite3 import Connection

from pydantic import BaseModel


class Machine(BaseModel):
    """One virtual machine; `state` is `ordered`, and `running` once vCenter has it."""

    name: str
    memory_gb: int
    state: str


def list_all(connection: Connection) -> list[Machine]:
    """Return every machine, by name."""
    statement = "SELECT name, memory_gb, state FROM vmware_vcenter_machines ORDER BY name"
    return [Machine(**row) for row in connection.execute(statement)]


def order(connection: Connection, name: str, memory_gb: int) -> Machine | None:
    """Store a machine, and return it unless one has the name already."""
    statement = (
        "INSERT INTO vmware_vcenter_machines (name, memory_gb) VALUES (?, ?)"
        " ON CONFLICT (name) DO NOTHING RETURNING name, memory_gb, state"
    )
    row = connection.execute(statement, (name, memory_gb)).fetchone()
    return Machine(**row) if row else None


def remove(connection: Connection, name: str) -> bool:
    """Remove a machine, and say whether there was one."""
    statement = "DELETE FROM vmware_vcenter_machines WHERE name = ?"
    return connection.execute(statement, (name,)).rowcount == 1


def last_synchronised(connection: Connection) -> datetime | None:
    """Return when the last synchronisation began."""
    statement = "SELECT max(at) FROM vmware_vcenter_synchronisations"
    (moment,) = connection.execute(statement).fetchone()
    return datetime.fromisoformat(moment) if moment else None


def synchronise(connection: Connection, host: str, now: datetime) -> int:
    """Start every machine that was ordered, and return how many there were."""
    statement = "UPDATE vmware_vcenter_machines SET state = 'running' WHERE state = 'ordered'"
    started = connection.execute(statement).rowcount
    connection.execute(
        "INSERT INTO vmware_vcenter_synchronisations (at, host, started) VALUES (?, ?, ?)",
        (now.isoformat(timespec="seconds"), host, started),
    )
    return started
