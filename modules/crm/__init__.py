"""Leads, and how far each of them has come: a module of FastVue."""

from . import api, models, services

__all__ = ["api", "models", "services"]
