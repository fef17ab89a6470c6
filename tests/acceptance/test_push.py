"""`build --push` as a user has it, against a real registry whose bytes are counted."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.registry import HTPASSWD, Fault, Reply, docker_registry, proxy
from xtask.digest import hex_of, sha256
from xtask.image.layout import Layout
from xtask.image.registry.client import Repository
from xtask.image.registry.pull import pull_image
from xtask.image.registry.reference import parse_reference

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.acceptance.shop import Workspace
    from tests.support.registry import Proxy

pytestmark = [pytest.mark.requires("index"), pytest.mark.requires("registry")]

WRITES = "(POST|PUT|PATCH) "


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Proxy]:
    with docker_registry(tmp_path / "registry", htpasswd=True) as address, proxy(address) as state:
        yield state


@pytest.fixture
def logged_in(
    shop: Workspace, registry: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Workspace:
    """The shop, whose images go to the registry, and a user who may push there."""
    repository = f'[image]\nrepository = "{registry.address}/team/shop"\n\n[modules]\n'
    shop.edit("modules.toml", "[modules]\n", repository)
    assert HTPASSWD.startswith("anna:")
    auth = base64.b64encode(b"anna:sesame").decode()
    config = json.dumps({"auths": {registry.address: {"auth": auth}}})
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "config.json").write_text(config)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    return shop


def test_the_registry_has_the_image_with_its_evidence(
    logged_in: Workspace, registry: Proxy, tmp_path: Path
) -> None:
    built = logged_in.built("--push")
    pushed = built["pushed"]
    expected = f"{registry.address}/team/shop:{hex_of(built['manifest_hash'])[:16]}"
    assert pushed["reference"] == built["image_ref"] == expected
    assert pushed["digest"] == built["image_digest"]
    assert pushed["bytes_sent"] == sum(one.taken for one in registry.seen(WRITES))
    with Repository(parse_reference(expected)) as repository:
        digest = repository.resolve(hex_of(built["manifest_hash"])[:16]).digest
        assert digest == built["image_digest"]
        pull_image(repository, digest, Layout(tmp_path / "pulled"))
        Layout(tmp_path / "pulled").verify(digest)
        found = [one["digest"] for one in repository.referrers(digest)]
    assert found == sorted(pushed["referrers"]) != []


def test_a_second_push_sends_manifests_only(logged_in: Workspace, registry: Proxy) -> None:
    logged_in.built("--push")
    registry.asked.clear()
    pushed = logged_in.built("--push")["pushed"]
    assert (pushed["uploaded"], pushed["mounted"]) == ([], [])
    assert registry.seen(WRITES + ".*/blobs/") == []


def test_a_worker_pushes_before_its_build_has_succeeded(
    logged_in: Workspace, registry: Proxy, tmp_path: Path
) -> None:
    (logged_in.root / ".gitignore").write_text("/releases/\n")
    author = ("-c", "user.name=ann", "-c", "user.email=ann@example.org")
    for words in (("init",), ("add", "--all"), (*author, "commit", "--message", "first")):
        subprocess.run(["git", *words], cwd=logged_in.root, capture_output=True, check=True)
    outcomes, nobody = [], str(tmp_path / "nobody")
    for environ in ({"DOCKER_CONFIG": nobody}, {}):
        assert logged_in.xtask("build", "--queue").code == 0
        said = logged_in.xtask("worker", "--once", "--push", "--json", **environ)
        (built,) = said.document
        outcomes.append((built["outcome"], registry.seen("PUT .*/manifests/") != []))
    assert outcomes == [("failed", False), ("succeeded", True)]
    reference = f"{registry.address}/team/shop:{hex_of(built['manifest_hash'])[:16]}"
    with Repository(parse_reference(reference)) as repository:
        assert repository.resolve(reference.rpartition(":")[2]).digest == built["image_digest"]


def test_an_edited_module_sends_its_layer_and_what_names_it(
    logged_in: Workspace, registry: Proxy
) -> None:
    before = logged_in.built("--push")
    (logged_in.root / "modules/cart/src/cart/added.py").write_text("ADDED = True\n")
    registry.asked.clear()
    built = logged_in.built("--push")
    changed = {one["layer_digest"] for one in built["modules"] if one["id"] == "cart"}
    known = {one["layer_digest"] for one in before["modules"]}
    uploaded = set(built["pushed"]["uploaded"])
    assert changed <= uploaded
    assert built["config_digest"] in uploaded
    assert uploaded & known == set()
    assert len(uploaded) <= 3


def test_another_image_under_the_tag_is_an_alarm(logged_in: Workspace, registry: Proxy) -> None:
    built = logged_in.built("--push")
    other = json.dumps({"schemaVersion": 2, "mediaType": "x", "layers": []}).encode()
    headers = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
    other = other.replace(b'"x"', json.dumps(headers["Content-Type"]).encode())
    tag = hex_of(built["manifest_hash"])[:16]
    registry.faults.append(Fault(f"GET .*/manifests/{tag}", reply=Reply(200, headers, other)))
    said = logged_in.xtask("build", "--push")
    assert said.code == 5
    assert f"is {sha256(other)} in the registry, and {built['image_digest']} here" in said.err


def test_a_push_that_fails_says_how_and_shows_no_password(
    logged_in: Workspace, tmp_path: Path
) -> None:
    wrong = base64.b64encode(b"anna:opensesame").decode()
    path = tmp_path / "docker" / "config.json"
    config = json.loads(path.read_text())
    (entry,) = config["auths"].values()
    entry["auth"] = wrong
    path.write_text(json.dumps(config))
    said = logged_in.xtask("build", "--push")
    assert said.code == 1
    assert "401" in said.err
    assert "docker login" in said.err
    assert [one for one in ("opensesame", wrong) if one in said.err + said.out] == []


def test_a_repository_without_a_registry_is_not_taken_for_docker_hub(shop: Workspace) -> None:
    shop.edit("modules.toml", "[modules]\n", '[image]\nrepository = "team/shop"\n\n[modules]\n')
    said = shop.xtask("build", "--push")
    assert said.code == 2
    assert "names no registry" in said.err
