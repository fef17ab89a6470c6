"""Tables of the database are found in code and in migrations, and only where they are made."""

from __future__ import annotations

import ast
import time

import pytest

from xtask.diagnostics import Place, Source
from xtask.manifest.tables import code_tables, sql_tables

HERE = Place(Source("x.py"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("class A:\n  __tablename__ = 'a'\nclass B:\n  __tablename__: str = 'b'", ["a", "b"]),
        ("def f():\n  class A:\n    __tablename__ = 'a'", ["a"]),
        ("t = Table('a', metadata, Column('x', Integer))", ["a"]),
        ("sa.Table('a', Base.metadata)", ["a"]),
        ("rich.Table('Name', 'Age')", []),
        ("Table('a')", []),
        ("class A:\n  __tablename__ = f'{x}_a'", []),
        ("class A:\n  __tablename__: str", []),
        ("__tablename__ = 1", []),
    ],
)
def test_tables_of_sqlalchemy_are_found(text: str, expected: list[str]) -> None:
    assert expected == [item.name for item in code_tables(ast.parse(text), lambda _node: HERE)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CREATE TABLE a (id int);create table b();", ("a", "b")),
        ("CREATE TABLE IF NOT EXISTS a (id int)", ("a",)),
        ("CREATE TABLE\n  if  not\texists\n  a (id int)", ("a",)),
        ('CREATE TABLE "620600_a b" (id int)', ("620600_a b",)),
        ("CREATE TABLE 620600_a (id int)", ("620600_a",)),
        ("CREATE TABLE `a` (id int); CREATE TABLE [b] (id int)", ("a", "b")),
        ('CREATE TABLE public.a (); CREATE TABLE "my schema" . "b" ()', ("a", "b")),
        ("CREATE UNLOGGED TABLE a (); CREATE VIRTUAL TABLE b USING fts5(x)", ("a", "b")),
        ("CREATE TABLE b (); CREATE TABLE a (); CREATE TABLE a ()", ("a", "b")),
        ("CREATE TEMP TABLE a (); CREATE TEMPORARY TABLE b ()", ()),
        ("-- CREATE TABLE a\n/* CREATE TABLE b */ SELECT 'CREATE TABLE c'", ()),
        ("SELECT 'it''s CREATE TABLE a'; CREATE TABLE b ()", ("b",)),
        ("/* CREATE TABLE a", ()),
        ("DROP TABLE a; ALTER TABLE b ADD c int; CREATE INDEX d ON e (f)", ()),
        ("RECREATE TABLE a", ()),
        ("CREATE TABLE", ()),
        ("", ()),
    ],
)
def test_tables_that_a_migration_creates_to_stay_are_found(
    text: str, expected: tuple[str, ...]
) -> None:
    assert expected == sql_tables(text)


@pytest.mark.parametrize(
    "piece", ["/*", "'", '"', "create ", "create table ", "create table a.", "--", " ", "a.", "["]
)
def test_no_migration_takes_long_to_read(piece: str) -> None:
    started = time.monotonic()
    sql_tables("create table " + piece * ((1 << 20) // len(piece)))
    assert time.monotonic() - started < 1
