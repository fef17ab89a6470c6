"""Permissions, tables, their prefixes and environment variables have one owner each."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from tests.resolve.products import CODE, at, module, said
from xtask.diagnostics import Problems
from xtask.manifest.module import DatabaseTable, Permission, Router, Setting, Stated
from xtask.resolve.claims import refuse_overlap

if TYPE_CHECKING:
    from xtask.manifest.module import Module


def overlap(*modules: Module) -> Problems:
    problems = Problems()
    refuse_overlap(modules, problems)
    return problems


def setting(owner: str, key: str) -> Setting:
    place = at(owner, "settings", key)
    return Setting(key, "string", None, False, "", None, None, (), False, place)  # noqa: FBT003


def tables(owner: str, *names: str) -> tuple[DatabaseTable, ...]:
    return tuple(DatabaseTable(name, at(owner, "code", n)) for n, name in enumerate(names))


def test_f6_refuses_one_permission_of_two_modules() -> None:
    one, other = (
        module(name, permissions=(Permission("vm:read", "", at(name, "permissions", 0)),))
        for name in ("a", "b")
    )
    (problem,) = overlap(one, other).found
    assert problem.message == "`a` and `b` both claim the permission `vm:read`"
    assert (problem.code, problem.place) == ("XT0304", at("b", "permissions", 0))
    assert problem.others[0][0] == at("a", "permissions", 0)


def test_f10_refuses_one_table_of_two_modules_whatever_its_case() -> None:
    one, other = (
        module("a", tables=tables("a", "Items")),
        module("b", tables=tables("b", "x", "items")),
    )
    (problem,) = overlap(one, other).found
    assert problem.message == "`a` and `b` both claim the database table `items`"
    assert problem.place == at("b", "code", 1)
    assert problem.notes == ("`Items` is the same database table",)


def test_table_may_be_seen_in_code_and_in_a_migration() -> None:
    assert said(overlap(module("a", tables=tables("a", "items", "items")))) == []


def prefixed(name: str, prefix: str) -> Module:
    return module(name, table_prefix=Stated(prefix, at(name, "table_prefix")))


def test_b7_refuses_one_table_prefix_of_two_modules() -> None:
    (problem,) = overlap(prefixed("a", "inv_"), prefixed("b", "INV_")).found
    assert problem.message == "`a` and `b` both claim the table prefix `INV_`"
    assert (problem.code, problem.place) == ("XT0304", at("b", "table_prefix"))


def test_b7_refuses_a_table_prefix_that_another_one_begins_with() -> None:
    modules = [prefixed("a", "inv_"), prefixed("b", "inv_ocr_"), prefixed("c", "invoice_")]
    for shuffled in permutations(modules):
        (problem,) = overlap(*shuffled).found
        assert problem.message == ("the table prefix `inv_ocr_` of `b` begins with the one of `a`")
        assert problem.place == at("b", "table_prefix")
        assert problem.others == ((at("a", "table_prefix"), "`inv_` is claimed by `a`"),)


def test_b7_each_prefix_is_told_of_its_nearest_beginning_once() -> None:
    modules = [
        prefixed("a", "x_"),
        prefixed("b", "x_y_"),
        prefixed("c", "x_y_z_"),
        prefixed("d", "x_q_"),
    ]
    assert [message for _, message in said(overlap(*modules))] == [
        "the table prefix `x_q_` of `d` begins with the one of `a`",
        "the table prefix `x_y_` of `b` begins with the one of `a`",
        "the table prefix `x_y_z_` of `c` begins with the one of `b`",
    ]


@pytest.mark.parametrize("prefix", ["", "b_"])
def test_table_prefixes_that_do_not_meet_are_fine(prefix: str) -> None:
    assert said(overlap(prefixed("a", "a_"), prefixed("b", prefix), module("c"))) == []


def test_b7_f10_refuses_a_table_below_the_prefix_of_another_module() -> None:
    other = module("b", tables=tables("b", "y", "Inv_pages", "inv_pages", "inventory"))
    for owner in (replace(other, table_prefix=prefixed("b", "b_").table_prefix), other):
        for order in permutations([prefixed("a", "INV_"), owner]):
            (problem,) = overlap(*order).found
            assert problem.code == "XT0304"
            assert problem.message == (
                "table `Inv_pages` of `b` begins with the table prefix of `a`"
            )
            assert problem.place == at("b", "code", 1)
            assert problem.others == ((at("a", "table_prefix"), "`INV_` is claimed by `a`"),)


def test_b7_a_table_is_told_of_once_when_prefixes_or_owners_meet() -> None:
    owner = replace(prefixed("a", "inv_"), tables=tables("a", "inv_x", "inv_ocr_y"))
    longer = replace(prefixed("b", "inv_ocr_"), tables=tables("b", "inv_ocr_z"))
    assert len(overlap(owner, longer).found) == 1
    same = module("c", tables=tables("c", "inv_x"))
    assert [message for _, message in said(overlap(owner, same))] == [
        "`a` and `c` both claim the database table `inv_x`"
    ]


def test_b8_refuses_two_settings_of_one_environment_variable() -> None:
    one = module("a", settings=(setting("a", "page-size"), setting("a", "pageSize")))
    two = module("a", settings=(setting("a", "page-size"), setting("a", "PAGE_SIZE")))
    assert said(overlap(one)) == []
    (problem,) = overlap(two).found
    assert problem.message == "`a` claims the environment variable `MODULES__A__PAGE_SIZE` twice"
    assert problem.place == at("a", "settings", "PAGE_SIZE")


def test_b8_environment_variables_of_two_modules_meet_after_folding() -> None:
    # No reader gives such names; the rule does not rest on that.
    one, other = (
        module("a", settings=(setting("a", "b__c"),)),
        module("a__b", settings=(setting("a__b", "c"),)),
    )
    assert [message for _, message in said(overlap(one, other))] == [
        "`a` and `a__b` both claim the environment variable `MODULES__A__B__C`"
    ]


@pytest.mark.parametrize("overrider", ["a", "b"])
def test_v19_overriding_module_may_share_the_prefix(overrider: str) -> None:
    modules = [
        module(
            name,
            routers=(Router("/api/x", CODE, at(name)),),
            overrides=(({"a", "b"} - {name}).pop(),) if name == overrider else (),
        )
        for name in ("a", "b")
    ]
    assert said(overlap(*modules)) == []
