from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from xtask.image.evidence.distributions import Distribution, Licences, distributions, stated

if TYPE_CHECKING:
    from pathlib import Path

CLASSIFIERS = """\
Classifier: License :: OSI Approved :: MIT License
Classifier: License :: OSI Approved :: BSD License
Classifier: License :: OSI Approved
Classifier: Topic :: Games"""


def said(site: Path, metadata: str | bytes, folder: str = "demo-1.0.dist-info") -> Distribution:
    path = site / folder / "METADATA"
    path.parent.mkdir(parents=True)
    path.write_bytes(metadata if isinstance(metadata, bytes) else metadata.encode())
    (found,) = distributions(site)
    return found


@pytest.mark.parametrize(
    ("fields", "licences"),
    [
        ("License-Expression: MIT", Licences(ids=("MIT",))),
        ("License-Expression: MIT OR Apache-2.0", Licences(expression="MIT OR Apache-2.0")),
        ("License: Apache License 2.0", Licences(ids=("Apache-2.0",))),
        ("License: BSD License", Licences(names=("BSD License",))),
        ("License: MIT\nLicense-Expression: ISC", Licences(ids=("ISC",))),
        (
            CLASSIFIERS,
            Licences(ids=("MIT",), names=("BSD License",)),
        ),
        ("License: UNKNOWN", Licences(names=("UNKNOWN",))),
        ("License: " + "the whole text " * 20 + "\nClassifier: License :: X :: MIT License",
         Licences(ids=("MIT",))),
        ("Summary: nothing", Licences()),
    ],
)  # fmt: skip
def test_licences_are_read_in_the_order_of_what_says_most(
    tmp_path: Path, fields: str, licences: Licences
) -> None:
    found = said(tmp_path, f"Metadata-Version: 2.1\nName: Demo\nVersion: 1.0\n{fields}\n\nMIT")
    assert found == Distribution("Demo", "1.0", licences)


@pytest.mark.parametrize("metadata", [b"", b"\xff\xfe\x00", b"Name: \x1b[31m\n", b"Name:\n" * 9999])
def test_metadata_that_says_nothing_takes_the_name_of_its_folder(
    tmp_path: Path, metadata: bytes
) -> None:
    assert said(tmp_path, metadata)[:2] == ("demo", "1.0")


def test_what_a_manifest_states_is_one_line() -> None:
    assert stated("MIT") == Licences(ids=("MIT",))
    assert stated("all rights\n reserved") == Licences(names=("all rights reserved",))
    assert stated(None) == stated("x" * 101) == Licences()
