"""`POST /vms`."""

from http import HTTPStatus
from typing import Any

from fastapi import HTTPException
from pydantic import BaseModel, Field

from .. import inventory
from ..inventory import Machine


class Order(BaseModel):
    """A virtual machine to run."""

    name: str = Field(pattern=r"^[a-z]([a-z0-9-]*[a-z0-9])?$", max_length=63)
    memory_gb: int = Field(default=4, ge=1, le=1024)


def handler(context: Any, order: Order) -> Machine:  # noqa: ANN401 - the unit of work
    """Order a virtual machine, or answer 409 when one has the name."""
    with context.transaction():
        machine = inventory.order(context.connection, order.name, order.memory_gb)
        if machine is None:
            raise HTTPException(HTTPStatus.CONFLICT, f"there is a machine called {order.name}")
        context.publish("vm.created", {"name": machine.name})
    return machine
