"""Databases of both kinds, as the tests of the records have them."""

from tests.records.conftest import file, migrated, schemas, url

__all__ = ["file", "migrated", "schemas", "url"]
