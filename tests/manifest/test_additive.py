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
        ";;\n;",
        "CREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT UNIQUE, CHECK (id > 0)) STRICT",
        "CREATE TABLE a (id UUID PRIMARY KEY DEFAULT gen_random_uuid(), b JSONB NOT NULL)",
        "CREATE TABLE a (id BIGSERIAL, b TIMESTAMPTZ DEFAULT now()) PARTITION BY RANGE (b)",
        "CREATE TABLE a (b INT REFERENCES b (b) ON DELETE CASCADE, FOREIGN KEY (b) REFERENCES c)",
        "CREATE TABLE a (id INT GENERATED ALWAYS AS IDENTITY)",
        "CREATE UNLOGGED TABLE a (id INT) TABLESPACE fast",
        "CREATE TABLE a (LIKE b INCLUDING ALL)",
        "CREATE TABLE a AS SELECT id FROM b",
        "CREATE INDEX i ON a (lower(b) DESC, c) WHERE c > 0",
        "CREATE INDEX i ON a USING gin (b)",
        "CREATE INDEX ON a (b)",
        "CREATE TABLE s.a (b INT); CREATE UNIQUE INDEX i ON S.A (b)",
        "ALTER TABLE IF EXISTS a ADD COLUMN IF NOT EXISTS b TEXT",
        "ALTER TABLE a ADD COLUMN b TEXT COLLATE NOCASE",
        "ALTER TABLE a ADD COLUMN b TIMESTAMPTZ NOT NULL DEFAULT now()",
        "ALTER TABLE a ADD COLUMN b INT NOT NULL DEFAULT (1 + 2)",
        "BEGIN TRANSACTION; CREATE TABLE a (b INT); COMMIT TRANSACTION",
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
        "CREATE TABLE a (b INT",
        "CREATE TABLE a (b INT) INHERITS (c)",
        "CREATE TABLE a PARTITION OF b FOR VALUES IN (1)",
        "CREATE OR REPLACE TABLE a (b INT)",
        "CREATE TEMP TABLE a (b INT)",
        "CREATE TABLE a AS WITH d AS (DELETE FROM b RETURNING *) SELECT * FROM d",
        "CREATE TABLE a (b INT); CREATE UNIQUE INDEX i ON c (b)",
        "CREATE VIRTUAL TABLE a USING fts5 (b)",
        "CREATE EXTENSION hstore",
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; END",
        "ALTER TABLE a ADD COLUMN b TEXT DEFAULT NULL NOT NULL",
        "ALTER TABLE a ADD COLUMN b INT CHECK (b > 0)",
        "ALTER TABLE a ADD COLUMN b INT PRIMARY KEY",
        "ALTER TABLE a ADD COLUMN b INT GENERATED ALWAYS AS (c + 1) STORED",
        "ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES c (d)",
        "ALTER TABLE a DROP COLUMN b",
        "ALTER TABLE a RENAME COLUMN b TO c",
        "ALTER TABLE a ALTER COLUMN b TYPE BIGINT",
        "ALTER TABLE a ENABLE ROW LEVEL SECURITY",
        "ALTER INDEX i RENAME TO j",
        "DROP INDEX i",
        "TRUNCATE a",
        "DELETE FROM a",
        "SELECT setval('a_id_seq', 9)",
        "PRAGMA writable_schema = ON",
        "GRANT ALL ON a TO b",
        "DO 'DROP TABLE a'",
        "COPY a FROM '/tmp/a'",
        "VACUUM",
        "ROLLBACK",
        "nonsense",
        "CREATE TABLE a (b TEXT DEFAULT '" + "x" * 200_000 + "')",
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
