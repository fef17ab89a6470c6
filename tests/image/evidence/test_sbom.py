from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from cyclonedx.model.bom import Bom
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion

from tests.support.attested import contents
from xtask.digest import canonical_json, sha256
from xtask.image.evidence.sbom import sbom, serial_number

IMAGE, HASH = sha256(b"image"), sha256(b"manifest")
CONTENTS = contents(IMAGE, HASH)


def document() -> Any:
    return json.loads(sbom(CONTENTS))


def test_the_strict_validator_of_cyclonedx_accepts_it() -> None:
    # Not above: it makes grammars for seconds, in every process that collects tests.
    from cyclonedx.validation.json import JsonStrictValidator

    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(sbom(CONTENTS).decode()) is None
    broken = document() | {"mood": "good"}
    assert validator.validate_str(json.dumps(broken)) is not None


def test_the_library_of_cyclonedx_reads_it_and_writes_the_same() -> None:
    read = Bom.from_json(document())  # type: ignore[attr-defined]
    read.metadata.timestamp = None
    written = json.loads(JsonV1Dot6(read).output_as_string())
    # It sorts components by their kind first.
    written["components"].sort(key=lambda one: one["bom-ref"])
    assert written == document()


def test_the_same_contents_are_the_same_bytes_in_every_process_and_order() -> None:
    code = (
        "from tests.support.attested import contents; from xtask.image.evidence.sbom import sbom;"
        "import sys; sys.stdout.buffer.write(sbom(contents(sys.argv[1], sys.argv[2])))"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code, IMAGE, HASH],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": f"UTC-{seed}"},
            capture_output=True,
            check=True,
        )
        assert done.stdout == sbom(CONTENTS)
    turned = CONTENTS._replace(
        modules=CONTENTS.modules[::-1], packages=CONTENTS.packages[::-1], bases=CONTENTS.bases[::-1]
    )
    assert sbom(turned) == sbom(CONTENTS)
    assert canonical_json(document()) == sbom(CONTENTS)


def test_the_serial_number_is_of_the_manifest_hash() -> None:
    assert document()["serialNumber"] == serial_number(HASH)
    assert serial_number(HASH) != serial_number(IMAGE)
    assert "timestamp" not in document()["metadata"]


def test_every_component_says_what_it_is_and_who_pulled_it_in() -> None:
    found = {one["bom-ref"]: one for one in document()["components"]}
    assert sorted(found) == [
        "application", "base:linux/amd64", "module:cart", "module:host", "module:metrics",
        "pkg:pypi/anyio@4.1%2Blocal", "pkg:pypi/fastapi@0.1",
    ]  # fmt: skip
    assert found["pkg:pypi/fastapi@0.1"]["purl"] == "pkg:pypi/fastapi@0.1"
    assert len(found["pkg:pypi/fastapi@0.1"]["hashes"]) == 2
    assert found["module:metrics"]["purl"] == "pkg:pypi/prometheus-client@0.26.0"
    assert found["module:metrics"]["licenses"] == [{"expression": "Apache-2.0 AND MIT"}]
    assert "purl" not in found["module:cart"], "nobody may take it for a package of the index"
    edges = {one["ref"]: one.get("dependsOn", []) for one in document()["dependencies"]}
    assert edges["image"] == ["application", "base:linux/amd64"]
    assert edges["application"] == ["module:cart", "module:host", "module:metrics"]
    assert edges["module:cart"] == ["module:host", "pkg:pypi/fastapi@0.1"]
    assert edges["pkg:pypi/fastapi@0.1"] == ["pkg:pypi/anyio@4.1%2Blocal"]
    assert set(edges) == {*found, "image"}


def test_the_image_is_named_by_its_digest() -> None:
    component = document()["metadata"]["component"]
    assert component["version"] == IMAGE
    assert component["purl"] == (f"pkg:oci/shop@{IMAGE}?repository_url=localhost/shop")
