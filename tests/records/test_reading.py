"""Records that are opened without `create` answer like the others, and write nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from tests.records.conftest import only_on
from xtask.errors import RefusedError, UsageError, XtaskError
from xtask.records.store import open_records

if TYPE_CHECKING:
    from tests.records.conftest import Shop
    from xtask.records.store import Records


def test_a_reader_sees_what_was_recorded(url: str, shop: Shop) -> None:
    builds = [shop.built(name) for name in "ab"]
    release = shop.promoted(builds[0])
    with open_records(url, create=False) as reader:
        assert reader.builds() == (builds[1], builds[0])
        assert reader.active_release("prod") == release
        assert reader.environment_names() == ("staging", "prod")


def test_a_reader_cannot_write(url: str, records: Records) -> None:
    with open_records(url, create=False) as reader:
        with pytest.raises(XtaskError, match=r"(?i)read-?only"):
            reader.ensure_environment("mars", 3)
        assert reader.environment_names() == records.environment_names()


def test_a_reader_waits_for_no_writer(url: str, shop: Shop) -> None:
    build = shop.built("a")
    with shop.records.writing() as connection:
        connection.execute(text("UPDATE environments SET rank = 9"))
        with open_records(url, create=False, patience=0.05) as reader:
            assert reader.builds() == (build,)


def test_an_older_schema_is_not_upgraded_by_reading(url: str, records: Records) -> None:
    with records.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    with pytest.raises(RefusedError, match="the records have schema 0000") as refused:
        open_records(url, create=False)
    assert refused.value.help == "run `xtask migrate`"


def test_a_newer_schema_is_not_read(url: str, records: Records) -> None:
    with records.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    with pytest.raises(RefusedError, match="newer xtask"):
        open_records(url, create=False)


@only_on("postgresql")
def test_a_server_without_records_says_how_to_make_them(url: str, records: Records) -> None:
    with records.engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    with pytest.raises(RefusedError, match="the records have schema none"):
        open_records(url, create=False)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://u@h/d", "no url"])
def test_refuses_a_url_that_cannot_keep_records(url: str) -> None:
    with pytest.raises(UsageError):
        open_records(url, create=False)
