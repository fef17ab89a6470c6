"""A migration only adds when every statement of it surely does, in every database."""

from __future__ import annotations

import time

import pytest

from xtask.manifest.additive import is_additive


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "-- nothing yet; DROP TABLE carts\n",
        "CREATE TABLE carts (id INTEGER PRIMARY KEY, note TEXT NOT NULL DEFAULT ';');",
        "create table if not exists shop.carts (id int);\ncreate index i on shop.carts (id)",
        'CREATE TABLE "my carts" (id INT); CREATE UNIQUE INDEX i ON "my carts" (id);',
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS carts_note ON carts (note)",
        "ALTER TABLE carts ADD COLUMN note TEXT",
        "ALTER TABLE ONLY shop.carts ADD note TEXT[] DEFAULT '{}'",
        "ALTER TABLE carts ADD COLUMN n NUMERIC(10, 2) NOT NULL DEFAULT 0, ADD COLUMN m INT NULL;",
        "BEGIN;\nALTER TABLE carts ADD COLUMN note TEXT REFERENCES notes (id); COMMIT;",
        "/* first; */ ALTER TABLE carts ADD note TEXT DEFAULT 'it''s; DROP TABLE carts'",
    ],
)
def test_what_only_adds_is_additive(sql: str) -> None:
    assert is_additive(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE carts",
        "CREATE TABLE a (id INT); DROP TABLE b",
        "ALTER TABLE carts ADD COLUMN note TEXT NOT NULL",
        "ALTER TABLE carts ADD COLUMN note TEXT DEFAULT '', DROP COLUMN id",
        "ALTER TABLE carts ADD COLUMN n INT DEFAULT 0, ADD COLUMN m INT NOT NULL",
        "ALTER TABLE carts ADD CONSTRAINT positive CHECK (n > 0)",
        "ALTER TABLE carts ADD COLUMN n INT UNIQUE",
        "ALTER TABLE carts ADD PRIMARY KEY (id)",
        "ALTER TABLE carts RENAME TO baskets",
        "ALTER TABLE carts ALTER COLUMN n SET NOT NULL",
        "CREATE UNIQUE INDEX one_cart ON carts (owner)",
        "INSERT INTO carts VALUES (1)",
        "UPDATE carts SET n = 1",
        "CREATE OR REPLACE VIEW v AS SELECT 1",
        "CREATE FUNCTION f() RETURNS int AS 'x' LANGUAGE sql",
        "def upgrade(): op.create_table('carts')",
    ],
)
def test_what_may_break_the_code_of_before_is_not(sql: str) -> None:
    assert not is_additive(sql)


@pytest.mark.parametrize(
    "sql",
    [
        r"ALTER TABLE a ADD b TEXT DEFAULT E'\''; DROP TABLE x; --'",
        "ALTER TABLE a ADD b TEXT DEFAULT $$'$$; DROP TABLE x; --'",
        "CREATE TABLE [a'] (x INT); DROP TABLE y; --'](z INT)",
        "CREATE TABLE `a'` (x INT); DROP TABLE y; --'` (z INT)",
        "CREATE TABLE a (x INT); /* /* */ ' */ DROP TABLE x; --'",
        "CREATE TABLE a (x INT); /* ** /* */ ' */ DROP TABLE x; --'",
        "ALTER TABLE a ADD b TEXT DEFAULT ARRAY[']']; DROP TABLE x; --']",
    ],
)
def test_an_attack_cannot_hide_a_statement_in_what_databases_read_differently(sql: str) -> None:
    assert not is_additive(sql)


def test_reading_takes_time_that_grows_with_the_text() -> None:
    begun = time.process_time()
    for text in ("/*" * 100_000, "ALTER TABLE a ADD b " * 5_000, "'" * 200_001, '"' * 200_001):
        is_additive(text)
        is_additive("ALTER TABLE a ADD b INT" + text)
    assert time.process_time() - begun < 10
