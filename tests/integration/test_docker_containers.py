"""What the containers of a release may do, share and leave behind, on a real Docker Engine."""

from __future__ import annotations

import contextlib
import http.client
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from xtask.release import docker
from xtask.release.deployment import Site
from xtask.release.docker import trial

if TYPE_CHECKING:
    from tests.integration.conftest import Shop

pytestmark = pytest.mark.requires("docker")


def test_data_outlives_the_release_that_wrote_it(engine: Any, shop: Shop) -> None:
    write = "open('/data/note', 'w').write('kept')"
    read = "print(open('/data/note').read())"
    for version, generation, code in (("a", 1, write), ("b", 2, read)):
        docker.apply(shop.deployment(version, generation))
        running = engine.containers.get(f"xt-{shop.app}-prod-{generation}")
        status, output = running.exec_run(["python3", "-c", code])
        assert status == 0, output
    assert output == b"kept\n"


def test_containers_are_confined(engine: Any, shop: Shop) -> None:
    shop.serve(shop.deployment("a", 1))
    for container in (*shop.containers(engine, "release"), *shop.containers(engine, "front")):
        host = container.attrs["HostConfig"]
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert host["SecurityOpt"] == ["no-new-privileges"]
        assert host["PidsLimit"] > 0
        assert host["Memory"] > 0
        assert host["Init"]
        assert host["RestartPolicy"]["Name"] == "unless-stopped"
        assert {"127.0.0.1"} == {
            binding["HostIp"]
            for bindings in container.attrs["NetworkSettings"]["Ports"].values()
            for binding in bindings or ()
        }
        status, _ = container.exec_run(["python3", "-c", "open('/etc/x', 'w')"])
        assert status != 0


def test_proxy_process_cannot_move_its_own_pointer(engine: Any, shop: Shop) -> None:
    shop.serve(shop.deployment("a", 1))
    (front,) = shop.containers(engine, "front")
    status, output = front.exec_run(["python3", "/xtask-front/front.py", "point", "9", "{}"])
    assert status != 0
    assert b"PermissionError" in output


def test_front_names_the_image_that_must_not_be_deleted(engine: Any, shop: Shop) -> None:
    deployment = shop.deployment("a", 1)
    shop.serve(deployment)
    (front,) = shop.containers(engine, "front")
    assert deployment.image_digest == front.labels["xtask.image"]


def test_trial_answers_on_its_own_port_and_leaves_nothing(engine: Any, shop: Shop) -> None:
    deployment = replace(shop.deployment("a", 1), site=Site(shop.app, "trial", 0))
    trial.run(deployment)
    url, container_id = trial.run(deployment)
    assert f"xt-{shop.app}-trial" == engine.containers.get(container_id).name
    port = int(url.rstrip("/").rpartition(":")[2])
    seen = docker.observe(Site(shop.app, "trial", port))
    assert seen is not None
    assert seen.healthy
    assert trial.stop(Site(shop.app, "trial", 0))
    assert not trial.stop(Site(shop.app, "trial", 0))
    left = {"label": f"xtask.app={shop.app}"}
    assert engine.containers.list(all=True, filters=left) == []
    assert engine.networks.list(filters=left) == []
    assert engine.volumes.list(filters=left) == []


def test_two_environments_of_one_app_do_not_meet(shop: Shop) -> None:
    shop.serve(shop.deployment("a", 1))
    staging = Site(shop.app, "staging", shop.port + 1)
    other = replace(shop.deployment("b", 1), site=staging)
    shop.serve(other)
    docker.remove(staging, keep=frozenset())
    assert shop.serving() == "rel_a_1"


def test_many_open_connections_share_the_front(shop: Shop) -> None:
    shop.serve(shop.deployment("a", 1))
    failures: list[str] = []

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", shop.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", "/slow")
            if connection.getresponse().status != 200:
                failures.append("not 200")

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
