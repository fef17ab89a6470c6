"""The merged module path: the union of its parts, whatever it held before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tests.support.workspace import write
from xtask.image.site import merge_sites

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

NAMES = st.sampled_from(["a", "b", "ns/a", "ns/b", "ns/deep/c", "ns/deep/d"])
PARTS = st.lists(st.sets(NAMES, max_size=4), max_size=4)


def files(root: Path) -> dict[str, str]:
    """Return the content of every file that Python would find below a folder."""
    found: dict[str, str] = {}
    for path in sorted(root.iterdir()):
        if path.is_dir():
            found |= {f"{path.name}/{name}": text for name, text in files(path).items()}
        else:
            found[path.name] = path.read_text()
    return found


def parts_of(root: Path, products: list[list[set[str]]]) -> list[list[Path]]:
    """Write the parts of each product; no two parts of one product have the same file."""
    found = []
    for number, product in enumerate(products):
        seen: set[str] = set()
        parts = []
        for part, names in enumerate(product):
            folder = root / f"{number}" / f"{part}"
            write(folder, {f"{name}.py": f"{number} {part} {name}" for name in names - seen})
            seen |= names
            parts.append(folder)
        found.append(parts)
    return found


@given(products=st.lists(PARTS, min_size=1, max_size=4))
def test_holds_the_union_of_the_parts_and_nothing_of_the_product_before(
    tmp_path_factory: pytest.TempPathFactory, products: list[list[set[str]]]
) -> None:
    root = tmp_path_factory.mktemp("sites")
    for parts in parts_of(root, products):
        merge_sites(parts, root / "site")
        expected = {
            name: text for part in parts if part.is_dir() for name, text in files(part).items()
        }
        assert files(root / "site") == expected


def test_a_name_that_one_part_has_is_one_link_and_stays_the_same_link(tmp_path: Path) -> None:
    write(tmp_path / "part", {"package/__init__.py": "", "package/deep/a.py": ""})
    merge_sites([tmp_path / "part"], tmp_path / "site")
    link = tmp_path / "site" / "package"
    inode = link.lstat().st_ino
    merge_sites([tmp_path / "part"], tmp_path / "site")
    assert link.is_symlink()
    assert link.lstat().st_ino == inode
