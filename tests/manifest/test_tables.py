"""Tables of the database are found in code and in migrations, and only where they are made."""

from __future__ import annotations

import ast
import time

import pytest

from xtask.diagnostics import Place, Source
from xtask.manifest.tables import MappedClass, code_classes, code_tables, sql_tables

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
    ("body", "columns"),
    [
        ("x = Column(Integer)", ("x",)),
        ("x = db.Column('y', Integer)", ("y",)),
        ("x: Mapped[int] = mapped_column(name='y')", ("y",)),
        ("x: Mapped[int]", ("x",)),
        ("x: orm.Mapped[int]\n  z = deferred(Column())", ("x", "z")),
        ("x: Mapped[Y] = relationship()", ()),
        ("x: int\n  y = 1\n  z = Other()\n  x.y = Column()", ()),
        ("def x(self):\n    y = Column()", ()),
    ],
)
def test_columns_of_a_class_are_found(body: str, columns: tuple[str, ...]) -> None:
    tree = ast.parse(f"class A(Base, m.Mixin, f()):\n  __tablename__ = 'a'\n  {body}")
    expected = [MappedClass("A", ("Base", "Mixin", ""), "a", columns)]
    assert expected == list(code_classes(tree.body))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("class A: pass", [MappedClass("A", (), "", ())]),
        ("class A:\n  __tablename__ = f()\n  x = Column()", [MappedClass("A", (), "", ("x",))]),
        ("Table('a', m, Column('x', Integer), sa.Column('y'), Index('z'))",
         [MappedClass("", (), "a", ("x", "y"))]),
        ("Table('a', m, Column('x'), *more)", [MappedClass("", ("*",), "a", ("x",))]),
        ("rich.Table('Name', 'Age')", []),
    ],
)  # fmt: skip
def test_what_is_no_class_or_no_table_is_told_apart(text: str, expected: list[MappedClass]) -> None:
    assert expected == list(code_classes(ast.walk(ast.parse(text))))


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
    started = time.process_time()
    sql_tables("create table " + piece * ((1 << 20) // len(piece)))
    assert time.process_time() - started < 1
