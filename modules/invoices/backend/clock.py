"""The moment at which something happens."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends


def read_clock() -> datetime:
    """Return the current moment, in UTC."""
    return datetime.now(UTC)


Now = Annotated[datetime, Depends(read_clock)]
