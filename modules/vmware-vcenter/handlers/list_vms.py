"""`GET /vms`."""

from typing import Any

from ..inventory import Machine, list_all


def handler(context: Any) -> list[Machine]:  # noqa: ANN401 - the unit of work
    """Return every virtual machine, by name."""
    return list_all(context.connection)
