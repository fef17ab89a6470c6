"""What clients send."""

from .lead import NewLead, Progress

__all__ = ["NewLead", "Progress"]
