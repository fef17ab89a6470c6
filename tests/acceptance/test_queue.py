"""Builds that are queued as commits, and workers that make them in clones of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url

from tests.acceptance.shop import ROOT, Workspace
from xtask.pipeline.building.queue import log_of, request
from xtask.pipeline.progress import Progress
from xtask.pipeline.releasing.approval import cancel
from xtask.records.store import migrate_records
from xtask.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from xtask.records.values import Build

pytestmark = pytest.mark.requires("index")
API = "modules/cart/src/cart/api.py"
SECONDS = 60
# A verb that builds, what stops it, and how it ends then.
STOPS = (("worker", signal.SIGTERM, 0), ("build", signal.SIGINT, 130))
# A module whose import, in the middle of a build, waits for somebody.
GATED = """import os, time
for _ in range(600):
    time.sleep(0 if os.path.exists({gate!r}) else 0.1)
router"""


def git(root: Path, *words: str) -> str:
    author = ("-c", "user.name=ann", "-c", "user.email=ann@example.org")
    done = subprocess.run(
        ["git", "-C", str(root), *author, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(shop: Workspace, old: str = "object()", new: str = "object( )") -> str:
    """Change the shop, commit that, and return the commit."""
    shop.edit(API, old, new)
    git(shop.root, "commit", "--quiet", "--all", "--message", "change")
    return git(shop.root, "rev-parse", "HEAD")


@pytest.fixture
def origin(built_shop: Workspace, tmp_path: Path) -> Workspace:
    """A repository of a shop with a warm cache and no records."""
    root = tmp_path / "origin"
    shutil.copytree(built_shop.root, root, symlinks=True)
    for path in (root / "releases").glob("records.sqlite3*"):
        path.unlink()
    shutil.rmtree(root / "releases/bundles")
    (root / ".gitignore").write_text("/releases/\n__pycache__/\n")
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "first")
    return Workspace(root)


def gated(shop: Workspace) -> Path:
    """Commit a shop whose build goes on once a file is there, and return the file."""
    gate = shop.root.parent / "gate"
    commit(shop, "router", GATED.format(gate=str(gate)))
    return gate


def clone(origin: Workspace, name: str) -> Workspace:
    """A clone with a warm cache, as each worker has."""
    root = origin.root.parent / name
    git(origin.root.parent, "clone", "--quiet", str(origin.root), name)
    shutil.copytree(origin.root / "releases", root / "releases", symlinks=True)
    for path in (root / "releases").glob("records.sqlite3*"):
        path.unlink()
    return replace(origin, root=root)


@pytest.fixture
def farm(origin: Workspace) -> Iterator[Workspace]:
    """The same repository with records on a server, where builders are lost after a second."""
    server = make_url(os.environ["XTASK_TEST_POSTGRESQL"]).set(drivername="postgresql+psycopg")
    engine, schema = create_engine(server), f"xtask_{uuid4().hex}"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    url = server.update_query_dict({"options": f"-csearch_path={schema}"})
    environ = {
        "XTASK_DATABASE_URL": url.render_as_string(hide_password=False),
        "XTASK_LEASE_SECONDS": "1",
    }
    migrate_records(environ["XTASK_DATABASE_URL"])
    yield replace(origin, environ=environ)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
    engine.dispose()


def queued(shop: Workspace) -> Build:
    settings = read_settings(shop.root, shop.environ)
    return request(settings, Progress(), priority=0, reason="").build


def shown(shop: Workspace, build: Build) -> tuple[Build, list[str]]:
    """A build as it is now, and what was said of it."""
    return log_of(read_settings(shop.root, shop.environ), build.id)


def worker(shop: Workspace, *words: str) -> AbstractContextManager[subprocess.Popen[str]]:
    return started(shop, "worker", *words)


@contextmanager
def started(shop: Workspace, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A process that is at work in the background, and is gone afterwards."""
    process = subprocess.Popen(
        # A CI runner may have started us with interrupts ignored, which children inherit.
        ["env", "--default-signal=INT", sys.executable, "-m", "xtask", *words, "--json"],
        cwd=shop.root, env={**os.environ, "PYTHONPATH": str(ROOT), **shop.environ},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def reach(process: subprocess.Popen[str], start: str) -> None:
    """Wait until a line begins so, as that of a stage does when it has ended."""
    assert process.stderr
    said = []
    for line in process.stderr:
        said.append(line)
        if line.startswith(start):
            return
    pytest.fail("".join(said))


def made(process: subprocess.Popen[str]) -> Any:
    """Wait for the end of a process and return its document."""
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    return json.loads(out)


def test_a_queued_commit_is_built_by_a_worker_and_promoted(origin: Workspace) -> None:
    revision = commit(origin)
    said = origin.xtask("build", "--queue", "--json", "--reason", "a push", "--priority", "7")
    assert said.code == 0, said.err
    waiting = said.document
    assert (waiting["status"], waiting["image_digest"]) == ("queued", None)
    assert queued(origin).id == waiting["build_id"]
    # What is built is the commit, whatever happens to the files meanwhile.
    origin.edit(API, "object( )", "object(  )")
    said = origin.xtask("worker", "--once", "--json")
    assert said.code == 0, said.err
    (built,) = said.document
    assert (built["build_id"], built["outcome"]) == (waiting["build_id"], "succeeded")
    document = origin.xtask("builds", built["build_id"][:8], "--log", "--json").document
    assert (document["revision"], document["priority"]) == (revision, 7)
    assert (document["reason"], document["attempt"]) == ("a push", 1)
    stages = [line.split()[0] for line in document["log"] if not line.startswith(" ")]
    assert stages[:5] == ["checkout", "compose", "lock", "base", "plan"]
    assert stages[-3:] == ["image", "attest", "record"]
    followed = origin.xtask("builds", built["build_id"], "--follow")
    assert followed.code == 0
    assert followed.err.splitlines()[:-1] == document["log"]
    git(origin.root, "checkout", "--quiet", ".")
    again = origin.built()
    assert (again["build_id"], again["cached"]) == (waiting["build_id"], True)
    assert queued(origin).image_digest == built["image_digest"]
    assert git(origin.root, "status", "--porcelain") == ""
    promote = ("promote", built["build_id"], "--to", "staging", "--reason", "it is time")
    assert origin.xtask(*promote).code == 0
    assert origin.xtask("worker", "--once", "--json").document == []


def test_a_build_in_the_folder_takes_the_request_that_waits(origin: Workspace) -> None:
    commit(origin)
    waiting = queued(origin)
    assert origin.built()["build_id"] == waiting.id
    assert shown(origin, waiting)[0].status == "succeeded"


def test_what_cannot_be_queued_is_refused_and_nothing_is_recorded(origin: Workspace) -> None:
    origin.edit(API, "object()", "object( )")
    said = origin.xtask("build", "--queue")
    assert said.code == 2
    assert f"not committed: {API}" in said.err
    for words in (("--queue", "--push"), ("--priority", "1")):
        assert origin.xtask("build", *words).code == 2
    origin.edit("modules/cart/module.toml", 'host = "^1.0"', 'host = "^2.0"')
    git(origin.root, "commit", "--quiet", "--all", "--message", "broken")
    assert origin.xtask("build", "--queue").code == 3
    origin.edit("modules/cart/module.toml", 'host = "^2.0"', 'host = "^1"')
    origin.edit("modules/cart/pyproject.toml", '["hatchling"]', '["hatchling>=1"]')
    git(origin.root, "commit", "--quiet", "--all", "--message", "not locked")
    assert origin.xtask("build", "--queue").code == 4
    assert not (origin.root / "releases/records.sqlite3").exists()


def test_a_commit_that_gives_another_plan_elsewhere_is_refused_by_name(origin: Workspace) -> None:
    (origin.root / ".git/info/exclude").write_text("*.local\n")
    (origin.root / "modules/cart/src/cart/prices.local").write_text("1")
    waiting = queued(origin)
    (built,) = origin.xtask("worker", "--once", "--json").document
    assert (built["build_id"], built["outcome"]) == (waiting.id, "failed")
    assert "the files of `cart` are others there" in built["error"]
    followed = origin.xtask("builds", waiting.id, "--follow", "--log", "--json")
    assert followed.code == 1
    assert followed.document["status"] == "failed"
    assert "a file that git ignores" in followed.document["log"][-1]


def test_a_builder_that_is_stopped_gives_its_build_back(origin: Workspace) -> None:
    gated(origin)
    waiting = queued(origin)
    for attempt, (verb, stop, code) in enumerate(STOPS, 1):
        with started(origin, verb) as process:
            reach(process, "layers")
            process.send_signal(stop)
            _, err = process.communicate(timeout=SECONDS)
            assert process.returncode == code, err
        now, _ = shown(origin, waiting)
        assert (now.status, now.attempt) == ("queued", attempt)
        assert now.error == "given back: ended by KeyboardInterrupt"
    assert not (origin.root / "releases/cache/checkout").exists()


def test_a_cancelled_build_ends_its_work_and_nobody_makes_it(origin: Workspace) -> None:
    gated(origin)
    waiting = queued(origin)
    ann = read_settings(origin.root, {"XTASK_ACTOR": "ann"})
    hasty = replace(origin, environ={"XTASK_LEASE_SECONDS": "1"})
    with worker(hasty, "--once") as process:
        reach(process, "layers")
        assert cancel(ann, what=waiting.id, reason="not needed").status == "running"
        (built,) = made(process)
    assert (built["outcome"], built["error"]) == ("cancelled", "not needed")
    followed = origin.xtask("builds", waiting.id, "--follow")
    assert followed.code == 130
    assert "was cancelled by ann" in followed.err


@pytest.mark.requires("postgresql")
def test_two_workers_make_each_build_once(farm: Workspace) -> None:
    clones = [clone(farm, name) for name in ("one", "two")]
    waiting = []
    for number in range(3):
        commit(farm, "router", f"number{number} = {number}\nrouter")
        waiting.append(queued(farm))
    with worker(clones[0], "--idle", "1") as one, worker(clones[1], "--idle", "1") as two:
        done = [*made(one), *made(two)]
    assert sorted(build["build_id"] for build in done) == sorted(build.id for build in waiting)
    assert {build["outcome"] for build in done} == {"succeeded"}
    now = [shown(farm, build)[0] for build in waiting]
    assert [(build.status, build.attempt) for build in now] == [("succeeded", 1)] * 3


@pytest.mark.requires("postgresql")
@pytest.mark.parametrize("loss", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_a_lost_build_is_made_by_another_worker(farm: Workspace, loss: signal.Signals) -> None:
    clones = [clone(farm, name) for name in ("one", "two")]
    gate = gated(farm)
    waiting = queued(farm)
    with worker(clones[0], "--once") as lost:
        reach(lost, "layers")
        lost.send_signal(loss)
        gate.touch()
        with worker(clones[1], "--once", "--idle", "30") as other:
            (built,) = made(other)
        if loss == signal.SIGSTOP:
            lost.send_signal(signal.SIGCONT)
            (zombie,) = made(lost)
            assert (zombie["build_id"], zombie["outcome"]) == (waiting.id, "fenced")
    assert (built["build_id"], built["outcome"]) == (waiting.id, "succeeded")
    now, log = shown(farm, waiting)
    assert (now.status, now.attempt) == ("succeeded", 2)
    assert [line.split()[0] for line in log].count("package") == 2
    # What the other one left is whole, and the same build again is the same image.
    git(clones[0].root, "pull", "--quiet")
    assert clones[0].built()["image_digest"] == built["image_digest"]


@pytest.mark.requires("postgresql")
def test_a_build_waits_for_the_same_one_elsewhere(farm: Workspace) -> None:
    elsewhere = clone(farm, "one")
    gate = gated(farm)
    waiting = queued(farm)
    with worker(elsewhere, "--once") as process:
        reach(process, "layers")
        with started(farm, "build") as here:
            reach(here, f"waiting: build {waiting.id[:8]} is made by ")
            gate.touch()
            (built,), document = made(process), made(here)
    assert document["build_id"] == built["build_id"] == waiting.id
    assert document["image_digest"] == built["image_digest"]
    assert (farm.root / document["bundle"] / "image.json").is_file()
    now, _ = shown(farm, waiting)
    assert (now.status, now.attempt) == ("succeeded", 1)
