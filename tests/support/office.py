"""An office: several people at one workspace with recorded builds of small images."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.acceptance.shop import SHOP
from tests.support.attested import REPOSITORY, Workshop, contents
from xtask.cli import main
from xtask.digest import canonical_json, hex_of, sha256, sha256_of
from xtask.image.assemble import Image, ImageConfig, assemble
from xtask.image.evidence.sbom import sbom
from xtask.image.layer import Entry, write_layer
from xtask.image.layout import Layout
from xtask.records.store import open_records
from xtask.records.values import BuildModule, BuildRequest, Claim
from xtask.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from xtask.records.store import Records
    from xtask.records.values import Build

WHY = ("--reason", "it is time")
# What the three builds do to the database: nothing, a table more, a column less.
STEPS: tuple[tuple[tuple[str, bool], ...], ...] = (
    (),
    (("steps/1_items.up.sql", True),),
    (("steps/1_items.up.sql", True), ("steps/2_note.up.sql", False)),
)


class Said(NamedTuple):
    """What one command line answered."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass
class Office:
    """A workspace with three builds, and people who type commands there."""

    root: Path
    workshops: tuple[Workshop, ...]
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    @property
    def builds(self) -> tuple[str, ...]:
        return tuple(workshop.build.id for workshop in self.workshops)

    def says(self, *words: str, by: str = "ann") -> Said:
        """Let somebody type a command."""
        self.monkeypatch.setenv("XTASK_ACTOR", by)
        self.capsys.readouterr()
        code = main([*words, "--workspace", str(self.root)])
        said = Said(code, *self.capsys.readouterr())
        assert "bug in xtask" not in said.err, said.err
        return said

    def done(self, *words: str, by: str = "ann") -> Any:
        """Let somebody type a command that works; return its document."""
        said = self.says(*words, "--json", by=by)
        assert said.code == 0, said.err
        return said.document

    def refused(self, *words: str, by: str = "ann") -> str:
        """Let somebody type a command that the records or a gate refuse; return what it says."""
        said = self.says(*words, by=by)
        assert said.code == 6, said.err
        assert said.out == ""
        return " ".join(said.err[said.err.index("error") :].split())

    def promoted(self, number: int, to: str = "staging", *words: str, by: str = "ann") -> Any:
        return self.done("promote", self.builds[number], "--to", to, *WHY, *words, by=by)

    def releases(self) -> list[Any]:
        return list(self.done("releases"))

    def rule(self, text: str, environment: str = "prod") -> None:
        """Add a line to an environment of the composition."""
        path, head = self.root / "modules.toml", f"[environments.{environment}]\n"
        written = path.read_text()
        assert head in written
        path.write_text(written.replace(head, f"{head}{text}\n"))

    def records(self) -> Records:
        return open_records(f"sqlite:///{self.root / 'releases' / 'records.sqlite3'}")

    def files(self) -> dict[str, tuple[int, bytes]]:
        """Every file of the workspace."""
        return {
            str(path): (path.stat().st_mtime_ns, path.read_bytes())
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
        }


def make_office(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Office:
    """Return a workspace whose three builds are recorded and whose images can be hashed."""
    root.mkdir()
    (root / "modules.toml").write_text(SHOP["modules.toml"])
    workshops = tuple(_build(root, number, steps) for number, steps in enumerate(STEPS))
    return Office(root, workshops, monkeypatch, capsys)


def _build(root: Path, number: int, steps: tuple[tuple[str, bool], ...]) -> Workshop:
    workspace = read_settings(root, {}).workspace
    layout = Layout(workspace.layout)
    base = write_layer(layout, [Entry("bin/python", b"")])
    own = write_layer(layout, [Entry("app/site/cart.py", f"number = {number}".encode())])
    plan = {
        "base": {"name": "interpreter", "digest": base.digest, "python": "", "machine_local": True},
        "facts": {"modules": []},
        "number": number,
        "platform": "linux/amd64",
    }
    manifest_hash = sha256_of(plan)
    image = assemble(
        layout,
        layers=[base, own],
        config=ImageConfig(entrypoint=("/x",)),
        annotations={},
        reference=f"{REPOSITORY}:{hex_of(manifest_hash)[:16]}",
    )
    migrations = [{"up": up, "additive": adds, "content": []} for up, adds in steps]
    bundle = workspace.bundles / hex_of(manifest_hash)
    bundle.mkdir(parents=True)
    for name, value in {
        "plan.json": plan,
        "image.json": _described(image, manifest_hash),
        "surface.json": {"cart": {"migrations": migrations}, "host": {"migrations": []}},
    }.items():
        (bundle / name).write_bytes(canonical_json(value))
    build = _recorded(root, image, manifest_hash, number)
    return Workshop(root, image, build, sbom(contents(image.digest, manifest_hash)))


def _described(image: Image, manifest_hash: str) -> dict[str, Any]:
    return {
        "app": "shop",
        "reference": image.reference,
        "manifest_hash": manifest_hash,
        "image_digest": image.digest,
        "config_digest": image.config_digest,
        "diff_ids": [layer.diff_id for layer in image.layers],
    }


def _recorded(root: Path, image: Image, manifest_hash: str, number: int) -> Build:
    settings = read_settings(root, {})
    modules = (
        BuildModule("cart", "1.0.0", sha256(f"cart {number}".encode())),
        BuildModule("host", "1.0.0", sha256(b"host")),
    )
    request = BuildRequest(manifest_hash, "release", modules, "ann")
    with open_records(settings.database_url) as records:
        return records.finish_build(
            records.begin_build(request, Claim("ann", 60.0)),
            image_digest=image.digest,
            config_digest=image.config_digest,
            image_ref=image.reference,
            bundle=str(settings.workspace.bundles.relative_to(root) / hex_of(manifest_hash)),
            modules=modules,
        )
