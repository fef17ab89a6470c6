from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import canaries
from xtask.digest import canonical_json, sha256
from xtask.errors import XtaskError
from xtask.image.assemble import (
    MAX_LAYERS,
    Image,
    ImageConfig,
    SecretError,
    assemble,
    bucket,
)
from xtask.image.layer import Entry, Layer, write_layer

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.image.layout import Layout

CONFIG = ImageConfig(
    entrypoint=("/usr/local/bin/python3.11", "-m", "app"),
    env={"PYTHONPATH": "/app/site", "PATH": "/usr/local/bin"},
    labels={"b": "2", "a": "1"},
    port=8000,
)
NAMES = [f"module-{number}" for number in range(40)]


def layers_of(layout: Layout, count: int) -> list[Layer]:
    return [write_layer(layout, [Entry(f"app/{number}", b"x")]) for number in range(count)]


def build(layout: Layout, config: ImageConfig = CONFIG, count: int = 2) -> Image:
    return assemble(
        layout,
        layers=layers_of(layout, count),
        config=config,
        annotations={"org.opencontainers.image.title": "shop"},
        reference="shop:1",
    )


def test_config_says_how_to_start_and_nothing_of_when_or_where(layout: Layout) -> None:
    image = build(layout)
    assert layout.read_json(image.config_digest) == {
        "architecture": "amd64",
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "Entrypoint": ["/usr/local/bin/python3.11", "-m", "app"],
            "Env": ["PATH=/usr/local/bin", "PYTHONPATH=/app/site"],
            "ExposedPorts": {"8000/tcp": {}},
            "Labels": {"a": "1", "b": "2"},
            "User": "10001:10001",
            "WorkingDir": "/app",
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in image.layers]},
    }


def test_manifest_describes_config_and_layers(layout: Layout) -> None:
    image = build(layout)
    manifest = layout.read_json(image.digest)
    expected = [image.config_digest, *(layer.digest for layer in image.layers)]
    described = [manifest["config"], *manifest["layers"]]
    assert expected == [one["digest"] for one in described]
    sizes = [layout.path(one["digest"]).stat().st_size for one in described]
    assert sizes == [one["size"] for one in described]
    assert image.size == layout.path(image.digest).stat().st_size
    assert image.total_size == sum(sizes[1:])
    layout.verify(image.digest)


def test_manifest_is_canonical_json_under_its_own_digest(layout: Layout) -> None:
    image = build(layout)
    data = canonical_json(layout.read_json(image.digest))
    assert sha256(data) == image.digest


def test_order_of_settings_does_not_matter(layout: Layout) -> None:
    env = dict(reversed(list(CONFIG.env.items())))
    labels = dict(reversed(list(CONFIG.labels.items())))
    entrypoint = CONFIG.entrypoint
    other = ImageConfig(entrypoint=entrypoint, env=env, labels=labels, port=8000)
    assert build(layout) == build(layout, other)


def test_order_of_layers_does(layout: Layout) -> None:
    one, two = layers_of(layout, 2)
    digests = {
        assemble(layout, layers=order, config=CONFIG, annotations={}, reference="shop:1").digest
        for order in ([one, two], [two, one])
    }
    assert len(digests) == 2


def test_the_name_is_no_part_of_the_image(layout: Layout) -> None:
    layers = layers_of(layout, 1)
    digests = {
        assemble(layout, layers=layers, config=CONFIG, annotations={}, reference=name).digest
        for name in ("shop:1", "shop:2")
    }
    assert len(digests) == 1


def test_says_when_there_are_too_many_layers(layout: Layout) -> None:
    build(layout, count=MAX_LAYERS)
    with pytest.raises(XtaskError, match="121 layers, an image may have 120"):
        build(layout, count=MAX_LAYERS + 1)


@pytest.mark.parametrize(
    "setting",
    [
        {"env": {"AWS_SECRET_ACCESS_KEY": "x"}},
        {"env": {"LD_PRELOAD": "x"}},
        {"user": "root"},
        {"user": "0:0"},
        {"user": "10001:0"},
        {"user": "10001"},
        {"platform": "linux"},
        {"platform": "x86_64-unknown-linux-gnu"},
        {"platform": "linux/"},
    ],
)
def test_refuses_a_config_that_leaks_or_gives_rights_away(
    layout: Layout, setting: dict[str, Any]
) -> None:
    with pytest.raises(XtaskError):
        build(layout, ImageConfig(entrypoint=("/x",), **setting))


@pytest.mark.parametrize("where", ["env", "labels"])
def test_refuses_a_config_that_holds_a_secret(layout: Layout, where: str) -> None:
    said = {"PATH": f"https://shop:{canaries.plain('config')}@example.com/"}
    config = replace(CONFIG, env=said) if where == "env" else replace(CONFIG, labels=said)
    with pytest.raises(SecretError, match="`PATH` of the image holds what looks like"):
        build(layout, config)
    assert not list(layout.root.glob("index.json"))


def test_a_variant_of_an_architecture_is_kept(layout: Layout) -> None:
    image = build(layout, ImageConfig(entrypoint=("/x",), platform="linux/arm64/v8"))
    config = layout.read_json(image.config_digest)
    assert (config["os"], config["architecture"], config["variant"]) == ("linux", "arm64", "v8")


def test_while_they_fit_each_name_has_its_own_layer_in_order() -> None:
    assert bucket(["b", "a", "c"], 3) == [["b"], ["a"], ["c"]]
    assert bucket([], 0) == []


def test_beyond_the_limit_every_name_is_in_one_bucket_in_order() -> None:
    buckets = bucket(NAMES, 7)
    assert len(buckets) <= 7
    assert sorted(name for members in buckets for name in members) == sorted(NAMES)
    assert all(members == sorted(members, key=NAMES.index) for members in buckets)


def test_one_name_more_changes_one_bucket_only() -> None:
    before = {tuple(members) for members in bucket(NAMES, 7)}
    after = {tuple(members) for members in bucket([*NAMES, "newcomer"], 7)}
    assert len(before - after) <= 1
    assert len(after - before) == 1


def test_refuses_to_place_names_in_no_bucket() -> None:
    with pytest.raises(XtaskError, match="no layer is left for 1 modules"):
        bucket(["a"], 0)


@pytest.mark.requires("skopeo")
def test_skopeo_accepts_the_layout_and_keeps_the_digest(layout: Layout, tmp_path: Path) -> None:
    image = build(layout)
    source, copy = f"oci:{layout.root}:shop:1", f"oci:{tmp_path / 'copy'}:shop:1"
    copying = ["skopeo", "--insecure-policy", "copy", "--preserve-digests", source, copy]
    subprocess.run(copying, check=True, capture_output=True)
    inspecting = ["skopeo", "inspect", "--format", "{{.Digest}}", copy]
    done = subprocess.run(inspecting, check=True, capture_output=True, text=True)
    assert image.digest == done.stdout.strip()


@pytest.mark.parametrize("number", [200, 1000])
def test_many_modules_fit_and_one_more_changes_one_layer(layout: Layout, number: int) -> None:
    def made(names: list[str]) -> Image:
        groups = bucket(names, MAX_LAYERS - 3)
        files = [[Entry(f"app/site/{name}/a.py", name.encode()) for name in ns] for ns in groups]
        layers = [write_layer(layout, entries) for entries in files]
        return assemble(layout, layers=layers, config=CONFIG, annotations={}, reference="shop:1")

    names = [f"module-{each}" for each in range(number)]
    before, after = made(names), made([*names, "newcomer"])
    assert len(before.layers) <= MAX_LAYERS - 3
    assert len(set(after.layers) - set(before.layers)) == 1
    assert len(set(before.layers) - set(after.layers)) <= 1
