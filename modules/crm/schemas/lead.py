"""What clients send about leads, and what they are answered."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]


class NewLead(BaseModel):
    """A lead, which begins at the first stage."""

    model_config = ConfigDict(extra="forbid")

    name: Text
    email: Email


class Progress(BaseModel):
    """How far a lead has come."""

    model_config = ConfigDict(extra="forbid")

    stage: Text


class LeadRead(BaseModel):
    """A lead as it is stored."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    email: str
    stage: str
