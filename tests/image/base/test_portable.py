"""An image becomes a base once every byte of it was checked and its Python was found."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.bases import image, machine_base, python_files, tar
from tests.support.elf import elf
from xtask.errors import UntrustedError, XtaskError
from xtask.image.base.portable import portable_base
from xtask.image.base.values import Base, BaseError
from xtask.image.layout import GZIP_LAYER_TYPE, LAYER_TYPE, Layout

if TYPE_CHECKING:
    from pathlib import Path

DOCKER = "application/vnd.docker.image.rootfs.diff.tar"
AMD64 = "linux/amd64"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "oci")


def based(layout: Layout, digest: str, platform: str = AMD64) -> Base:
    return portable_base(layout, layout.root.parent / "cache", digest, platform)


def base_of(layout: Layout, *tars: bytes, **described: Any) -> Base:
    return based(layout, image(layout, tars, **described), described.get("platform", AMD64))


def test_says_what_is_in_it(layout: Layout) -> None:
    digest = image(layout, [tar(python_files()), tar({"etc/x": b""})], env=["LANG=C.UTF-8", "A=b"])
    base = based(layout, digest)
    manifest, config = layout.read_image(digest)
    assert (base.digest, base.platform, base.python) == (digest, AMD64, "3.12.7")
    assert (base.executable, base.libc) == ("/usr/local/bin/python3.12", "glibc 2.36")
    assert (base.machine_local, base.has_bytecode) == (False, False)
    assert [layer.digest for layer in base.layers] == [one["digest"] for one in manifest["layers"]]
    assert [layer.diff_id for layer in base.layers] == config["rootfs"]["diff_ids"]
    assert {layer.media_type for layer in base.layers} == {GZIP_LAYER_TYPE}


def test_keeps_nothing_of_the_environment_but_where_programs_and_texts_are(layout: Layout) -> None:
    env = ["PATH=/opt/bin:/usr/local/bin", "LANG=C.UTF-8", "TOKEN=x", "LD_PRELOAD=/x", "HOME=/root"]
    base = base_of(layout, tar(python_files()), env=env)
    assert dict(base.env) == {"PATH": "/opt/bin:/usr/local/bin", "LANG": "C.UTF-8"}


@pytest.mark.parametrize("env", [[], ["PATH=/usr/bin"], ["PATH=a\nb"], ["nothing", 5, "PATH"]])
def test_the_folder_of_the_python_is_on_the_path(layout: Layout, env: list[str]) -> None:
    base = base_of(layout, tar(python_files(prefix="opt/py")), env=env)
    assert dict(base.env)["PATH"].split(":")[0] == "/opt/py/bin"


@pytest.mark.parametrize("kind", ["", f"{DOCKER}.gzip"])
def test_layers_of_docker_are_the_same_layers(layout: Layout, kind: str) -> None:
    base = base_of(layout, tar(python_files()), layer_type=kind)
    assert [layer.media_type for layer in base.layers] == [GZIP_LAYER_TYPE]


def test_plain_layers_stay_plain(layout: Layout) -> None:
    for kind in (LAYER_TYPE, DOCKER):
        base = base_of(layout, tar(python_files()), packed=False, layer_type=kind)
        assert [layer.media_type for layer in base.layers] == [LAYER_TYPE]
        assert base.layers[0].digest == base.layers[0].diff_id


def test_a_layer_in_zstd_is_refused_with_a_way_out(layout: Layout) -> None:
    with pytest.raises(BaseError, match="in zstd") as caught:
        base_of(layout, tar(python_files()), layer_type=f"{LAYER_TYPE}+zstd")
    assert "skopeo copy --dest-compress-format gzip" in str(caught.value.help)
    with pytest.raises(BaseError, match="foreign"):
        base_of(layout, tar(python_files()), layer_type=DOCKER.replace("diff", "foreign.diff"))


def test_what_was_found_is_remembered_and_read_again_when_it_is_damaged(layout: Layout) -> None:
    digest = image(layout, [tar(python_files())])
    first = based(layout, digest)
    (record,) = (layout.root.parent / "cache" / "base").iterdir()
    kept = record.read_bytes()
    record.write_bytes(kept.replace(b"3.12.7", b"3.12.8"))
    assert based(layout, digest).python == "3.12.8"
    for damage in (b"", b"{}", b"[]", b"null", kept[:-5]):
        record.write_bytes(damage)
        assert based(layout, digest) == first
        assert record.read_bytes() == kept


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"etc/passwd": b""}, "the base has no Python"),
        ({"usr/bin/python3.12": b""}, "the base has no Python"),
        (
            python_files() | python_files(prefix="usr"),
            "the base has 2 Pythons: /usr/bin/python3.12",
        ),
        (python_files() | python_files("3.13.1"), "the base has 2 Pythons"),
        (python_files() | {"usr/local/bin/python3.12": b"#!/bin/sh\n"}, "not a 64-bit"),
        (python_files(platform="linux/arm64"), "is for arm64, and the base says amd64"),
        (
            {name: data for name, data in python_files().items() if "libc" not in name},
            "and no glibc is there",
        ),
        (
            python_files()
            | {"lib/x86_64-linux-gnu/libc.so.6": b"stable release version 2." + b"9" * 5000},
            "and no glibc is there",
        ),
        (
            python_files() | {"usr/local/bin/python3.12": elf(loader="/lib/ld.so")},
            "nothing says which version of Python 3.12",
        ),
    ],
)
def test_refuses_an_image_without_one_python_that_can_be_used(
    layout: Layout, files: dict[str, bytes], message: str
) -> None:
    with pytest.raises(BaseError, match=message) as caught:
        base_of(layout, tar(files))
    assert caught.value.help or "glibc" in message


def test_of_two_pythons_the_environment_says_which_is_meant(layout: Layout) -> None:
    both = tar(python_files("3.11.2", prefix="usr") | python_files("3.12.7"))
    base = base_of(layout, both, env=["PYTHON_VERSION=3.12.7"])
    assert (base.executable, base.python) == ("/usr/local/bin/python3.12", "3.12.7")
    with pytest.raises(BaseError, match=r"PYTHON_VERSION of the base is '3\.10\.1'"):
        base_of(layout, both, env=["PYTHON_VERSION=3.10.1"])


def test_a_python_that_an_upper_layer_takes_away_is_none(layout: Layout) -> None:
    both = python_files() | python_files("3.11.2", prefix="usr")
    base = base_of(layout, tar(both), tar({"usr/bin/.wh.python3.11": b""}))
    assert base.executable == "/usr/local/bin/python3.12"


def test_a_virtual_environment_and_a_second_name_are_no_second_python(layout: Layout) -> None:
    names = {"opt/venv/bin/python3.12": "/usr/local/bin/python3.12", "bin": "usr/local/bin"}
    base = base_of(layout, tar(python_files(), links=names))
    assert base.executable == "/usr/local/bin/python3.12"


def test_musl_is_seen(layout: Layout) -> None:
    program = elf(loader="/lib/ld-musl-x86_64.so.1") + b"\x003.12.7\0"
    base = base_of(layout, tar(python_files() | {"usr/local/bin/python3.12": program}))
    assert base.libc == "musl 1.2"


def test_refuses_another_platform_than_the_target(layout: Layout) -> None:
    digest = image(layout, [tar(python_files(platform="linux/arm64"))], platform="linux/arm64")
    assert based(layout, digest, "linux/arm64").platform == "linux/arm64"
    with pytest.raises(BaseError, match="the base is for linux/arm64, not for linux/amd64"):
        based(layout, digest)


def altered(layout: Layout, digest: str, change: bytes) -> None:
    path = layout.path(digest)
    path.write_bytes(change or bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])


@pytest.mark.parametrize(
    "change", [b"", b"short", gzip.compress(tar({"x": b""}))], ids=["one bit", "short", "another"]
)
def test_refuses_an_altered_layer(layout: Layout, change: bytes) -> None:
    digest = image(layout, [tar(python_files())])
    altered(layout, layout.read_json(digest)["layers"][0]["digest"], change)
    with pytest.raises(UntrustedError, match="layer 0 of the base"):
        based(layout, digest)


def test_refuses_an_altered_config_and_a_missing_layer(layout: Layout) -> None:
    digest = image(layout, [tar(python_files())])
    manifest = layout.read_json(digest)
    layout.path(manifest["layers"][0]["digest"]).unlink()
    with pytest.raises(UntrustedError, match="missing"):
        based(layout, digest)
    altered(layout, manifest["config"]["digest"], b"")
    with pytest.raises(UntrustedError, match="does not have the bytes"):
        based(layout, digest)


@pytest.mark.parametrize(
    "changed",
    [
        {"rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}},
        {"rootfs": {"type": "layers", "diff_ids": []}},
        {"rootfs": None},
        {"os": None},
        {"architecture": 5},
    ],
)
def test_refuses_a_config_that_says_something_else(layout: Layout, changed: dict[str, Any]) -> None:
    with pytest.raises(UntrustedError):
        base_of(layout, tar(python_files()), changed=changed)


@pytest.mark.parametrize("two_layers", [False, True])
def test_the_python_of_this_machine_is_found_in_an_image_of_it(
    tmp_path: Path, *, two_layers: bool
) -> None:
    layout = Layout(tmp_path / "oci")
    packed = machine_base(layout.root, two_layers=two_layers)
    ((digest, _),) = [(one["digest"], one) for one in layout._manifests()]
    base = portable_base(layout, tmp_path / "cache", digest, packed.platform)
    assert (base.executable, base.python) == (packed.executable, packed.python)
    assert len(base.layers) == 1 + two_layers
    assert base.libc.startswith("glibc 2.")


def test_an_image_that_is_none_is_refused(layout: Layout) -> None:
    for data in (b"[]", b"{}", b'{"config": 5, "layers": []}', b'{"manifests": []}', b"\xff"):
        digest = layout.put_bytes(data)
        with pytest.raises(XtaskError):
            based(layout, digest)
