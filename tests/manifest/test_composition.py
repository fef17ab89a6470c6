"""`modules.toml`: every key arrives, and no bytes make reading it raise."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import workspace
from tests.support.budgets import budget
from xtask.diagnostics import Problems
from xtask.manifest.composition import Composition, read_composition
from xtask.manifest.entries import (
    ArchiveSource,
    CratesSource,
    GitSource,
    IndexSource,
    PathSource,
    RegistrySource,
    SearchSource,
)
from xtask.manifest.environments import MigrationClass
from xtask.redaction import redacted

if TYPE_CHECKING:
    from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "0123456789abcdef" * 4
EVERYTHING = f"""
schema = 1
app = "shop-front"
app_version = "2.1.0-rc.1"

[build]
target = "aarch64-unknown-linux-gnu"
profile = "debug"
deployment_profile = "headless"

[image]
base = "interpreter"
repository = "localhost:5000/shop/front"
compression = "gzip"

[modules]
content = {{ source = "path", path = "modules/content", required = true }}
shop = {{ path = "shop", depends_on = ["content", "links"] }}
links = {{ source = "git", git = "https://example.org/links", rev = "{COMMIT}", path = "module" }}
metrics = {{ source = "index", package = "Metrics.Kit", version = ">=1,<2", manifest = "m.toml" }}
plain = {{ source = "index", package = "plain" }}
ratings = {{ source = "registry", registry = "community", version = "^2.0", module = "stars" }}
reviews = {{ source = "registry", registry = "ours" }}
audit = {{ source = "archive", path = "vendor/audit.zip", sha256 = "{DIGEST}" }}
mail = {{ source = "search" }}
blog = {{ source = "crates-io", crate = "rustok-blog", version = "1.2", features = ["rss"] }}

[registries.community]
index = "https://example.org/registry.json"

[registries.ours]
index = "vendor/registry.json"

[search]
paths = ["addons", "more/addons/"]
allow_shadowed = ["mail"]

[settings]
default_enabled = ["content", "shop"]

[settings.modules.shop]
currency = "EUR"
limit = 3

[environments.staging]

[environments.prod]
rank = 5
requires = ["staging"]
target = "docker"
port = 9000
approvals = 2
soak = "90m"
freeze = [{{ weekly = "fri 16:00 - mon 08:00", reason = "nobody  is here" }}]
signed = true
portable = true
migrations = "additive"
keep = 5
backup = false
"""


def read(path: Path, text: str | bytes) -> tuple[Composition | None, list[str]]:
    problems = Problems()
    workspace.write(path, {"modules.toml": text})
    composition = read_composition(path / "modules.toml", problems)
    return composition, [problem.code for problem in problems.found]


def test_every_key_arrives(tmp_path: Path) -> None:
    found, codes = read(tmp_path, EVERYTHING)
    assert codes == []
    assert found
    assert (found.app, found.platforms, found.profile) == ("shop-front", ("linux/arm64",), "debug")
    assert (found.deployment_profile, found.base) == ("headless", "interpreter")
    assert (found.repository, found.compression) == ("localhost:5000/shop/front", "gzip")
    assert {name: entry.source for name, entry in found.entries.items()} == {
        "content": PathSource("modules/content"),
        "shop": PathSource("shop"),
        "links": GitSource("https://example.org/links", COMMIT, "module"),
        "metrics": IndexSource("Metrics.Kit", ">=1,<2", "m.toml"),
        "plain": IndexSource("plain", "", None),
        "ratings": RegistrySource("community", "^2.0", "stars"),
        "reviews": RegistrySource("ours", "*", "reviews"),
        "audit": ArchiveSource("vendor/audit.zip", DIGEST),
        "mail": SearchSource("mail"),
        "blog": CratesSource("rustok-blog", "^1.2"),
    }
    assert found.app_version == "2.1.0-rc.1"
    assert {name: registry.index for name, registry in found.registries.items()} == {
        "community": "https://example.org/registry.json",
        "ours": "vendor/registry.json",
    }
    assert found.search == ("addons", "more/addons")
    assert found.allow_shadowed == frozenset({"mail"})
    assert [name for name, entry in found.entries.items() if entry.required] == ["content"]
    assert found.entries["shop"].depends_on == ("content", "links")
    assert [name for name, _ in found.default_enabled or ()] == ["content", "shop"]
    assert {key: value.value for key, value in found.settings["shop"].items()} == {
        "currency": "EUR",
        "limit": 3,
    }
    staging, prod = found.environments.values()
    assert staging.rules() == {
        "name": "staging", "rank": 1, "target": "record", "port": 8081, "requires": [],
        "portable": False, "approvals": 0, "soak": 0, "freeze": [], "signed": False,
        "migrations": "maintenance", "keep": 3, "backup": None,
    }  # fmt: skip
    assert prod.rules() == {
        "name": "prod", "rank": 5, "target": "docker", "port": 9000, "requires": ["staging"],
        "portable": True, "approvals": 2, "soak": 5400,
        "freeze": ["fri 16:00 - mon 08:00 UTC (nobody is here)"], "signed": True,
        "migrations": "additive", "keep": 5, "backup": False,
    }  # fmt: skip


def test_refuses_a_module_that_is_enabled_twice(tmp_path: Path) -> None:
    text = 'schema = 1\napp = "shop"\n[settings]\ndefault_enabled = ["a", "b", "a"]\n'
    found, codes = read(tmp_path, text)
    assert codes == ["XT0204"]
    assert found
    assert [name for name, _ in found.default_enabled or ()] == ["a", "b"]


def test_nearly_everything_has_a_default(tmp_path: Path) -> None:
    found, codes = read(tmp_path, 'schema = 1\napp = "shop"\n')
    assert codes == []
    assert found
    assert (found.platforms, found.profile, found.deployment_profile) == (
        ("linux/amd64",),
        "release",
        "monolith",
    )
    assert (found.base, found.repository) == ("interpreter", "localhost/shop")
    assert (found.entries, found.default_enabled, found.settings, found.environments) == (
        {},
        None,
        {},
        {},
    )
    assert (found.app_version, found.registries) == (None, {})
    assert (found.search, found.allow_shadowed) == ((), frozenset())


@pytest.mark.parametrize(
    ("schema", "code"),
    [
        ("", "XT0105"),
        ("schema = 3", "XT0106"),
        ('schema = "1"', "XT0106"),
        ("schema = true", "XT0106"),
        ("schema = 1.0", "XT0203"),
        ("schema = [1]", "XT0106"),
        ("schema = 0", "XT0106"),
    ],
)
def test_refuses_a_schema_that_is_not_known(tmp_path: Path, schema: str, code: str) -> None:
    assert read(tmp_path, f'{schema}\napp = "shop"\n')[1] == [code]


@pytest.mark.parametrize("path", ["..", "../x", "a/../../x", "/x", "a\\\\b", "a\\u0000b"])
@pytest.mark.parametrize(
    "entry",
    [
        'path = "{path}"',
        f'source = "git", git = "https://example.org/x", rev = "{COMMIT}", path = "{{path}}"',
        'source = "index", package = "x", manifest = "{path}"',
        f'source = "archive", path = "{{path}}", sha256 = "{DIGEST}"',
    ],
)
def test_refuses_a_path_that_leaves_the_workspace(tmp_path: Path, entry: str, path: str) -> None:
    text = f'schema = 1\napp = "a"\n[modules]\nx = {{ {entry.format(path=path)} }}\n'
    assert read(tmp_path, text)[1] == ["XT0107"]


def test_unknown_source_is_one_problem(tmp_path: Path) -> None:
    text = (
        'schema = 1\napp = "a"\n[modules]\nx = { source = "cargo", package = "x", version = "1" }\n'
    )
    assert read(tmp_path, text)[1] == ["XT0204"]


@budget(200)
@given(st.binary(max_size=40), st.integers(0, len(EVERYTHING)), st.integers(0, 30))
def test_any_bytes_anywhere_are_read_or_a_problem(
    tmp_path: Path, data: bytes, start: int, length: int
) -> None:
    text = EVERYTHING.encode()
    found, codes = read(tmp_path, text[:start] + data + text[start + length :])
    assert found is not None or codes


VALUES = [
    '""',
    '"x"',
    "0",
    "-1",
    "1e400",
    "nan",
    "true",
    "[]",
    "{}",
    "[[]]",
    "1979-05-27",
    '"é"',
    '"' + "y" * 300 + '"',
]


@budget(300)
@given(st.sampled_from(re.findall(r"= ([^,{}\n]+)", EVERYTHING)), st.sampled_from(VALUES))
def test_any_value_anywhere_is_read_or_a_problem(tmp_path: Path, old: str, new: str) -> None:
    found, codes = read(tmp_path, EVERYTHING.replace(f"= {old}", f"= {new}", 1))
    assert found is not None or codes


@pytest.mark.parametrize(
    "base",
    [
        "interpreter",
        "python:3.12-slim",
        "registry.example/python:3.12",
        "localhost:5000/a/b:latest",
        f"registry.example/python@sha256:{'0' * 64}",
        f"ghcr.io/team/python:3.12@sha256:{'0' * 64}",
        "oci:bases/python",
        "oci:bases/python:3.12-slim",
    ],
)
def test_a_base_is_this_python_an_image_or_a_layout(tmp_path: Path, base: str) -> None:
    found, codes = read(tmp_path, f'schema = 1\napp = "shop"\n[image]\nbase = "{base}"\n')
    assert codes == []
    assert found
    assert found.base == base


@pytest.mark.parametrize(
    "base",
    [
        "", "interpretr", "python", "registry.example/python", "Python:3.12", "oci:", "oci:/abs",
        "oci:a/../b", "oci:a:b:c", "https://registry.example/python:3.12", "python:3.12@sha256:0",
        "user@registry.example/python:3.12", "a b:1", "x" * 200 + ":1", "a..b/python:3.12",
        "reg.example:65536/python:3.12", "a_b.example/python:3.12",
    ],
)  # fmt: skip
def test_refuses_what_is_no_base(tmp_path: Path, base: str) -> None:
    text = f'schema = 1\napp = "shop"\n[image]\nbase = "{base}"\n'
    assert read(tmp_path, text)[1] == ["XT0205"]


@pytest.mark.parametrize(
    ("target", "platforms"),
    [
        ('["linux/amd64"]', ("linux/amd64",)),
        ('["linux/arm64", "x86_64-unknown-linux-gnu"]', ("linux/amd64", "linux/arm64")),
    ],
)
def test_platforms_are_a_set(tmp_path: Path, target: str, platforms: tuple[str, ...]) -> None:
    text = f'schema = 1\napp = "shop"\n[build]\ntarget = {target}\n'
    found, codes = read(tmp_path, text)
    assert codes == []
    assert found
    assert found.platforms == platforms


@pytest.mark.parametrize("target", ["[]", '["linux/amd64", "linux/amd64"]', '["windows/amd64"]'])
def test_refuses_platforms_that_are_none_or_twice(tmp_path: Path, target: str) -> None:
    text = f'schema = 1\napp = "shop"\n[build]\ntarget = {target}\n'
    assert "XT0204" in read(tmp_path, text)[1]


def said_of_image(folder: Path, line: str) -> list[tuple[str, str, str]]:
    """Code, message and help of all that is wrong with one line of `[image]`."""
    problems = Problems()
    path = folder / "modules.toml"
    path.write_text(f'schema = 1\napp = "shop"\n[image]\n{line}\n')
    read_composition(path, problems)
    return [(one.code, one.message, str(one.help)) for one in problems.found]


@pytest.mark.parametrize("port", ["0", "65536", "99999"])
@pytest.mark.parametrize("line", ['base = "reg.example:{}/x/y:1"', 'repository = "localhost:{}/x"'])
def test_a_port_that_no_registry_has_is_said_with_its_place(
    tmp_path: Path, line: str, port: str
) -> None:
    [(code, message, hint)] = said_of_image(tmp_path, line.format(port))
    assert (code, message) == ("XT0205", f"{port} is not a port")
    assert hint == "a number from 1 to 65535"


@pytest.mark.parametrize("line", ['base = "reg:65535/x:1"', 'repository = "localhost:1/x"'])
def test_a_port_may_be_any_of_16_bits(tmp_path: Path, line: str) -> None:
    assert said_of_image(tmp_path, line) == []


@pytest.mark.parametrize("repository", ["a..b/shop", "a-/shop", "a.-b/shop", "a/b..c", "a:/b", "a"])
def test_refuses_what_is_no_repository(tmp_path: Path, repository: str) -> None:
    [(code, _, _)] = said_of_image(tmp_path, f'repository = "{repository}"')
    assert code == "XT0205"


def test_an_image_layout_has_no_digest_in_its_line(tmp_path: Path) -> None:
    for path in ("base", "Base", "base:1", "a/base"):
        [(code, message, hint)] = said_of_image(tmp_path, f'base = "oci:{path}@sha256:{DIGEST}"')
        assert code == "XT0205"
        assert "a digest, which is for `modules.lock` to keep" in message
        assert "`oci:path/to/layout:name`" in hint
    for base in ("oci:base", "oci:a/base:1", f"oci/x@sha256:{DIGEST}", f"x:1@sha256:{DIGEST}"):
        assert said_of_image(tmp_path, f'base = "{base}"') == []
    assert said_of_image(tmp_path, "base = 1")[0][1].startswith("`base` must be a string")


@pytest.mark.parametrize(
    "line",
    [
        'base = "user:pa55w0rd@localhost:1/x:3"',
        'base = "user:pa55w0rd@reg.example/x:3"',
        'base = "user:%s@reg/x:3"' % ("pa55w0rd" * 10),
        'repository = "u:pa55w0rd@reg/x"',
    ],
)
def test_credentials_belong_elsewhere_and_are_not_said_again(tmp_path: Path, line: str) -> None:
    [(code, message, hint)] = said_of_image(tmp_path, line)
    assert code == "XT0205"
    assert "pa55w0rd" not in message
    assert "`docker login REGISTRY`" in hint
    assert "pa55w0rd" not in redacted(line, {})


@pytest.mark.parametrize(
    ("line", "copied"),
    [("", {"maintenance"}), ("backup = true", {"none", "additive", "maintenance"}),
     ("backup = false", set())],
)  # fmt: skip
def test_a_database_is_copied_before_what_cannot_be_undone(
    tmp_path: Path, line: str, copied: set[str]
) -> None:
    found, codes = read(
        tmp_path, f'schema = 1\napp = "shop"\n[environments.prod]\ntarget = "docker"\n{line}\n'
    )
    assert found
    assert codes == []
    prod = found.environments["prod"]
    assert copied == {each for each in get_args(MigrationClass) if prod.backs_up(each)}
