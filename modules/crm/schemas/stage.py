"""What clients are answered about stages."""

from pydantic import BaseModel, ConfigDict


class StageRead(BaseModel):
    """A stage as it is stored."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    sequence: int
    is_final: bool
