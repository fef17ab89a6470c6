"""What is in the reference application's image: the CIS Docker Benchmark's section 4, line by line.

CIS Docker Benchmark 1.6, "Container Images and Build File Configuration". Where a line speaks of a
Dockerfile, the test is of what the line wants to prevent.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import posixpath
import stat
import tarfile
import tomllib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest
from packaging.utils import canonicalize_name

from tests.acceptance.shop import Workspace, built_reference_application
from xtask.image.assemble import ENVIRONMENT
from xtask.image.layout import Layout
from xtask.image.secrets.names import is_secret_by_name
from xtask.release.deployment import READY_PATH

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.requires("index")

SITE = "app/site/"
SHELLS = {"sh", "bash", "dash", "busybox", "zsh", "ash"}
TOOLS = {"apt", "apt-get", "dpkg", "apk", "pip", "pip3", "uv", "gcc", "cc", "make", "curl", "wget"}
CACHES = (".cache", "cache", "__pip__", ".npm", ".uv", "node_modules")


@dataclass
class Product:
    """The built image: its documents, and every member of every layer."""

    workspace: Workspace
    built: Any

    @cached_property
    def layout(self) -> Layout:
        return Layout(self.workspace.root / "releases" / "oci")

    @cached_property
    def documents(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return self.layout.read_image(self.built["image_digest"])

    @property
    def config(self) -> dict[str, Any]:
        return self.documents[1]

    @cached_property
    def layers(self) -> list[list[tarfile.TarInfo]]:
        found = []
        for layer in self.documents[0]["layers"]:
            with tarfile.open(self.layout.path(layer["digest"])) as archive:
                found.append(archive.getmembers())
        return found

    @property
    def members(self) -> list[tarfile.TarInfo]:
        return [member for layer in self.layers for member in layer]

    @cached_property
    def files(self) -> dict[str, bytes]:
        """The contents of all regular files of the application."""
        found = {}
        for layer in self.documents[0]["layers"]:
            with tarfile.open(self.layout.path(layer["digest"])) as archive:
                for member in archive:
                    stream = archive.extractfile(member) if member.isreg() else None
                    if stream and member.name.startswith("app/"):
                        found[member.name] = stream.read()
        return found

    @property
    def distributions(self) -> dict[str, str]:
        """The version of every distribution in it by its normal name."""
        folders = {path.split("/")[2] for path in self.files if path.startswith(SITE)}
        stems = [name.removesuffix(".dist-info") for name in folders if name.endswith(".dist-info")]
        pairs = [stem.rsplit("-", 1) for stem in stems]
        return {canonicalize_name(name): version for name, version in pairs}

    def bundled(self, name: str) -> Any:
        return json.loads((self.workspace.root / self.built["bundle"] / name).read_bytes())


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Product:
    root = tmp_path_factory.mktemp("contents") / "product"
    workspace = built_reference_application(tmp_path_factory).copy(root)
    assert workspace.xtask("keys", "init").code == 0
    return Product(workspace, workspace.built())


def test_4_1_it_runs_as_a_user_with_a_number_and_without_a_shell(product: Product) -> None:
    assert product.config["config"]["User"] == "10001:10001"
    (passwd,) = (member for member in product.members if member.name == "etc/passwd")
    assert passwd.mode == 0o644
    path = product.layout.path(product.documents[0]["layers"][0]["digest"])
    with tarfile.open(path) as archive:
        stream = archive.extractfile("etc/passwd")
        assert stream
        users = [line.split(":") for line in stream.read().decode().splitlines()]
    assert {("root", "0"), ("app", "10001")} == {(user[0], user[2]) for user in users}
    assert {"/sbin/nologin"} == {user[6] for user in users}


def test_4_2_what_it_stands_on_is_named_by_its_digest(product: Product) -> None:
    base = product.bundled("plan.json")["base"]
    assert base["digest"] == product.config["rootfs"]["diff_ids"][0]


def test_4_3_there_is_no_shell_no_package_manager_and_no_tool(product: Product) -> None:
    programs = {
        posixpath.basename(member.name)
        for member in product.members
        if ((member.isreg() and member.mode & stat.S_IXUSR) or member.issym())
    }
    assert not programs & (SHELLS | TOOLS)
    in_folders = {m.name for m in product.members if "bin" in m.name.split("/")[:-1]}
    assert all(name.startswith("usr/local/bin/python3") for name in in_folders), in_folders


def test_4_4_the_bill_of_materials_names_every_distribution(product: Product) -> None:
    """So that who looks for packages with known holes finds them, and builds again."""
    listed = set()
    for part in product.bundled("sbom.cdx.json")["components"]:
        properties = {each["name"]: each["value"] for each in part.get("properties", ())}
        listed.add(canonicalize_name(properties.get("xtask:distribution", part["name"])))
    assert product.distributions.keys() - listed == set()
    assert len(product.distributions) > 10


def test_4_5_and_4_12_who_checks_it_sees_every_byte_and_who_made_it(product: Product) -> None:
    workspace = product.workspace
    said = workspace.xtask("verify", product.built["build_id"], "--json")
    assert said.code == 0, said.err
    document = said.document
    assert (document["verified"], document["signed"]) == (True, True)


def test_4_6_how_to_ask_for_its_health_is_declared(product: Product) -> None:
    """OCI has no field for it: targets ask, and refuse what does not answer."""
    assert "Healthcheck" not in product.config["config"]
    registry = product.files[f"{SITE}generated/registry.py"].decode()
    assert f'health="{READY_PATH}"' in registry


def test_4_7_no_step_ran_in_it_whose_result_could_be_old(product: Product) -> None:
    assert "history" not in product.config
    top = {member.name.split("/")[0] for member in product.members}
    assert top <= {"app", "data", "etc", "lib", "lib64", "tmp", "usr"}
    indexes = ("var/lib/apt", "var/lib/dpkg", "lib/apk", "var/cache")
    assert not [m.name for m in product.members if m.name.startswith(indexes)]


def test_4_8_nothing_gives_rights_away(product: Product) -> None:
    assert not [m.name for m in product.members if m.mode & (stat.S_ISUID | stat.S_ISGID)]
    assert [m.name for m in product.members if m.mode & stat.S_IWOTH and not m.issym()] == ["tmp"]
    assert {m.mode for m in product.members if m.isreg()} == {0o644, 0o755}


def test_4_9_every_file_of_the_application_is_one_of_a_wheel_or_generated(
    product: Product,
) -> None:
    recorded: dict[str, tuple[str, str]] = {}
    for path in product.files:
        if path.endswith(".dist-info/RECORD"):
            for name, digest, size in csv.reader(product.files[path].decode().splitlines()):
                place = posixpath.normpath(SITE + name)
                assert place not in recorded
                recorded[place] = (digest, size)
    made = {path for path in product.files if path.startswith(f"{SITE}generated/")}
    assert made
    assert product.files.keys() - made == recorded.keys()
    for path, (digest, size) in recorded.items():
        if digest:
            data = product.files[path]
            state = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
            assert (digest, size) == (f"sha256={state.decode()}", str(len(data))), path
        else:
            assert path.endswith(".dist-info/RECORD")


def test_4_10_neither_files_nor_settings_hold_secrets(product: Product) -> None:
    assert not [m.name for m in product.members if is_secret_by_name(m.name)]
    settings = product.config["config"]
    assert {line.split("=")[0] for line in settings["Env"]} <= ENVIRONMENT
    assert {"org.opencontainers.image.title", "xtask.manifest-hash"} == set(settings["Labels"])
    assert not {"Cmd", "Volumes", "OnBuild", "Shell"} & set(settings)


def test_4_11_every_package_is_one_whose_hashes_are_locked(product: Product) -> None:
    lock = tomllib.loads((product.workspace.root / "modules.lock").read_text())
    locked = {part["name"]: part["version"] for part in lock["package"] if part["hashes"]}
    modules = {canonicalize_name(name) for name in _distributions_of_modules(product)}
    third_party = {
        name: version for name, version in product.distributions.items() if name not in modules
    }
    assert third_party
    assert third_party.items() <= locked.items()


def _distributions_of_modules(product: Product) -> Iterator[str]:
    for part in product.bundled("sbom.cdx.json")["components"]:
        for each in part.get("properties", ()):
            if each["name"] == "xtask:distribution" and part["bom-ref"].startswith("module:"):
                yield each["value"]


def test_nothing_but_the_declared_folder_belongs_to_the_application(product: Product) -> None:
    owned = {m.name: (m.uid, m.gid) for m in product.members if m.uid or m.gid}
    assert owned == {"data": (10001, 10001)}
    assert {("", "")} == {(m.uname, m.gname) for m in product.members}


def test_there_are_only_files_folders_and_links_that_stay_inside(product: Product) -> None:
    assert {tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE} == {m.type for m in product.members}
    for link in (member for member in product.members if member.issym()):
        target = posixpath.join("/", posixpath.dirname(link.name), link.linkname)
        assert posixpath.normpath(target).startswith("/usr/"), link.name


def test_no_two_layers_have_one_file_and_no_time_is_in_them(product: Product) -> None:
    files = [member.name for member in product.members if not member.isdir()]
    assert len(files) == len(set(files))
    assert {0} == {member.mtime for member in product.members}
    assert len(product.layers) <= 120


def test_no_cache_and_no_leftover_of_an_installer_is_in_it(product: Product) -> None:
    names = [member.name for member in product.members]
    assert not [name for name in names if set(name.split("/")) & set(CACHES)]
    left = ("INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")
    infos = [name for name in names if posixpath.dirname(name).endswith(".dist-info")]
    assert infos
    assert not [name for name in infos if posixpath.basename(name) in left]
    assert not [name for name in names if name.endswith((".whl", ".pyo", ".pth", ".orig", "~"))]
    folders = {posixpath.dirname(name) for name in infos}
    for folder in folders:
        assert {f"{folder}/WHEEL", f"{folder}/METADATA", f"{folder}/RECORD"} <= set(names)
