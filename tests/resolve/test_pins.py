"""What is written as a pin is what is read as one, and nothing else is."""

from __future__ import annotations

import pytest

from xtask.resolve.lock import LeftOut, Lock, LockedModule, parse_lock
from xtask.resolve.pins import Pin, parse_pin

DIGEST = "sha256:" + "0123456789abcdef" * 4
PIN = Pin("community", "databases", "2.0.6", "modules/databases", DIGEST)


def test_reads_what_it_writes() -> None:
    assert str(PIN) == f"registry community databases 2.0.6 modules/databases {DIGEST}"
    assert parse_pin(str(PIN)) == PIN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "path modules/databases",
        "registry community databases",
        str(PIN) + " ",
        str(PIN._replace(version="2.0")),
        str(PIN._replace(path="../databases")),
        str(PIN._replace(path="/databases")),
        str(PIN._replace(digest="sha256:1")),
        str(PIN).replace("registry", "git"),
    ],
)
def test_what_is_no_pin_pins_nothing(text: str) -> None:
    assert parse_pin(text) is None


def test_a_lock_pins_what_is_in_the_product_and_what_is_left_out() -> None:
    module = LockedModule("databases", "2.0.6", str(PIN), (), (), ())
    lock = Lock(
        base="interpreter",
        machine_local=True,
        modules=(module, module._replace(name="own", source="path own")),
        packages=(),
        builds=(),
        left_out=(LeftOut("other", str(PIN._replace(module="other"))),),
    )
    assert lock.pins == {"databases": PIN, "other": PIN._replace(module="other")}
    assert (
        parse_lock({"schema": 1, "base": {"name": "interpreter", "machine_local": True}}).pins == {}
    )
