from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtask.errors import UntrustedError, XtaskError
from xtask.image.layout import CONFIG_TYPE, INDEX_TYPE, LAYER_TYPE, MANIFEST_TYPE
from xtask.image.registry.documents import (
    MAX_IMAGE,
    MAX_LAYERS,
    Descriptor,
    IndexEntry,
    media_type_of,
    parse_index,
    parse_manifest,
    pick,
    platform_of_config,
    same_platform,
)

A, B, C = ("sha256:" + letter * 64 for letter in "abc")
SCHEMA2 = "application/vnd.docker.distribution.manifest.v2+json"


def descriptor(digest: str, media_type: str = LAYER_TYPE, size: Any = 5) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest, "size": size}


def manifest(**changes: Any) -> bytes:
    found = {"schemaVersion": 2, "config": descriptor(A, CONFIG_TYPE), "layers": [descriptor(B)]}
    return json.dumps(found | changes).encode()


def index(*platforms: str) -> tuple[IndexEntry, ...]:
    names = ("os", "architecture", "variant")
    entries = [
        {
            **descriptor("sha256:" + f"{number}" * 64, MANIFEST_TYPE, number),
            **({"platform": dict(zip(names, one.split("/"), strict=False))} if one else {}),
        }
        for number, one in enumerate(platforms)
    ]
    return parse_index(json.dumps({"manifests": entries}).encode())


def test_a_manifest_is_its_config_and_layers() -> None:
    found = parse_manifest(manifest(layers=[descriptor(B), descriptor(C, size=7), descriptor(B)]))
    assert found.config == Descriptor(CONFIG_TYPE, A, 5)
    assert found.layers == tuple(
        Descriptor(LAYER_TYPE, one, n) for one, n in [(B, 5), (C, 7), (B, 5)]
    )
    assert [blob.digest for blob in found.blobs] == [B, C, A]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        manifest(layers=None),
        manifest(layers={}),
        manifest(layers=["x"]),
        manifest(layers=[descriptor("sha256:" + "A" * 64)]),
        manifest(layers=[descriptor("../../../etc/passwd")]),
        manifest(layers=[descriptor(A, size=-1)]),
        manifest(layers=[descriptor(A, size=True)]),
        manifest(layers=[descriptor(A, size="5")]),
        manifest(layers=[descriptor(B, size=MAX_IMAGE)]),
        manifest(layers=[descriptor(B), descriptor(B, size=6)]),
        manifest(layers=[descriptor(A, "text/\nplain")]),
        manifest(layers=[descriptor(B)] * (MAX_LAYERS + 1)),
        manifest(config=None),
        manifest(manifests=[]),
    ],
    ids=range(18),
)
def test_refuses_a_manifest_that_is_none(data: bytes) -> None:
    with pytest.raises(UntrustedError):
        parse_manifest(data)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda one: (
            st.lists(one)
            | st.dictionaries(
                st.sampled_from(
                    ["config", "layers", "manifests", "digest", "size", "mediaType", "platform"]
                ),
                one,
            )
        ),
    )
)
def test_no_json_value_ends_in_anything_but_a_refusal(value: Any) -> None:
    data = json.dumps(value).encode()
    for parse in (parse_manifest, parse_index, lambda one: media_type_of(one, "")):
        try:
            parse(data)
        except UntrustedError:
            continue


@pytest.mark.parametrize(
    ("declared", "stated", "expected"),
    [
        (MANIFEST_TYPE, None, MANIFEST_TYPE),
        (f"{SCHEMA2}; charset=utf-8", SCHEMA2, SCHEMA2),
        ("application/json", INDEX_TYPE, INDEX_TYPE),
        ("", MANIFEST_TYPE, MANIFEST_TYPE),
    ],
)
def test_a_document_is_what_it_says(declared: str, stated: str | None, expected: str) -> None:
    assert expected == media_type_of(json.dumps({"mediaType": stated}).encode(), declared)


@pytest.mark.parametrize(
    ("declared", "stated"),
    [
        (MANIFEST_TYPE, INDEX_TYPE),
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", None),
        ("text/html", None),
        ("", 5),
        ("", ["x"]),
    ],
)
def test_refuses_a_document_that_contradicts_itself(declared: str, stated: Any) -> None:
    with pytest.raises(UntrustedError):
        media_type_of(json.dumps({"mediaType": stated}).encode(), declared)


@pytest.mark.parametrize(
    ("platforms", "wanted", "expected"),
    [
        (["linux/amd64", "linux/arm64/v8"], "linux/amd64", 0),
        (["linux/amd64", "linux/arm64/v8"], "linux/arm64", 1),
        (["linux/amd64", "linux/arm64"], "linux/arm64/v8", 1),
        (["linux/amd64/v1", "linux/arm64"], "linux/amd64", 0),
        (["linux/arm/v7", "linux/amd64"], "linux/arm", 0),
        (["unknown/unknown", "linux/amd64"], None, 1),
        ([""], None, 0),
    ],
)
def test_picks_the_image_for_a_platform(
    platforms: list[str], wanted: str | None, expected: int
) -> None:
    assert pick(index(*platforms), wanted).size == expected


@pytest.mark.parametrize(
    ("platforms", "wanted", "said"),
    [
        (["linux/amd64"], "linux/arm64", "no image for linux/arm64"),
        (["linux/arm/v6", "linux/arm/v7"], "linux/arm", "more than one"),
        (["linux/amd64", "linux/arm64"], None, "more than one"),
        (["linux/amd64", "linux/amd64"], "linux/amd64", "more than one"),
        ([], "linux/amd64", "no image"),
        (["unknown/unknown"], "linux/amd64", "no image"),
    ],
)
def test_says_which_platforms_there_are(
    platforms: list[str], wanted: str | None, said: str
) -> None:
    with pytest.raises(XtaskError, match=said) as caught:
        pick(index(*platforms), wanted)
    assert all(one in str(caught.value.help) for one in platforms if one != "unknown/unknown")


def test_a_config_says_for_which_platform_it_is() -> None:
    config = {"os": "linux", "architecture": "arm64", "variant": "v8", "rootfs": {}}
    assert platform_of_config(config) == "linux/arm64"
    assert same_platform("linux/arm/v7", "linux/arm")
    assert not same_platform("linux/arm", "linux/arm64")
