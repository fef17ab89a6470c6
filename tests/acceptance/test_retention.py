"""What nothing needs goes, and nothing else; and whether a rollback would work is known before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from xtask.digest import hex_of
from xtask.records.retention import Policy
from xtask.records.store import open_records

if TYPE_CHECKING:
    from tests.acceptance.shop import Workspace

pytestmark = pytest.mark.requires("index")

NOW = ("--young", "0", "--grace", "0")


def promoted(shop: Workspace, number: int) -> Any:
    (shop.root / "modules/cart/src/cart/__init__.py").write_text(f"number = {number}\n")
    build = shop.built()
    words = ("--to", "staging", "--reason", "it is time")
    assert shop.xtask("promote", build["build_id"], *words).code == 0
    return build


def collected(shop: Workspace, *words: str) -> Any:
    said = shop.xtask("gc", "--json", *words)
    assert said.code == 0, said.err
    return said.document


def rolled_back(shop: Workspace) -> Any:
    said = shop.xtask("rollback", "--env", "staging", "--reason", "it fails", "--json")
    assert said.code == 0, said.err
    return said.document


def stored(shop: Workspace) -> set[str]:
    return {
        str(path.relative_to(shop.root))
        for folder in ("oci/blobs", "inputs", "bundles")
        for path in (shop.root / "releases" / folder).rglob("*")
        if path.is_file()
    }


def test_what_a_rollback_needs_stays_and_the_rest_goes_after_it_was_marked(
    shop: Workspace,
) -> None:
    builds = [promoted(shop, number) for number in range(4)]
    names = [build["manifest_hash"] for build in builds]
    collected(shop, "--grace", "0")  # what the builds of other tests have left
    before = stored(shop)
    foreseen = collected(shop, "--keep", "1", "--dry-run", *NOW)
    marked = collected(shop, "--keep", "1", *NOW)
    assert marked["marked"] == foreseen["marked"] == sorted(names[:2])
    assert (marked["removed"], stored(shop)) == ([], before)
    removed = collected(shop, "--keep", "1", *NOW)
    assert removed["removed"] == sorted(names[:2])
    gone = before - stored(shop)
    assert len(gone) == removed["files"] > 0
    assert not any(hex_of(name) in path for name in names[2:] for path in gone)
    for build in builds[2:]:
        assert shop.xtask("verify", build["build_id"]).code == 0
    assert rolled_back(shop)["build_id"] == builds[2]["build_id"]
    index = json.loads((shop.root / "releases/oci/index.json").read_bytes())
    assert {build["image_digest"] for build in builds[2:]} <= {
        line["digest"] for line in index["manifests"]
    }
    assert builds[0]["image_digest"] not in json.dumps(index)


def test_what_was_removed_is_refused_with_a_reason_and_can_be_built_again(
    shop: Workspace,
) -> None:
    first = promoted(shop, 1)
    promoted(shop, 2)
    promoted(shop, 3)
    for _ in range(2):
        collected(shop, "--keep", "1", *NOW)
    words = ("--to", "staging", "--reason", "once more")
    refused = shop.xtask("promote", first["build_id"], *words)
    assert refused.code in {5, 6}
    assert "build the same commit again" in " ".join(refused.err.split())
    again = promoted(shop, 1)
    assert (again["build_id"], again["image_digest"]) == (first["build_id"], first["image_digest"])


def test_what_was_given_free_and_is_still_here_goes_with_the_next_collection(
    shop: Workspace,
) -> None:
    builds = [promoted(shop, number) for number in range(3)]
    gone = builds[0]["manifest_hash"]
    policy = Policy(1, {}, young_days=0, grace_days=0)
    with open_records(f"sqlite:///{shop.root / 'releases/records.sqlite3'}") as records:
        for _ in range(2):
            records.collect(policy, "another machine, or one that died")
    refused = shop.xtask("promote", builds[0]["build_id"], "--to", "staging", "--reason", "x")
    assert (refused.code, "were removed" in refused.err) == (6, True)
    (shop.root / "modules/cart/src/cart/__init__.py").write_text("number = 0\n")
    again = shop.built()  # the advice of the refusal
    assert (again["build_id"], again["cached"]) == (builds[0]["build_id"], False)
    assert shop.xtask("promote", again["build_id"], "--to", "staging", "--plan").code == 0
    with open_records(f"sqlite:///{shop.root / 'releases/records.sqlite3'}") as records:
        for _ in range(2):
            records.collect(policy, "another machine, or one that died")
    shop.edit("modules/cart/src/cart/__init__.py", "number = 0", "number = 2")
    shop.built()
    assert gone in collected(shop, "--keep", "1", "--dry-run", *NOW)["removed"]
    assert gone in collected(shop, "--keep", "1", *NOW)["removed"]
    assert not any(hex_of(gone) in path for path in stored(shop))
    assert collected(shop, "--keep", "1", *NOW)["removed"] == []


def test_a_grace_and_youth_keep_everything(shop: Workspace) -> None:
    promoted(shop, 1)
    promoted(shop, 2)
    promoted(shop, 3)
    assert collected(shop, "--keep", "1", "--grace", "0")["marked"] == []
    assert len(collected(shop, "--keep", "1", "--young", "0", "--grace", "1")["marked"]) == 1
    assert collected(shop, "--keep", "1", "--young", "0", "--grace", "1")["removed"] == []


def test_what_somebody_holds_stays_until_that_ends(shop: Workspace) -> None:
    why = ("--reason", "the audit needs it")
    build = promoted(shop, 1)
    assert shop.xtask("hold", "--build", build["build_id"], *why).code == 0
    again = shop.xtask("hold", "--build", build["manifest_hash"], "--days", "1", *why)
    assert (again.code, "held already by" in again.err) == (6, True)
    promoted(shop, 2)
    promoted(shop, 3)
    held = collected(shop, "--keep", "1", *NOW)
    assert held["needed"][build["manifest_hash"]].startswith("held by")
    assert build["manifest_hash"] not in held["marked"]
    assert shop.xtask("unhold", "--build", build["build_id"], *why).code == 0
    assert shop.xtask("unhold", "--build", build["build_id"], *why).code == 6
    assert build["manifest_hash"] in collected(shop, "--keep", "1", *NOW)["marked"]
    for words in ((), ("--env", "staging", "--build", "x"), ("--env", "staging", "--days", "1")):
        said = shop.xtask("hold", *words, *why)
        assert (said.code, "give one of" in said.err) == (2, True)


def test_a_bundle_that_cannot_be_read_stops_everything(shop: Workspace) -> None:
    promoted(shop, 1)
    promoted(shop, 2)
    build = promoted(shop, 3)
    collected(shop, "--keep", "1", *NOW)
    before = stored(shop)
    inputs = shop.root / build["bundle"] / "inputs.json"
    inputs.write_text("{")
    assert shop.xtask("gc", "--keep", "1", *NOW).code == 5
    assert stored(shop) == before


def test_a_drill_says_what_a_rollback_would_restore(shop: Workspace) -> None:
    assert shop.xtask("drill").out == "no environments yet\n"
    promoted(shop, 1)
    (only,) = shop.xtask("drill", "--json").document
    assert (only["ready"], only["restores_release_id"]) == (True, None)
    promoted(shop, 2)
    (found,) = shop.xtask("drill", "--json").document
    assert found["ready"]
    assert rolled_back(shop)["restores_release_id"] == found["restores_release_id"]


def test_a_drill_finds_the_byte_that_a_rollback_would_miss(shop: Workspace) -> None:
    build = promoted(shop, 1)
    promoted(shop, 2)
    blobs = shop.root / "releases/oci/blobs/sha256"
    (blobs / hex_of(build["modules"][1]["layer_digest"])).unlink()
    said = shop.xtask("drill")
    assert said.code == 5
    assert "a rollback would fail: staging" in said.err
    assert "FAILS" in said.out
    assert shop.xtask("drill", "--env", "nowhere").code == 6
