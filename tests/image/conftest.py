"""What the image tests build from: an empty layout, and wheels written from a dict."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from typing import TYPE_CHECKING

import pytest

from xtask.image.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

INFO = "demo-1.0.dist-info"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "oci")


@pytest.fixture
def make_wheel(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes `demo-1.0-py3-none-any.whl` with a correct RECORD.

    `executable` names files with the x bit, `lie` files whose RECORD hash is of other bytes,
    `hidden` files that RECORD does not mention; `changed` replaces METADATA or WHEEL.
    """

    def write(
        files: Mapping[str, str | bytes],
        *,
        executable: frozenset[str] = frozenset(),
        lie: frozenset[str] = frozenset(),
        hidden: frozenset[str] = frozenset(),
        changed: Mapping[str, str] | None = None,
    ) -> Path:
        path = tmp_path / "demo-1.0-py3-none-any.whl"
        metadata = {
            f"{INFO}/METADATA": "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
            f"{INFO}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        metadata |= {f"{INFO}/{name}": text for name, text in (changed or {}).items()}
        rows = []
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in {**files, **metadata}.items():
                data = text.encode() if isinstance(text, str) else text
                info = zipfile.ZipInfo(name)
                info.external_attr = (0o100755 if name in executable else 0o100644) << 16
                archive.writestr(info, data)
                if name not in hidden:
                    rows.append(_row(name, data + b"!" if name in lie else data, len(data)))
            archive.writestr(f"{INFO}/RECORD", "\n".join([*rows, f"{INFO}/RECORD,,", ""]))
        return path

    return write


def _row(name: str, data: bytes, size: int) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f'"{name}",sha256={digest},{size}'
