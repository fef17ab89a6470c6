"""A module that is a folder of another system is built into the image as it is, or refused."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import workspace

if TYPE_CHECKING:
    from tests.acceptance.shop import Workspace

pytestmark = pytest.mark.requires("index")

MANIFEST = {
    "name": "pydantic",
    "display_name": "Cards",
    "version": "1.0.0",
    "description": "Gift cards",
    "author": "Somebody",
    "license": "MIT",
    "min_app_version": "1.0.0",
}
FLUX = {
    "module.json": json.dumps(MANIFEST, indent=2),
    "__init__.py": '__version__ = "1.0.0"\n',
    "routes.py": "from .services.names import router\n",
    "services/__init__.py": "",
    "services/names.py": "router = object()\n",
    "data/kept.sqlite3": "what the product wrote",
    "tests/test_it.py": "import nobody_has_this\n",
}


def with_flux(shop: Workspace, **files: str) -> Workspace:
    """Add a Flux module with the name of a package of the index to a shop."""
    found = FLUX | {name.replace("__py", ".py"): text for name, text in files.items()}
    workspace.write(shop.root / "modules/pydantic", found)
    line = 'pydantic = { path = "modules/pydantic" }\n'
    shop.edit("modules.toml", "host = ", f"{line}host = ")
    return shop


def paths(shop: Workspace, document: Any) -> set[str]:
    """Return the paths of all files in a built image."""
    blobs = shop.root / "releases/oci/blobs/sha256"
    manifest = json.loads((blobs / document["image_digest"].removeprefix("sha256:")).read_bytes())
    found: set[str] = set()
    for layer in manifest["layers"]:
        with tarfile.open(blobs / layer["digest"].removeprefix("sha256:")) as archive:
            found.update(archive.getnames())
    return found


def test_flux_module_is_in_the_image_under_its_namespace(shop: Workspace) -> None:
    said = with_flux(shop).xtask("build", "--json")
    assert said.code == 0, said.err
    assert said.err.count("warning[XT0310]: ") == 1
    inside = paths(shop, said.document)
    home = "app/site/modules/pydantic"
    assert {f"{home}/routes.py", f"{home}/services/names.py", f"{home}/module.json"} <= inside
    assert not {path for path in inside if path.startswith((f"{home}/tests", f"{home}/data"))}
    assert not inside & {"app/site/modules/__init__.py", "app/site/pydantic"}


def test_what_a_running_product_writes_builds_nothing_anew(shop: Workspace) -> None:
    before = with_flux(shop).built()
    workspace.write(shop.root, {"modules/pydantic/data/more.sqlite3": "rows"})
    after = shop.built()
    assert (after["cached"], after["manifest_hash"]) == (True, before["manifest_hash"])
    workspace.write(shop.root, {"modules/pydantic/services/more.py": ""})
    assert shop.built()["manifest_hash"] != before["manifest_hash"]


def test_code_that_cannot_be_imported_names_the_line_of_the_manifest(shop: Workspace) -> None:
    said = with_flux(shop, routes__py="import nobody_has_this\nrouter = 1\n").xtask("build")
    assert said.code == 3
    assert "error[XT0401]: `modules.pydantic.routes:router` of module `pydantic`" in said.err
    assert "--> modules/pydantic/module.json:2:" in said.err


def test_a_package_that_nothing_uses_is_named_and_the_image_is_made(shop: Workspace) -> None:
    manifest = '{\n    "name": "Gifts",\n    "external_dependencies": {\n'
    manifest += '        "python": ["annotated-doc>=0.0.2"],\n    },\n}\n'
    files = {"__init__.py": '"""Not annotated_doc."""\n', "__manifest__.py": manifest}
    workspace.write(shop.root / "modules/gifts", files)
    shop.edit("modules.toml", "host = ", 'gifts = { path = "modules/gifts" }\nhost = ')
    said = shop.xtask("build", "--json")
    assert said.code == 0, said.err
    shown = "warning[XT0403]: `gifts` declares `annotated-doc` and imports nothing of it"
    assert said.err.count(shown) == 1
    assert "--> modules/gifts/__manifest__.py:4:20\n" in said.err
    assert "annotated_doc" in {
        path.split("/")[2] for path in paths(shop, said.document) if "site/" in path
    }
    workspace.write(shop.root, {"modules/gifts/tests/test_it.py": "import annotated_doc\n"})
    assert "XT0403" not in shop.xtask("build").err


def test_a_module_that_is_no_python_is_valid_and_not_built(shop: Workspace) -> None:
    crate = '[module]\nslug = "tax"\nname = "Tax"\nversion = "1.0.0"\n'
    crate += 'description = "What a state asks for, with its rates"\n'
    workspace.write(shop.root, {"modules/tax/rustok-module.toml": crate})
    shop.edit("modules.toml", "host = ", 'tax = { path = "modules/tax" }\nhost = ')
    valid = shop.xtask("validate-manifest", "--json")
    assert (valid.code, valid.document["valid"]) == (0, True), valid.err
    said = shop.xtask("build", "--json")
    assert said.code == 3
    assert [problem["code"] for problem in said.document["error"]["errors"]] == ["XT0216"]
    assert not (shop.root / "releases/bundles").exists()
