"""What an environment asks for before a build may serve it, and who has to agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.attested import entry, seeded, trust_of
from tests.support.office import WHY
from xtask.image.evidence.envelope import STATEMENT_TYPE
from xtask.image.evidence.trust import BUILD, TRUST
from xtask.records.values import BuildRequest

if TYPE_CHECKING:
    from tests.support.office import Office

ALWAYS = '{ from = 2000-01-01T00:00:00Z, until = 2999-01-01T00:00:00Z, reason = "audit" }'


def plan(office: Office, number: int, to: str = "staging") -> Any:
    return office.done("promote", office.builds[number], "--to", to, "--plan")


def pending(office: Office, needed: int = 1, number: int = 0) -> str:
    """Ask for a release of staging that others have to agree with; return its id."""
    if "approvals" not in (office.root / "modules.toml").read_text():
        office.rule(f"approvals = {needed}", "staging")
    asked = office.promoted(number)
    assert (asked["status"], asked["generation"]) == ("pending", None)
    return str(asked["id"])


def status_of(office: Office, release: str) -> str:
    return str(office.done("releases", release)["status"])


def test_a_plan_writes_nothing_and_says_the_same_each_time(office: Office) -> None:
    office.promoted(0)
    before = office.files()
    first = plan(office, 1)
    assert first == plan(office, 1)
    assert office.files() == before
    assert (first["open"], first["migration_class"]) == (True, "additive")
    assert first["active"] == [office.releases()[0]["id"], 1]
    assert first["modules_delta"]["changed"] == {"cart": ["1.0.0", "1.0.0"]}


def test_a_release_is_bound_to_the_plan_that_was_seen(office: Office) -> None:
    seen = plan(office, 0)["plan_digest"]
    assert office.promoted(0, "staging", "--expect", seen)["plan_digest"] == seen


def test_a_plan_that_has_changed_is_refused(office: Office) -> None:
    words = ("promote", office.builds[1], "--to", "staging", *WHY, "--expect")
    seen = plan(office, 1)["plan_digest"]
    office.promoted(0)
    assert "the plan has changed" in office.refused(*words, seen)
    seen = plan(office, 1)["plan_digest"]
    office.rule("keep = 5", "staging")
    assert "the plan has changed" in office.refused(*words, seen)
    assert len(office.releases()) == 1


def test_every_closed_gate_is_said_at_once(office: Office) -> None:
    for rule in ('soak = "1h"', "portable = true", "signed = true", f"freeze = [{ALWAYS}]"):
        office.rule(rule)
    shown = plan(office, 0, "prod")
    closed = [gate["gate"] for gate in shown["gates"] if not gate["passed"]]
    assert closed == ["requires", "soak", "portable", "signed", "freeze"]
    said = office.refused("promote", office.builds[0], "--to", "prod", *WHY)
    assert all(f"{name}: " in said for name in closed)
    assert office.releases() == []


def test_a_build_soaks_in_the_environment_before(office: Office) -> None:
    office.rule('soak = "1h"')
    office.promoted(0)
    said = office.refused("promote", office.builds[0], "--to", "prod", *WHY)
    assert "has served `staging` for" in said


def test_the_last_of_enough_other_people_deploys(office: Office) -> None:
    release = pending(office, needed=2)
    assert "cannot approve it" in office.refused("approve", release)
    first = office.done("approve", release, "--reason", "looks good", by="bob")
    assert (first["status"], [one["actor"] for one in first["approvals"]]) == ("pending", ["bob"])
    assert "approved" in office.refused("approve", release, by="bob")
    assert "1 of 2" in office.says("status").out
    last = office.done("approve", release, by="eve")
    assert (last["status"], last["generation"]) == ("active", 1)
    told = office.done("releases", release)
    assert [one["actor"] for one in told["approvals"]] == ["bob", "eve"]
    moved = [event["to_status"] for event in told["events"]]
    assert moved == ["pending", "approved", "deploying", "verifying", "active"]


@pytest.mark.parametrize("changes", ["what serves", "a rule", "what it is given"])
def test_an_approval_of_something_else_than_was_planned_rejects_it(
    office: Office, changes: str
) -> None:
    if changes == "what it is given":
        office.rule('target = "docker"', "staging")
    release = pending(office)
    if changes == "a rule":
        office.rule("keep = 5", "staging")
    elif changes == "what it is given":
        office.rule('variables = { LOG_LEVEL = "debug" }', "staging")
    else:
        other = pending(office, number=1)
        office.done("approve", other, by="bob")
    said = office.refused("approve", release, by="bob")
    assert f"{release} is rejected: the plan is stale" in said
    assert status_of(office, release) == "rejected"


def test_what_a_build_cannot_be_given_is_refused_with_its_place(office: Office) -> None:
    office.rule('target = "docker"\nsettings.cart = { currency = "USD" }', "staging")
    said = office.says("promote", office.builds[0], "--to", "staging", *WHY)
    assert said.code == 3
    assert "there are settings for `cart`, which is not in the build" in said.err
    assert "--> modules.toml:" in said.err
    assert office.releases() == []


def test_a_gate_that_closes_meanwhile_keeps_a_release_waiting(office: Office) -> None:
    release = pending(office)
    office.done("hold", "--env", "staging", "--reason", "audit")
    assert "is held" in office.refused("approve", release, by="bob")
    assert status_of(office, release) == "pending"
    office.done("unhold", "--env", "staging", "--reason", "over")
    assert office.done("approve", release, by="bob")["status"] == "active"


def test_a_release_that_waits_can_be_rejected_and_taken_back(office: Office) -> None:
    first, second = pending(office), pending(office)
    assert office.done("reject", first, "--reason", "no", by="bob")["status"] == "rejected"
    assert office.done("cancel", second, "--reason", "typo")["status"] == "cancelled"
    for release in (first, second):
        assert "it waits for nobody" in office.refused("approve", release, by="bob")
    assert "cannot become" in office.refused("cancel", first, "--reason", "x")


def test_cancel_takes_back_a_build_that_waits(office: Office) -> None:
    with office.records() as records:
        request = BuildRequest("sha256:" + "0" * 64, "release", (), "ann")
        build = records.request_build(request)[0].id
    found = office.done("cancel", build[:8], "--reason", "typo", by="bob")
    assert (found["status"], found["cancelled_by"]) == ("cancelled", "bob")
    assert "cannot become cancelled" in office.refused("cancel", office.builds[0], *WHY)


def left_approved(office: Office) -> str:
    """Record what a process leaves that dies between the last yes and its deployment."""
    release = pending(office)
    with office.records() as records:
        assert records.approve_release(release, actor="bob").status == "approved"
    return release


def test_resume_deploys_what_was_approved_and_never_begun(office: Office) -> None:
    release = left_approved(office)
    office.rule("rank = 3\n[environments.free]", "prod")
    (found,) = office.done("resume", by="eve")
    assert (found["id"], found["status"]) == (release, "active")
    assert office.done("resume") == []


def test_resume_rejects_what_was_approved_and_is_stale(office: Office) -> None:
    release = left_approved(office)
    office.rule("keep = 5", "staging")
    assert "the plan is stale" in office.refused("resume")
    assert status_of(office, release) == "rejected"


def test_a_rollback_goes_before_what_has_not_begun(office: Office) -> None:
    office.promoted(0)
    office.promoted(1)
    release = left_approved(office)
    back = office.done("rollback", "--env", "staging", *WHY)
    assert (back["status"], back["build_id"]) == ("active", office.builds[0])
    assert status_of(office, release) == "cancelled"


def test_what_is_approved_takes_the_environment(office: Office) -> None:
    release = left_approved(office)
    other = pending(office, number=1)
    assert f"taken by {release}" in office.refused("approve", other, by="bob")
    assert status_of(office, other) == "pending"


def test_a_signature_is_asked_for_and_so_is_one_of_what_a_rollback_restores(
    office: Office,
) -> None:
    first, second, _ = office.workshops
    office.promoted(0)
    office.rule("signed = true", "staging")
    words = ("promote", second.build.id, "--to", "staging", *WHY)
    for workshop in (first, second):
        workshop.attach(workshop.statement(), kind=STATEMENT_TYPE)
    assert "no key is trusted here" in office.refused(*words)
    keys = seeded(1), seeded(2)
    first.believe(trust_of(entry(keys[0], BUILD), entry(keys[1], TRUST)), keys[1:])
    assert f"build {second.build.id[:8]}: signature" in office.refused(*words)
    second.sign(second.statement(), keys[0])
    said = office.refused(*words)
    assert f"build {first.build.id[:8]}, to which a rollback would go: signature" in said
    first.sign(first.statement(), keys[0])
    assert office.done(*words)["status"] == "active"


def test_what_changes_the_database_more_than_allowed_is_refused(office: Office) -> None:
    office.rule('migrations = "additive"', "staging")
    office.promoted(0)
    assert office.promoted(1)["migration_class"] == "additive"
    said = office.refused("promote", office.builds[2], "--to", "staging", *WHY)
    assert "maintenance: `steps/2_note.up.sql` of `cart`; `staging` allows additive" in said
