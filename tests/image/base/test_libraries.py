from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.elf import elf
from xtask.errors import XtaskError
from xtask.image.base.elf import program_of
from xtask.image.base.installation import running_installation
from xtask.image.base.libraries import shared_libraries


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return tmp_path / "python3.11"


def test_refuses_musl(program: Path) -> None:
    program.write_bytes(elf(loader="/lib/ld-musl-x86_64.so.1"))
    with pytest.raises(XtaskError, match="linked with musl") as caught:
        shared_libraries(program, [])
    assert "base image" in str(caught.value.help)


def test_libraries_lie_together_by_soname_and_the_loader_where_programs_ask_for_it() -> None:
    executable = running_installation().executable
    placed = shared_libraries(executable, [])
    with executable.open("rb") as stream:
        loader = program_of(stream, "it").loader.lstrip("/")
    (libc,) = (path for path in placed if path.endswith("/libc.so.6"))
    assert loader in placed
    assert {str(Path(libc).parent)} == {str(Path(path).parent) for path in placed if path != loader}
    assert all(file.is_file() for file in placed.values())
