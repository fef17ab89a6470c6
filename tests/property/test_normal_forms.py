"""`read(write(m)) = m`: what a dialect can say of a module is what is read of its manifest."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property.normal_forms import bmc, capability, fastvue, flux, native, rustok
from tests.property.test_dialects import read
from tests.support import workspace
from tests.support.budgets import budget
from tests.support.examples import facts_of, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from xtask.manifest.module import Module


class Form(NamedTuple):
    """What one format of a dialect can say, how it says it, and in which files."""

    modules: Callable[[], st.SearchStrategy[Module]]
    manifest: Callable[..., dict[str, Any]]
    files: Callable[[Module], dict[str, str]]
    filename: str


FORMS = {
    "native": Form(native.modules, native.manifest, native.files, native.FILENAME),
    "flux": Form(flux.modules, flux.manifest, flux.files, flux.FILENAME),
    "fastvue": Form(fastvue.modules, fastvue.manifest, fastvue.files, fastvue.FILENAME),
    "bmc": Form(bmc.modules, bmc.manifest, bmc.files, bmc.FILENAME),
    "rustok": Form(rustok.modules, rustok.manifest, rustok.files, rustok.FILENAME),
    "capability": Form(
        capability.nested, capability.written_nested, capability.files, capability.FILENAME
    ),
    "capability_flat": Form(
        capability.flat, capability.written_flat, capability.files, capability.FILENAME
    ),
}


def written_folder(module: Module, form: Form, root: Path, *, terse: bool) -> Path:
    """Write a module as a folder that is called like it, and nothing else."""
    shutil.rmtree(root, ignore_errors=True)
    values = form.manifest(module, terse=terse)
    values = without_none(values) if form.filename.endswith(".toml") else values
    text = written(values, form.filename)
    return workspace.write(root / module.name, {**form.files(module), form.filename: text})


def without_none(values: Any) -> Any:
    """Return values without the ones that TOML does not have."""
    if isinstance(values, dict):
        return {key: without_none(item) for key, item in values.items() if item is not None}
    return [without_none(item) for item in values] if isinstance(values, list) else values


@pytest.mark.parametrize("name", FORMS)
@budget(30)
@given(data=st.data(), terse=st.booleans())
def test_what_is_written_is_what_is_read(
    tmp_path: Path, name: str, data: st.DataObject, *, terse: bool
) -> None:
    form = FORMS[name]
    module = data.draw(form.modules())
    folder = written_folder(module, form, tmp_path / "written", terse=terse)
    found, problems, _ = read(folder)
    assert [(item.code, item.message) for item in problems.errors] == []
    expected, facts = facts_of(replace(module, root=folder)), facts_of(found)
    assert expected == facts
    assert repr(expected) == repr(facts)  # 1 is not True, nor 1.0
