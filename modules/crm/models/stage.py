"""The steps on the way from a name to a customer."""

from app.db.base import Base
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column


class Stage(Base):
    """One step; `is_final` when a lead stays there."""

    __tablename__ = "crm_stages"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    sequence: Mapped[int]
    is_final: Mapped[bool]
