"""The steps on the way from a name to a customer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """One step; `is_final` when a lead stays there."""

    __tablename__ = "crm_stages"

    name: str
    sequence: int
    is_final: bool


TABLE = """
CREATE TABLE crm_stages (
    name TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL,
    is_final INTEGER NOT NULL
)
"""
