"""What is stored; the product makes the tables when it starts."""

from .lead import Lead
from .stage import Stage

__all__ = ["Lead", "Stage"]
