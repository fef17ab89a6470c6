"""Somebody who may become a customer."""

from app.db.base import Base
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column


class Lead(Base):
    """One lead; `stage` is how far it has come."""

    __tablename__ = "crm_leads"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(254))
    stage: Mapped[str] = mapped_column(ForeignKey("crm_stages.name"))
