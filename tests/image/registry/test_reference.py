from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.budgets import budget
from xtask.diagnostics import Problems
from xtask.errors import UsageError
from xtask.image.registry.addresses import origin, registry_address
from xtask.image.registry.reference import Reference, parse_reference
from xtask.manifest.composition import INTERPRETER, read_composition

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "sha256:" + "0123456789abcdef" * 4
# Names close to the border of what is one.
NAMES = st.from_regex(r"[aB1.:_-]{1,5}(/[a1._-]{1,4}){1,2}(:1)?", fullmatch=True)
PORTS = st.integers(0, 99_999).map("a.B-1:{}/b:1".format)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("python", Reference("docker.io", "library/python")),
        ("python:3.12-slim", Reference("docker.io", "library/python", "3.12-slim")),
        ("team/shop", Reference("docker.io", "team/shop")),
        ("docker.io/python", Reference("docker.io", "library/python")),
        ("index.docker.io/team/shop", Reference("docker.io", "team/shop")),
        ("localhost/shop:1", Reference("localhost", "shop", "1")),
        ("localhost:5000/shop", Reference("localhost:5000", "shop")),
        ("[::1]:5000/shop:1", Reference("[::1]:5000", "shop", "1")),
        ("registry.example/a/b-c/d__e:1", Reference("registry.example", "a/b-c/d__e", "1")),
        (f"registry.example/a@{DIGEST}", Reference("registry.example", "a", None, DIGEST)),
        (f"registry.example/a:1@{DIGEST}", Reference("registry.example", "a", "1", DIGEST)),
    ],
)
def test_a_name_is_completed_as_docker_does(text: str, expected: Reference) -> None:
    assert expected == parse_reference(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/shop",
        "shop/",
        "Shop",
        "registry.example/Shop",
        "registry.example/a//b",
        "registry.example/../b",
        "registry.example/a:",
        "registry.example/a:b:c",
        "registry.example/a@sha256:12",
        f"registry.example/a@{DIGEST.upper()}",
        "registry.example/a@sha512:" + "0" * 128,
        "registry.example/a:1\n",
        "registry.example:port/a",
        "registry.example:65536/a",
        "registry.example:99999/a/b:1",
        "registry.example:0/a",
        "[::1]:65536/a",
        "a..b/shop",
        "https://registry.example/a",
        "user@registry.example/a",
        "registry.example/a?b",
        "registry.example/a:" + "x" * 129,
        "registry.example/" + "a" * 250,
    ],
)
def test_refuses_what_is_no_name(text: str) -> None:
    with pytest.raises(UsageError, match="is not the name of an image"):
        parse_reference(text)


@given(st.text(alphabet="aB1.:/@-_[]", max_size=30))
def test_the_canonical_text_means_the_same(text: str) -> None:
    try:
        found = parse_reference(text)
    except UsageError:
        return
    assert found == parse_reference(str(found))


@budget(300)
@given(
    st.sampled_from(["base", "repository"]),
    NAMES | PORTS,
)
def test_what_a_composition_may_name_is_refused_nowhere_later(
    tmp_path: Path, key: str, name: str
) -> None:
    problems, path = Problems(), tmp_path / "modules.toml"
    path.write_text(f'schema = 1\napp = "shop"\n[image]\n{key} = "{name}"\n')
    read_composition(path, problems)
    if problems.found or name == INTERPRETER or name.startswith("oci:"):
        return
    reference = parse_reference(name if key == "base" else f"{name}:0123456789abcdef")
    assert 0 < origin(registry_address(reference.registry)).port < 1 << 16
