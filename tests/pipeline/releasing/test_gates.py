"""Each gate over facts that are written down here: when it opens, and what it says when not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.rows import NOW, before, build, release
from xtask.diagnostics import Place, Source
from xtask.manifest.environments import Environment
from xtask.manifest.freezes import Once
from xtask.pipeline.releasing.gates import Facts, Gate, Waivers, frozen, gates, span
from xtask.records.values import Approval, Hold
from xtask.resolve.migrations import Distance, Migration

if TYPE_CHECKING:
    from xtask.records.values import Release


def facts(**changes: Any) -> Facts:
    """Return facts of a promotion to an environment without rules, changed in some of them."""
    rules = {key: changes.pop(key) for key in [*changes] if key in Environment._fields}
    environment = Environment("prod", 2, "record", 1, Place(Source("x")), **rules)
    plain = Facts(
        kind="promote", environment=environment, build=build(), now=NOW, active=None,
        in_flight=None, hold=None, served={}, rolled_back=None, local_base=None, unproved={},
        distance=Distance(()), approvals=(), waivers=Waivers(),
    )  # fmt: skip
    return replace(plain, **changes)


def gate(name: str, **changes: Any) -> Gate:
    (found,) = [one for one in gates(facts(**changes)) if one.name == name]
    return found


def names(**changes: Any) -> list[str]:
    return [one.name for one in gates(facts(**changes))]


def test_an_environment_without_rules_asks_for_nothing() -> None:
    assert names() == ["database", "hold", "free"]
    assert all(one.passed for one in gates(facts()))


def test_a_build_serves_what_is_required_first() -> None:
    wanted = {"requires": ("test", "staging")}
    served = {"test": (release("a"),), "staging": ()}
    closed = gate("requires", **wanted, served=served)
    assert not closed.passed
    assert closed.says == "build bbbbbbbb has never served `staging`, which `prod` requires"
    assert gate("requires", **wanted, served={**served, "staging": (release("b"),)}).passed


def test_a_build_that_was_left_where_it_had_to_serve_first_goes_nowhere() -> None:
    left = release("b", status="rolled_back", ended_at=before(days=7))
    closed = gate("requires", requires=("staging",), served={"staging": (left,)})
    assert not closed.passed
    assert "was rolled back in" in closed.says
    served = {"staging": (left, release("c"))}
    assert gate("requires", requires=("staging",), served=served).passed


def superseded(begun: int, ended: int) -> Release:
    """Return a release that served between two moments, in minutes before now."""
    times = {"activated_at": before(minutes=begun), "ended_at": before(minutes=ended)}
    return release("a", status="superseded", **times)


@pytest.mark.parametrize(
    ("served", "says"),
    [
        ((), "has served `staging` for 0s of 1h"),
        ([release("a", activated_at=before(minutes=59))], "has served `staging` for 59m of 1h"),
        ([release("a", activated_at=before(minutes=60))], ""),
        # Twice forty minutes are not an hour without a break.
        (
            [
                superseded(540, 500),
                release("b", activated_at=before(minutes=40)),
            ],
            "has served `staging` for 40m of 1h",
        ),
        # A redeployment goes on where the one before it ends.
        (
            [
                superseded(90, 30),
                release("b", activated_at=before(minutes=30)),
            ],
            "",
        ),
        ([release("a", status="superseded", ended_at=before(days=7))], ""),
        (
            [release("a", status="rolled_back", ended_at=before(days=7)), release("b")],
            "was rolled back in `staging`: rel_a",
        ),
    ],
)  # fmt: skip
def test_a_build_soaks_in_one_piece_and_without_a_rollback(
    served: list[Release], says: str
) -> None:
    found = gate("soak", soak=3600, requires=("staging",), served={"staging": tuple(served)})
    assert (found.passed, found.says) == (not says, says or "has served `staging` for 1h")


def test_every_required_environment_has_to_soak() -> None:
    served = {"test": (release("a"),), "staging": (release("b", activated_at=before(minutes=1)),)}
    assert not gate("soak", soak=3600, requires=("test", "staging"), served=served).passed


def test_a_clock_that_goes_back_shortens_a_soak_and_breaks_nothing() -> None:
    served = {"staging": (release("a", activated_at=before(minutes=-5)),)}
    found = gate("soak", soak=60, requires=("staging",), served=served)
    assert found.says == "has served `staging` for 0s of 1m"


FREEZE = (Once(NOW - timedelta(hours=1), NOW + timedelta(hours=1), "audit"),)


def test_a_freeze_stops_a_promotion_and_lets_a_rollback_pass() -> None:
    assert not gate("freeze", freeze=FREEZE).passed
    assert gate("freeze", freeze=FREEZE, now=NOW + timedelta(hours=1)).says == "no freeze now"
    for kind in ("rollback", "redeploy"):
        assert gate("freeze", freeze=FREEZE, kind=kind).passed
        assert "freeze" not in names(freeze=FREEZE, kind=kind, now=NOW + timedelta(hours=1))
    assert frozen(facts(freeze=FREEZE)) == FREEZE[0].text


MAY_BREAK = Distance(
    (Migration("cart", "2", additive=False), Migration("cart", "1", additive=True))
)
ADDS = Distance((Migration("cart", "1", additive=True),))


@pytest.mark.parametrize(
    ("allowed", "distance", "passes"),
    [
        ("none", Distance(()), True),
        ("none", ADDS, False),
        ("additive", ADDS, True),
        ("additive", MAY_BREAK, False),
        ("maintenance", MAY_BREAK, True),
    ],
)
def test_a_release_does_no_more_to_the_database_than_is_allowed(
    allowed: str, distance: Distance, *, passes: bool
) -> None:
    changes = {"migrations": allowed, "distance": distance}
    assert passes is gate("database", **changes, active=release("a")).passed
    # Where nothing serves there is nothing to break.
    assert gate("database", **changes).passed


def test_the_way_back_across_a_maintenance_step_has_to_be_forced() -> None:
    back = {"kind": "rollback", "active": release("a"), "migrations": "none"}
    assert gate("database", **back, distance=ADDS).passed
    closed = gate("database", **back, distance=MAY_BREAK)
    assert (closed.passed, "`2` of `cart`" in closed.says) == (False, True)
    forced = Waivers(across_maintenance=True)
    assert gate("database", **back, distance=MAY_BREAK, waivers=forced).says.startswith("forced")


def test_what_was_rolled_back_here_and_what_is_held_has_to_be_wanted() -> None:
    bad = release("bad", status="rolled_back", ended_at=before(days=1))
    held = Hold("h", "environment", "prod", None, None, "ann", "audit", before(days=1), *[None] * 4)
    assert not gate("again", rolled_back=bad).passed
    assert gate("again", rolled_back=bad, waivers=Waivers(rolled_back_before=True)).passed
    assert not gate("hold", hold=held).passed
    assert gate("hold", hold=held, waivers=Waivers(lift_hold=True)).passed
    assert "hold" not in names(kind="rollback", hold=held)


def test_evidence_of_the_build_and_of_the_way_back_is_asked_for() -> None:
    assert gate("signed", signed=True).passed
    own = gate("signed", signed=True, unproved={build().id: "signature: there is none"})
    assert own.says == "build bbbbbbbb: signature: there is none"
    other = gate("signed", signed=True, unproved={"c" * 36: "signature: there is none"})
    assert "build cccccccc, to which a rollback would go: " in other.says


def test_a_base_of_one_machine_is_refused_where_it_has_to_be_portable() -> None:
    assert not gate("portable", portable=True, local_base="interpreter").passed
    assert gate("portable", portable=True).passed
    assert "portable" not in names(local_base="interpreter")


def test_asking_for_approvals_takes_the_environment_from_nobody() -> None:
    other = release("other", status="deploying")
    yes = [Approval("rel_a", name, "", before(hours=1)) for name in ("bob", "eve")]
    assert not gate("free", in_flight=other).passed
    assert gate("free").passed
    asked = replace(facts(in_flight=other), environment=facts().environment._replace(approvals=2))
    found = {one.name: one for one in gates(asked)}
    assert found["free"].passed
    assert (found["approvals"].passed, found["approvals"].waits) == (False, True)
    given = {one.name: one for one in gates(replace(asked, approvals=tuple(yes)))}
    assert not given["free"].passed
    assert (given["approvals"].passed, given["approvals"].says) == (True, "2 of 2 (bob, eve)")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.9, "59s"), (3600, "1h"), (5400, "1h 30m"), (90061, "1d 1h"), (61, "1m 1s")],
)
def test_a_time_is_said_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert text == span(seconds)
