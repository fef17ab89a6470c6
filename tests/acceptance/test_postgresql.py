"""The main job with records on a PostgreSQL server, as an admin types it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url

from xtask.records import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.shop import Workspace

pytestmark = [pytest.mark.requires("postgresql"), pytest.mark.requires("index")]


@pytest.fixture
def url() -> Iterator[str]:
    """The URL of an empty schema of its own, without tables."""
    server = make_url(os.environ["XTASK_TEST_POSTGRESQL"]).set(drivername="postgresql+psycopg")
    engine = create_engine(server)
    schema = f"xtask_{uuid4().hex}"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    address = server.update_query_dict({"options": f"-csearch_path={schema}"})
    yield address.render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
    engine.dispose()


@pytest.fixture
def remote(shop: Workspace, url: str) -> Workspace:
    """A shop whose records are on the server."""
    return replace(shop, environ={**shop.environ, "XTASK_DATABASE_URL": url})


def done(shop: Workspace, *words: str) -> Any:
    said = shop.xtask(*words, "--json")
    assert said.code == 0, said.err
    return said.document


def promoted(shop: Workspace, what: str) -> Any:
    return done(shop, "promote", what, "--to", "staging", "--reason", "it is time")


def test_migrate_build_promote_and_roll_back(remote: Workspace) -> None:
    assert done(remote, "migrate") == {"schema": SCHEMA}
    a, again = remote.built(), remote.built()
    assert (a["cached"], again["cached"]) == (False, True)
    assert again["build_id"] == a["build_id"]
    remote.edit("modules/cart/src/cart/api.py", "object()", "object( )")
    b = remote.built()
    first, second = promoted(remote, a["build_id"]), promoted(remote, b["manifest_hash"])
    back = done(remote, "rollback", "--env", "staging", "--reason", "orders fail")
    assert (back["kind"], back["status"], back["generation"]) == ("rollback", "active", 3)
    assert (back["build_id"], back["image_digest"]) == (a["build_id"], a["image_digest"])
    assert back["previous_release_id"] == second["id"]
    assert back["restores_release_id"] == first["id"]
    assert [row["status"] for row in done(remote, "releases")] == [
        "active", "rolled_back", "superseded",
    ]  # fmt: skip
    assert [row["id"] for row in done(remote, "builds")] == [b["build_id"], a["build_id"]]
    assert [standing["active"]["id"] for standing in done(remote, "status")] == [back["id"]]
    assert list((remote.root / "releases").glob("records.sqlite3*")) == []


def test_nothing_runs_before_the_server_was_migrated(remote: Workspace) -> None:
    for words in (("build",), ("builds",), ("releases",), ("status",)):
        said = remote.xtask(*words)
        assert said.code == 6, said.err
        assert "run `xtask migrate`" in said.err
    assert done(remote, "migrate") == done(remote, "migrate")
    assert done(remote, "builds") == []


def test_a_release_is_promoted_by_the_beginning_of_its_id(remote: Workspace) -> None:
    done(remote, "migrate")
    release = promoted(remote, remote.built()["build_id"])
    again = promoted(remote, release["id"][:-2])
    assert again["build_id"] == release["build_id"]
    assert again["generation"] == 2


def test_doctor_counts_the_builds_of_the_server(remote: Workspace) -> None:
    done(remote, "migrate")
    remote.built()
    checks = {check["check"]: check for check in remote.xtask("doctor", "--json").document}
    assert checks["records"]["says"] == "postgresql, 1 builds"


def test_who_has_to_agree_agrees_there_too(remote: Workspace) -> None:
    done(remote, "migrate")
    remote.edit("modules.toml", "rank = 1", "rank = 1\napprovals = 1")
    build = remote.built()["build_id"]
    plan = done(remote, "promote", build, "--to", "staging", "--plan")
    assert done(remote, "releases") == []
    words = ("promote", build, "--to", "staging", "--reason", "it is time", "--key", "one")
    waits = done(remote, *words, "--expect", plan["plan_digest"])
    assert (waits["status"], done(remote, *words)["id"]) == ("pending", waits["id"])
    assert remote.xtask("approve", waits["id"], XTASK_ACTOR=waits["actor"]).code == 6
    said = remote.xtask("approve", waits["id"], "--json", XTASK_ACTOR="somebody else")
    assert (said.code, said.document["status"]) == (0, "active"), said.err
    back = remote.xtask("rollback", "--env", "staging", "--plan")
    assert (back.code, "nothing good before" in back.err) == (6, True)
