"""A bad day: bundles are lost or damaged, processes died, others were quicker; going back works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.records.conftest import asked
from tests.support.office import WHY
from xtask.errors import TargetError
from xtask.pipeline.releasing import release
from xtask.records.values import Claim
from xtask.release import record
from xtask.release.deployment import Observed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.office import Office
    from xtask.release.deployment import Deployment

BOB = Claim("bob", 30)
BACK = ("rollback", "--env", "staging", "--reason", "orders fail")


def bundle(office: Office, number: int) -> Path:
    return office.root / str(office.done("builds", office.builds[number])["bundle"])


def damage(path: Path, how: str) -> None:
    if how == "lost":
        path.unlink()
    else:
        path.write_text({"cut": path.read_text()[:40], "list": "[]", "empty": "{}"}[how])


@pytest.mark.parametrize("how", ["lost", "cut", "list", "empty"])
def test_what_could_not_be_restored_is_refused_before_anything_begins(
    office: Office, how: str
) -> None:
    office.promoted(0)
    office.promoted(1)
    damage(bundle(office, 0) / "image.json", how)
    for words in ((*BACK, "--plan"), BACK):
        said = office.says(*words)
        assert said.code == 5
        assert office.builds[0][:8] in said.err
    assert office.done("status")[0]["in_flight"] is None
    (found,) = office.says("drill", "--json").document
    assert office.builds[0][:8] in found["problem"]


@pytest.mark.parametrize("how", ["lost", "cut"])
def test_a_damaged_candidate_or_what_serves_is_found_and_keeps_nobody_from_going_back(
    office: Office, how: str
) -> None:
    first = office.promoted(0)
    office.promoted(1)
    damage(bundle(office, 2) / "image.json", how)
    assert office.says("promote", office.builds[2], "--to", "staging", *WHY).code == 5
    damage(bundle(office, 1) / "image.json", how)
    damage(bundle(office, 1) / "surface.json", how)
    # A rollback would go there.
    assert office.says("promote", office.builds[0], "--to", "staging", *WHY).code == 5
    assert office.done(*BACK)["restores_release_id"] == first["id"]


def test_a_bundle_that_speaks_of_another_image_is_not_believed(office: Office) -> None:
    office.promoted(0)
    office.promoted(1)
    other = (bundle(office, 2) / "image.json").read_bytes()
    (bundle(office, 0) / "image.json").write_bytes(other)
    said = office.says(*BACK)
    assert (said.code, "about another image" in " ".join(said.err.split())) == (5, True)


def broken(deployment: Deployment, /, **_: object) -> None:
    if deployment.site.environment == "staging":
        raise TargetError("the engine is gone")


def begun(office: Office, kind: str, *, switched: bool) -> str:
    """Leave a release as a process does that dies before or after the traffic moved."""
    words = BACK if kind == "rollback" else ("promote", office.builds[2], "--to", "staging", *WHY)
    step = record.switch if switched else record.apply
    with pytest.MonkeyPatch.context() as patch:

        def die(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(record, step.__name__, die)
        patch.setattr("xtask.pipeline.releasing.deploy.recover", lambda *_: None)
        assert office.says(*words).code == 130
    return str(office.done("status")[0]["in_flight"]["id"])


@pytest.mark.parametrize("switched", [False, True])
def test_a_rollback_over_which_somebody_died_ends_where_it_should_when_typed_again(
    office: Office, *, switched: bool
) -> None:
    first = office.promoted(0)
    office.promoted(1)
    begun(office, "rollback", switched=switched)
    again = office.done(*BACK)
    assert (again["kind"], again["restores_release_id"]) == ("rollback", first["id"])
    assert office.done("status")[0]["active"]["build_id"] == office.builds[0]


def test_a_rollback_that_was_seen_serving_is_not_done_a_second_time(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.promoted(0)
    middle = office.promoted(0)
    office.promoted(1)
    left = begun(office, "rollback", switched=True)
    image = office.done("releases", left)["image_digest"]
    monkeypatch.setattr(
        record, "observe", lambda *_: Observed(left, image, healthy=True, detail="")
    )
    again = office.done(*BACK)
    assert (again["id"], again["restores_release_id"]) == (left, middle["id"])


def test_resume_goes_on_behind_an_environment_that_it_cannot_settle(
    office: Office,
) -> None:
    for to in ("staging", "prod"):
        office.promoted(0, to)
    begun(office, "promote", switched=True)
    office.rule("approvals = 1")
    waits = office.promoted(0, "prod")
    with office.records() as records:
        records.approve_release(waits["id"], actor="bob")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record, "apply", broken)
        patch.setattr(record, "switch", broken)
        said = office.says("resume", "--json")
    assert said.code == 7
    assert [one["environment"] for one in said.document] == ["prod"]
    assert "the engine is gone" in said.err


def test_a_release_that_cannot_be_undone_is_given_up_by_a_person(office: Office) -> None:
    office.promoted(0)
    left = begun(office, "promote", switched=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record, "apply", broken)
        patch.setattr(record, "switch", broken)
        assert office.says("resume").code == 7
    assert f"`xtask cancel {left}`" in " ".join(office.says("status").out.split())
    assert f"`xtask cancel {left}`" in office.refused(*BACK)
    ended = office.done("cancel", left, "--reason", "the old one serves")
    assert ended["status"] == "failed"
    assert ended["error"].endswith("the engine is gone; given up: the old one serves")
    assert office.promoted(1)["status"] == "active"


def test_a_plan_that_somebody_was_quicker_than_is_not_carried_out(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.promoted(0)
    look = release.look

    def slow(*words: Any) -> object:
        found = look(*words)
        with office.records() as records:
            begun = records.begin_release(asked(records.build(office.builds[1]), "staging"), BOB)
            records.activate_release(records.verify_release(begun))
        return found

    monkeypatch.setattr(release, "look", slow)
    said = office.refused("promote", office.builds[2], "--to", "staging", *WHY)
    assert "the plan is stale" in said
    assert [one["build_id"] for one in office.releases()] == [office.builds[1], office.builds[0]]


def approved(office: Office) -> str:
    """Leave a release in staging to which all have agreed, and which nobody has begun."""
    office.promoted(0)
    office.promoted(1)
    office.rule("approvals = 1", "staging")
    waits = office.promoted(0)
    with office.records() as records:
        return records.approve_release(waits["id"], actor="bob").id


def test_the_plan_of_a_rollback_knows_what_it_goes_before(office: Office) -> None:
    waits = approved(office)
    assert office.done(*BACK, "--plan")["open"]
    assert office.done("releases", waits)["status"] == "approved"


def test_a_predecessor_that_has_stopped_is_started_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = office.promoted(0)
    begun(office, "promote", switched=True)
    calls = list[str]()

    def switch(deployment: Deployment, /, **_: object) -> None:
        calls.append(f"switch {deployment.release_id}")
        if len(calls) == 1:
            raise TargetError("it does not run")

    monkeypatch.setattr(record, "switch", switch)
    monkeypatch.setattr(
        record, "apply", lambda one, /, **_: calls.append(f"apply {one.release_id}")
    )
    (ended,) = office.says("resume", "--json").document
    assert ended["status"] == "failed"
    assert calls == [f"{step} {first['id']}" for step in ("switch", "apply", "switch")]


def test_a_refused_rollback_takes_nothing_back(office: Office) -> None:
    waits = approved(office)
    assert "the plan has changed" in office.refused(*BACK, "--expect", "sha256:" + 64 * "0")
    assert office.done("releases", waits)["status"] == "approved"
    office.done(*BACK)
    assert office.done("releases", waits)["status"] == "cancelled"
