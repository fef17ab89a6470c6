"""Going back, doing the same again, and what is told of it afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.office import WHY
from xtask.digest import hex_of

if TYPE_CHECKING:
    from tests.support.office import Office

BACK = ("rollback", "--env", "staging", "--reason", "orders fail")
AUDIT = '{ from = 2000-01-01T00:00:00Z, until = 2999-01-01T00:00:00Z, reason = "audit" }'


def test_a_rollback_says_beforehand_whether_it_can_work(office: Office) -> None:
    office.promoted(0)
    before = office.promoted(1)
    office.promoted(2)
    shown = office.done("rollback", "--env", "staging", "--plan")
    assert (shown["open"], shown["restores_release_id"]) == (False, before["id"])
    assert "`steps/2_note.up.sql` of `cart` changed the database" in office.refused(*BACK)
    assert len(office.releases()) == 3
    back = office.done(*BACK, "--across-maintenance")
    assert (back["build_id"], back["migration_class"]) == (office.builds[1], "maintenance")
    assert "forced" in office.says("releases", back["id"]).out
    # What was crossed is in the database still, and the build before it has never met that.
    assert "changed the database" in office.refused(*BACK)
    again = office.done(*BACK, "--across-maintenance")
    assert (again["build_id"], again["migration_class"]) == (office.builds[0], "maintenance")
    # This one has: it served after the change.
    office.promoted(1, "staging", "--lift-hold", "--rolled-back-before")
    office.promoted(0)
    assert office.done(*BACK)["migration_class"] == "additive"


def test_a_lost_bundle_of_what_is_left_keeps_nobody_from_leaving_it(office: Office) -> None:
    first = office.promoted(0)
    lost = office.promoted(1)
    (office.root / office.done("builds", lost["build_id"])["bundle"] / "surface.json").unlink()
    shown = office.done("rollback", "--env", "staging", "--plan")
    assert shown["migrations"] == [
        {"module": lost["id"], "path": "migrations", "additive": True},
    ]
    assert office.done(*BACK)["restores_release_id"] == first["id"]


def test_a_change_of_the_database_is_there_though_its_bundle_is_lost(office: Office) -> None:
    office.promoted(1)
    lost = office.promoted(2)
    (office.root / office.done("builds", lost["build_id"])["bundle"] / "surface.json").unlink()
    assert f"`migrations` of `{lost['id']}` changed the database" in office.refused(*BACK)
    (found,) = office.says("drill", "--json").document
    assert "changed the database" in found["problem"]


def test_a_rollback_passes_a_freeze_and_that_is_recorded(office: Office) -> None:
    office.promoted(0)
    office.promoted(1)
    office.rule(f"freeze = [{AUDIT}]", "staging")
    office.rule("approvals = 2", "staging")
    window = "2000-01-01 00:00 - 2999-01-01 00:00 UTC (audit)"
    assert window in office.refused("promote", office.builds[0], "--to", "staging", *WHY)
    assert office.done(*BACK)["passed_freeze"] == window
    again = office.done("redeploy", "--env", "staging", *WHY)
    assert (again["status"], again["passed_freeze"]) == ("active", window)


def test_damaged_bytes_of_what_is_left_keep_nobody_from_leaving_it(office: Office) -> None:
    first = office.promoted(0)
    office.promoted(1)
    own = office.workshops[1].image.layers[-1].digest
    (office.root / "releases/oci/blobs/sha256" / hex_of(own)).unlink()
    assert office.done(*BACK)["restores_release_id"] == first["id"]
    words = ("promote", office.builds[1], "--to", "staging", *WHY)
    assert office.says(*words, "--lift-hold", "--rolled-back-before").code == 5


def test_an_environment_that_was_rolled_back_is_held(office: Office) -> None:
    office.promoted(0)
    bad = office.promoted(1)
    office.done(*BACK)
    words = ("promote", office.builds[1], "--to", "staging", *WHY)
    assert "staging is held" in office.refused(*words)
    said = office.refused(*words, "--lift-hold")
    assert f"this manifest was rolled back here as {bad['id']}" in said
    assert "held" in office.says("status").out
    office.done(*words, "--lift-hold", "--rolled-back-before")
    assert office.done("status")[0]["hold"] is None
    assert "staging is not held" in office.refused("unhold", "--env", "staging", *WHY)


def test_who_agrees_with_what_was_rolled_back_agrees_with_the_person_who_knew(
    office: Office,
) -> None:
    office.promoted(0)
    office.promoted(1)
    office.done(*BACK)
    office.rule("approvals = 1", "staging")
    waits = office.promoted(1, "staging", "--lift-hold", "--rolled-back-before")
    assert office.done("status")[0]["hold"] is not None
    assert office.done("approve", waits["id"], by="bob")["status"] == "active"
    assert office.done("status")[0]["hold"] is None


def test_a_hold_has_a_reason_and_an_end(office: Office) -> None:
    office.promoted(0)
    held = office.done("hold", "--env", "staging", "--reason", "audit", by="bob")
    assert (held["actor"], held["reason"]) == ("bob", "audit")
    assert "held already by bob: audit" in office.refused("hold", "--env", "staging", *WHY)
    lifted = office.done("unhold", "--env", "staging", "--reason", "over")
    assert (lifted["lifted_by"], lifted["lifted_reason"]) == ("ann", "over")
    assert office.promoted(1)["status"] == "active"


def test_the_same_build_again_is_a_release_of_its_own(office: Office) -> None:
    first = office.promoted(0)
    again = office.done("redeploy", "--env", "staging", *WHY)
    assert (again["kind"], again["build_id"]) == ("redeploy", first["build_id"])
    assert (again["generation"], again["previous_release_id"]) == (2, first["id"])
    assert "nothing is active" in office.refused("redeploy", "--env", "prod", *WHY)


def test_a_command_with_a_key_is_done_once(office: Office) -> None:
    first = office.promoted(0, "staging", "--key", "one")
    assert office.promoted(0, "staging", "--key", "one") == first
    said = office.refused("promote", office.builds[1], "--to", "staging", *WHY, "--key", "one")
    assert "asked for something else" in said
    office.promoted(1)
    back = office.done(*BACK, "--key", "two")
    assert office.done(*BACK, "--key", "two") == back
    again = office.done("redeploy", "--env", "staging", *WHY, "--key", "three")
    assert office.done("redeploy", "--env", "staging", *WHY, "--key", "three") == again
    assert [row["kind"] for row in office.releases()] == [
        "redeploy", "rollback", "promote", "promote",
    ]  # fmt: skip


def test_a_command_that_came_to_nothing_is_not_done_again_under_its_key(office: Office) -> None:
    office.rule("approvals = 1", "staging")
    waits = office.promoted(0, "staging", "--key", "one")
    assert office.promoted(0, "staging", "--key", "one") == waits
    office.done("reject", waits["id"], "--reason", "no", by="bob")
    words = ("promote", office.builds[0], "--to", "staging", *WHY, "--key", "one")
    assert f"{waits['id']}, which is rejected: no" in office.refused(*words)


def test_the_release_that_brought_a_module_is_found(office: Office) -> None:
    first = office.promoted(0)
    second = office.promoted(1)
    office.done("redeploy", "--env", "staging", *WHY)
    (cart,) = office.done("releases", "--module", "cart")
    (host,) = office.done("releases", "--module", "host", "--env", "staging")
    assert (cart["release"]["id"], host["release"]["id"]) == (second["id"], first["id"])
    assert cart["module"]["version"] == "1.0.0"
    back = office.done(*BACK)
    (cart,) = office.done("releases", "--module", "cart")
    assert cart["release"]["id"] == back["id"]
    said = office.says("releases", "--module", "chart")
    assert (said.code, "a module `chart`" in said.err) == (2, True)


def test_everything_that_people_read_fits_a_terminal(office: Office) -> None:
    office.rule("approvals = 1", "staging")
    why = ("--reason", "a reason of many words that has to be wrapped, because it is so very long")
    for number in range(2):
        words = ("promote", office.builds[number], "--to", "staging")
        shown = [office.says(*words, "--plan").out, office.says(*words, *why).out]
        waits = office.releases()[0]["id"]
        shown.append(office.says("approve", waits, *why, by="bob").out)
    shown += [office.says("rollback", "--env", "staging", *why).out]
    office.says(*words, *why, "--lift-hold", "--rolled-back-before")
    shown += [office.says(*words).out for words in (
        ("releases",), ("releases", waits), ("releases", "--module", "cart"), ("status",),
    )]  # fmt: skip
    assert all(shown)
    assert [line for text in shown for line in text.splitlines() if len(line) > 80] == []
