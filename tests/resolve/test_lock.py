"""What is written in a lock is what is read from it, and its text has no order of its own."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.budgets import budget
from xtask.resolve.lock import (
    BuildEnvironment,
    LeftOut,
    Lock,
    LockedModule,
    Package,
    difference,
    normalised,
    parse_lock,
    render_lock,
)

# TOML has every character but surrogates.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
PACKAGES = st.lists(st.builds(Package, TEXT, TEXT, TEXTS, TEXT, TEXTS), max_size=3).map(tuple)
LOCKS = st.builds(
    Lock,
    base=TEXT,
    machine_local=st.booleans(),
    modules=st.lists(
        st.builds(LockedModule, TEXT, TEXT, TEXT, TEXTS, TEXTS, TEXTS, st.booleans()), max_size=3
    ).map(tuple),
    packages=PACKAGES,
    builds=st.lists(st.builds(BuildEnvironment, TEXTS, PACKAGES), max_size=2).map(tuple),
    left_out=st.lists(st.builds(LeftOut, TEXT, TEXT), max_size=2).map(tuple),
    base_digest=TEXT,
)


@budget(150)
@given(LOCKS)
def test_reads_what_it_writes(lock: Lock) -> None:
    assert lock == parse_lock(tomllib.loads(render_lock(lock)))


@budget(50)
@given(LOCKS, LOCKS)
def test_difference_is_empty_for_equal_locks_only(one: Lock, other: Lock) -> None:
    assert (difference(one, other) == "") == (render_lock(one) == render_lock(other))
    assert (render_lock(one) == render_lock(other)) == (one == other)


def test_difference_from_no_lock_is_the_whole_text() -> None:
    lock = Lock("interpreter", machine_local=True, modules=(), packages=(), builds=())
    added = [line[1:] for line in difference(None, lock).splitlines()[3:]]
    assert render_lock(lock).splitlines() == added


@pytest.mark.parametrize(
    "text",
    [
        "",
        "schema = 2",
        'schema = 1\nbase = "interpreter"',
        'schema = 1\nbase = {name = "x", machine_local = true}\nmodule = [1]',
        'schema = 1\nbase = {name = "x", machine_local = true}\npackage = [{name = "a"}]',
        'schema = 1\nbase = {name = "x", machine_local = true}\nbuild = 3',
    ],
)
def test_refuses_what_is_not_a_lock(text: str) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        parse_lock(tomllib.loads(text))


@pytest.mark.parametrize("name", ["Foo.Bar", "foo-bar", "FOO__bar", "foo-_.bar"])
def test_names_are_compared_as_the_index_compares_them(name: str) -> None:
    assert normalised(name) == "foo-bar"


def test_finds_a_package_by_its_normalised_name() -> None:
    package = Package("foo-bar", "1.0", (), "", ())
    lock = Lock("interpreter", machine_local=True, modules=(), packages=(package,), builds=())
    assert lock.package("foo-bar") == package
    assert lock.package("foo") is None
