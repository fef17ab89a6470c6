"""Promotion and rollback as an admin types them, with the records as the only target."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from xtask.digest import canonical_json, sha256
from xtask.records.store import open_records
from xtask.records.values import BuildRequest, Claim, ReleaseRequest

if TYPE_CHECKING:
    from tests.acceptance.shop import Workspace

pytestmark = pytest.mark.requires("index")
CLAIM = Claim("a process that died", 0.0)


def promoted(shop: Workspace, what: str, environment: str = "staging") -> Any:
    said = shop.xtask("promote", what, "--to", environment, "--reason", "it is time", "--json")
    assert said.code == 0, said.err
    return said.document


def rolled_back(shop: Workspace) -> Any:
    said = shop.xtask("rollback", "--env", "staging", "--reason", "orders fail", "--json")
    assert said.code == 0, said.err
    return said.document


def changed(shop: Workspace, number: int) -> Any:
    (shop.root / "modules/cart/src/cart/__init__.py").write_text(f"number = {number}\n")
    return shop.built()


def test_b12_r9_promote_promote_rollback_restores_the_first_without_building(
    shop: Workspace,
) -> None:
    a, b = changed(shop, 1), changed(shop, 2)
    first, second = promoted(shop, a["build_id"]), promoted(shop, b["manifest_hash"])
    back = rolled_back(shop)
    assert (back["kind"], back["status"], back["generation"]) == ("rollback", "active", 3)
    assert back["image_digest"] == a["image_digest"]
    assert back["build_id"] == a["build_id"]
    assert back["previous_release_id"] == second["id"]
    assert back["restores_release_id"] == first["id"]
    assert second["previous_release_id"] == first["id"]
    rows = shop.xtask("releases", "--env", "staging", "--json").document
    assert [(row["generation"], row["status"]) for row in rows] == [
        (3, "active"), (2, "rolled_back"), (1, "superseded"),
    ]  # fmt: skip
    assert len(shop.xtask("builds", "--json").document) == 2


def test_a_second_rollback_walks_further_back(shop: Workspace) -> None:
    builds = [changed(shop, number) for number in range(3)]
    for build in builds:
        promoted(shop, build["build_id"][:8])
    assert [rolled_back(shop)["build_id"] for _ in range(2)] == [
        builds[1]["build_id"], builds[0]["build_id"],
    ]  # fmt: skip
    said = shop.xtask("rollback", "--env", "staging", "--reason", "once more")
    assert said.code == 6
    assert "nothing good before" in said.err


def test_a_rollback_needs_no_composition(shop: Workspace) -> None:
    a, b = changed(shop, 1), changed(shop, 2)
    promoted(shop, a["build_id"])
    promoted(shop, b["build_id"])
    (shop.root / "modules.toml").write_text("this is [not TOML")
    shutil.rmtree(shop.root / "modules")
    assert rolled_back(shop)["image_digest"] == a["image_digest"]


def test_an_environment_that_another_one_requires_comes_first(shop: Workspace) -> None:
    build = shop.built()
    refused = shop.xtask("promote", build["build_id"], "--to", "prod", "--reason", "hurry")
    assert refused.code == 6
    assert "has never served `staging`" in refused.err
    promoted(shop, build["build_id"])
    assert promoted(shop, build["build_id"], "prod")["environment"] == "prod"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("promote", "0000", "--to", "staging", "--reason", "x"), 6, "no build"),
        (("promote", "0000", "--to", "stagin", "--reason", "x"), 2, "did you mean `staging`?"),
        (("promote", "0000", "--to", "staging"), 2, "--reason"),
        (("rollback", "--env", "staging", "--reason", "x"), 6, "staging"),
        (("rollback", "--env", "nowhere", "--reason", "x"), 6, "nowhere"),
        (("rollback", "--env", "/../../zz", "--reason", "x"), 2, "no name of an environment"),
        (("rollback", "--env", "a" * 300, "--reason", "x"), 2, "no name of an environment"),
        (("resume", "--env", "../zz"), 6, "no environment `../zz`"),
    ],
)
def test_what_cannot_be_done_says_why(
    shop: Workspace, words: tuple[str, ...], code: int, says: str
) -> None:
    said = shop.xtask(*words)
    assert said.code == code
    assert says in said.err
    assert list(shop.root.parent.rglob("*zz*")) == []


def test_r9_a_rollback_restores_the_port_too(shop: Workspace) -> None:
    first = promoted(shop, changed(shop, 1)["build_id"])
    shop.edit("modules.toml", "rank = 1", "rank = 1\nport = 9123")
    second = promoted(shop, changed(shop, 2)["build_id"])
    assert (first["port"], second["port"], rolled_back(shop)["port"]) == (8081, 9123, 8081)


def test_an_environment_may_demand_a_base_that_every_machine_can_have(shop: Workspace) -> None:
    build = shop.built()
    shop.edit("modules.toml", "rank = 1", "rank = 1\nportable = true")
    words = ("--to", "staging", "--reason", "x")
    refused = shop.xtask("promote", build["build_id"], *words)
    assert refused.code == 6
    assert "stands on base `interpreter`" in refused.err
    assert shop.xtask("releases", "--json").document == []
    portable = with_portable_base(shop, build)
    assert shop.xtask("promote", portable, *words).code == 0
    (shop.root / build["bundle"] / "plan.json").write_text("{}")
    assert shop.xtask("promote", build["build_id"], *words).code == 5


def with_portable_base(shop: Workspace, build: Any) -> str:
    """Record the build once more, as if its base were one that every machine can have."""
    plan = json.loads((shop.root / build["bundle"] / "plan.json").read_bytes())
    plan["base"]["machine_local"] = False
    bundle = shop.root / "releases" / "bundles" / "portable"
    shutil.copytree(shop.root / build["bundle"], bundle)
    (bundle / "plan.json").write_bytes(canonical_json(plan))
    image = json.loads((bundle / "image.json").read_bytes())
    image["manifest_hash"] = sha256(canonical_json(plan))
    (bundle / "image.json").write_bytes(canonical_json(image))
    with open_records(default_url(shop)) as records:
        request = BuildRequest(sha256(canonical_json(plan)), "release", modules=(), actor="ann")
        facts = {key: build[key] for key in ("image_digest", "config_digest", "image_ref")}
        path = str(bundle.relative_to(shop.root))
        row = records.begin_build(request, CLAIM)
        return records.finish_build(row, **facts, bundle=path, modules=()).id


def test_an_altered_layer_stops_a_promotion_before_anything_happens(shop: Workspace) -> None:
    build = shop.built()
    blobs = shop.root / "releases" / "oci" / "blobs" / "sha256"
    layer = blobs / build["modules"][1]["layer_digest"].removeprefix("sha256:")
    data = bytearray(layer.read_bytes())
    data[600] ^= 1
    layer.chmod(0o644)
    layer.write_bytes(data)
    said = shop.xtask("promote", build["build_id"], "--to", "staging", "--reason", "x")
    assert said.code == 5
    assert shop.xtask("releases", "--json").document == []


def test_an_altered_predecessor_stops_a_promotion_that_could_not_be_rolled_back(
    shop: Workspace,
) -> None:
    a, b = changed(shop, 1), changed(shop, 2)
    promoted(shop, a["build_id"])
    blobs = shop.root / "releases" / "oci" / "blobs" / "sha256"
    (blobs / a["modules"][1]["layer_digest"].removeprefix("sha256:")).unlink()
    said = shop.xtask("promote", b["build_id"], "--to", "staging", "--reason", "x")
    assert said.code == 5
    assert len(shop.xtask("releases", "--json").document) == 1


def default_url(shop: Workspace) -> str:
    return f"sqlite:///{shop.root / 'releases' / 'records.sqlite3'}"


def crashing(build: Any) -> ReleaseRequest:
    return ReleaseRequest("staging", build["build_id"], "record", 8081, "ann", "crash")


def left_unfinished(url: str, build: Any) -> str:
    """Record what a process leaves that dies while it switches."""
    with open_records(url) as records:
        return records.verify_release(records.begin_release(crashing(build), CLAIM)).id


def test_records_elsewhere_are_settled_when_somebody_says_so(shop: Workspace) -> None:
    url = f"sqlite:///{shop.root.parent / 'elsewhere.sqlite3'}"
    shop.environ["XTASK_DATABASE_URL"] = url
    a, b = changed(shop, 1), changed(shop, 2)
    first = promoted(shop, a["build_id"])
    left = left_unfinished(url, b)
    refused = shop.xtask("promote", b["build_id"], "--to", "staging", "--reason", "x")
    assert refused.code == 6
    assert "xtask resume" in refused.err
    (settled,) = shop.xtask("resume", "--json").document
    assert (settled["id"], settled["status"]) == (left, "failed")
    assert shop.xtask("resume", "--env", "staging", "--json").document == []
    after = promoted(shop, b["build_id"])
    assert (after["previous_release_id"], after["generation"]) == (first["id"], 3)


@pytest.mark.parametrize("spelled", ["", "sqlite:///releases/records.sqlite3"])
def test_what_a_dead_process_left_is_settled_by_the_next_command(
    shop: Workspace, spelled: str
) -> None:
    shop.environ["XTASK_DATABASE_URL"] = spelled
    a, b = changed(shop, 1), changed(shop, 2)
    promoted(shop, a["build_id"])
    left = left_unfinished(default_url(shop), b)
    after = promoted(shop, b["build_id"])
    rows = {row["id"]: row for row in shop.xtask("releases", "--json").document}
    assert rows[left]["status"] == "failed"
    assert rows[after["id"]]["status"] == "active"
    assert after["generation"] == 3


def test_status_shows_the_records_beside_what_answers(shop: Workspace) -> None:
    release = promoted(shop, shop.built()["build_id"])
    (standing,) = shop.xtask("status", "--json").document
    assert standing["active"]["id"] == release["id"]
    assert standing["seen"] == "(recorded only)"
    assert release["id"] in shop.xtask("status").out


def test_a_rollback_that_undoes_an_unfinished_release_goes_no_further(shop: Workspace) -> None:
    a, b, c = (changed(shop, number) for number in range(3))
    promoted(shop, a["build_id"])
    active = promoted(shop, b["build_id"])
    url = f"sqlite:///{shop.root / 'releases' / 'records.sqlite3'}"
    with open_records(url) as records:
        left = records.begin_release(crashing(c), CLAIM)
    said = shop.xtask("rollback", "--env", "staging", "--reason", "it hangs")
    assert said.code == 6
    assert f"{left.id} was left unfinished and is undone" in said.err
    (standing,) = shop.xtask("status", "--json").document
    assert standing["active"]["id"] == active["id"]
    assert rolled_back(shop)["build_id"] == a["build_id"]
