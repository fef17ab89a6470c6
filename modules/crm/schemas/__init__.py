"""What clients send, and what they are answered."""

from .lead import LeadRead, NewLead, Progress
from .stage import StageRead

__all__ = ["LeadRead", "NewLead", "Progress", "StageRead"]
