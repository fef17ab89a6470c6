"""Layers one above the other give what a container sees."""

from __future__ import annotations

import io

import pytest

from tests.support.bases import tar
from xtask.errors import UntrustedError
from xtask.image.base.changeset import Changeset, Kind
from xtask.image.base.tree import Content, Tree


def tree(*tars: bytes) -> Tree:
    made = Tree()
    for number, data in enumerate(tars):
        changes = Changeset(io.BytesIO(data), f"layer {number}", compressed=False)
        for member in changes.members():
            made.apply(number, member)
    return made


def files(*tars: bytes) -> dict[str, Content]:
    return {path: node.content for path, node in tree(*tars).walk() if node.content}


def test_an_upper_file_replaces_a_lower_one() -> None:
    lower, upper = tar({"a/x": b"1", "a/y": b"2"}), tar({"a/x": b"3"})
    assert files(lower, upper) == {"a/x": Content(1, "a/x"), "a/y": Content(0, "a/y")}


@pytest.mark.parametrize("white", ["a/.wh.x", ".wh.a"])
def test_a_whiteout_takes_away_what_is_below_only(white: str) -> None:
    lower = tar({"a/x/1": b"", "b": b""})
    assert files(lower, tar({white: b""})) == {"b": Content(0, "b")}
    for order in ({white: b"", "a/x/2": b""}, {"a/x/2": b"", white: b""}):
        assert set(files(lower, tar(order))) == {"a/x/2", "b"}
    assert set(files(tar({white: b"", "a/x": b""}))) == {"a/x"}


@pytest.mark.parametrize("first", [True, False])
def test_an_opaque_folder_hides_all_that_was_in_it(*, first: bool) -> None:
    mark, new = {"a/.wh..wh..opq": b""}, {"a/new/file": b""}
    upper = tar(mark | new if first else new | mark)
    found = tree(tar({"a/x": b"", "a/new/old": b"", "b": b""}), upper)
    assert {path for path, node in found.walk() if node.content} == {"a/new/file", "b"}


def test_a_folder_replaces_a_file_and_a_file_a_folder() -> None:
    lower = tar({"a": b"", "b/x": b""})
    assert set(files(lower, tar({"a/y": b""}, folders=["a"]))) == {"a/y", "b/x"}
    assert set(files(lower, tar({"b": b""}))) == {"a", "b"}


def test_a_path_through_a_link_lies_where_the_link_leads() -> None:
    lower = tar({"usr/lib/a": b""}, links={"lib": "usr/lib", "abs": "/usr/lib"})
    found = files(lower, tar({"lib/b": b"", "abs/c": b""}))
    assert set(found) == {"usr/lib/a", "usr/lib/b", "usr/lib/c"}
    assert found["usr/lib/b"] == Content(1, "lib/b")


@pytest.mark.parametrize("link", ["../../../../etc", "/etc", "/../etc", "x/../../etc", "./etc"])
def test_links_end_at_the_root_of_the_image(link: str) -> None:
    found = tree(tar({"etc/passwd": b"", "x/y": b""}, links={"way": link})).find("way/passwd")
    assert found
    assert found[0] == "etc/passwd"


def test_links_in_a_circle_lead_nowhere() -> None:
    made = tree(tar(links={"a": "b", "b": "a", "c": "c/c"}))
    assert [made.find(path) for path in ("a", "c", "a/x", "nothing")] == [None] * 4


def test_a_hard_link_is_another_name_of_one_file() -> None:
    lower = tar({"real/a": b"1"}, links={"way": "real"})
    found = files(lower, tar(hard={"b": "way/a"}))
    assert found["b"] == Content(0, "real/a")


@pytest.mark.parametrize(
    "data",
    [
        tar({"a": b"", "a/b": b""}),
        tar(links={"way": "nowhere"}),
        tar(hard={"b": "nowhere"}),
        tar(hard={"b": "folder"}, folders=["folder"]),
    ],
)
def test_refuses_layers_that_contradict_themselves(data: bytes) -> None:
    with pytest.raises(UntrustedError, match="a layer of the base"):
        tree(data, tar({"way/a": b""}, folders=["a"]))


def test_devices_have_no_content() -> None:
    ((path, node),) = tree(tar(others=["null"])).walk()
    assert (path, node.kind, node.content) == ("null", Kind.OTHER, None)
