"""Somebody who may become a customer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lead:
    """One lead; `stage` is how far it has come."""

    __tablename__ = "crm_leads"

    id: int
    name: str
    email: str
    stage: str


TABLE = """
CREATE TABLE crm_leads (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    stage TEXT NOT NULL REFERENCES crm_stages (name)
)
"""
