"""A secret that somebody left somewhere reaches nothing that xtask says, writes or makes."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support import canaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.acceptance.shop import Workspace

API = "modules/cart/src/cart/api.py"
SETTINGS = '[settings.modules.cart]\ncurrency = "EUR"\n'


class Channel(NamedTuple):
    """A way in: what somebody did, which files hold it, and what to run then."""

    words: tuple[str, ...] = ("build",)
    code: int = 0
    planted: tuple[str, ...] = ()
    environ: dict[str, str] = {}  # noqa: RUF012 - never written to
    says: str = ""


def environment_that_a_module_raises(shop: Workspace, secret: str) -> Channel:
    code = (
        f"import os\nraise RuntimeError(os.environ.get('SERVICE_TOKEN', '{secret[::-1]}'[::-1]))\n"
    )
    (shop.root / API).write_text(code)
    return Channel(code=3, environ={"SERVICE_TOKEN": secret}, says="XT0401")


def environment_with_the_address_of_a_database(shop: Workspace, secret: str) -> Channel:
    address = f"postgresql+psycopg://shop:{secret}@127.0.0.1:1/shop"
    shop.edit("modules.toml", "# A shop", "# The shop")
    return Channel(code=1, environ={"XTASK_DATABASE_URL": address}, says="127.0.0.1")


def setting_that_a_module_declares_secret(shop: Workspace, secret: str) -> Channel:
    shop.edit("modules/cart/module.toml", '\ndefault = "EUR"', "\nsecret = true")
    shop.edit("modules.toml", '"EUR"', f'"{secret}"')
    return Channel(code=3, planted=("modules.toml",), says="XT0308")


def setting_that_holds_a_token(shop: Workspace, secret: str) -> Channel:
    shop.edit("modules.toml", '"EUR"', f'"{secret}"')
    return Channel(code=3, planted=("modules.toml",), says="XT0404")


def argument_that_is_recorded(_shop: Workspace, secret: str) -> Channel:
    return Channel(words=("build", "--reason", f"after the leak of {secret}, rotated"))


def argument_that_nobody_knows(_shop: Workspace, secret: str) -> Channel:
    return Channel(words=("build", f"--registry-token={secret}"), code=2, says="unrecognized")


def dotenv_of_a_module(shop: Workspace, secret: str) -> Channel:
    return planted(shop, "modules/cart/.env", f"SHOP={secret}\n")


def dotenv_of_the_workspace(shop: Workspace, secret: str) -> Channel:
    return planted(shop, ".env", f"SHOP={secret}\n")._replace(code=0, says="")


def git_configuration_of_the_workspace(shop: Workspace, secret: str) -> Channel:
    remote = f'[remote "origin"]\n\turl = https://shop:{secret}@git.example/shop.git\n'
    return planted(shop, ".git/config", remote)._replace(code=0, says="")


def git_configuration_of_a_module(shop: Workspace, secret: str) -> Channel:
    header = f"[http]\n\textraHeader = Authorization: Bearer {secret}\n"
    return planted(shop, "modules/cart/.git/config", header)._replace(code=0, says="")


def netrc_of_the_user(shop: Workspace, secret: str) -> Channel:
    line = f"machine 127.0.0.1 login shop password {secret}\n"
    channel = planted(shop, "home/.netrc", line)
    shop.edit("modules/cart/pyproject.toml", "[tool", 'dependencies = ["nobody-has-this"]\n\n[tool')
    environ = {"HOME": str(shop.root / "home"), "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple"}
    environ |= {"UV_HTTP_RETRIES": "0"}
    return channel._replace(code=1, environ=environ, says="nobody-has-this")


def netrc_in_a_package(shop: Workspace, secret: str) -> Channel:
    return planted(shop, "modules/cart/src/cart/.netrc", f"machine a login b password {secret}\n")


def index_with_a_password(shop: Workspace, secret: str) -> Channel:
    channel = netrc_of_the_user(shop, secret)
    index = f"http://shop:{secret}@127.0.0.1:9/simple"
    return channel._replace(environ=channel.environ | {"UV_DEFAULT_INDEX": index})


def pip_configuration_in_a_package(shop: Workspace, secret: str) -> Channel:
    line = f"[global]\nindex-url = https://shop:{secret}@pypi.example/simple\n"
    return planted(shop, "modules/cart/src/cart/pip.conf", line)


def ssh_key_by_its_name(shop: Workspace, secret: str) -> Channel:
    return planted(shop, "modules/cart/src/cart/id_ed25519", secret)


def ssh_key_by_its_content(shop: Workspace, secret: str) -> Channel:
    key = canaries.private_key("a").replace(canaries.letters("a", 64), secret)
    return planted(shop, "modules/cart/src/cart/deploy.txt", key)


def module_with_a_token_in_its_code(shop: Workspace, secret: str) -> Channel:
    return planted(shop, API, f"router = object()\nKEY = '{secret}'\n")


def module_with_a_token_in_its_data(shop: Workspace, secret: str) -> Channel:
    return planted(shop, "modules/cart/src/cart/data.bin", f"\0\1\2{secret}\0")


def exception_of_a_build_back_end(shop: Workspace, secret: str) -> Channel:
    back_end = f"""\
def build_wheel(*_, **__):
    raise RuntimeError("cannot publish with {secret[:9]}" + "{secret[9:]}")
"""
    (shop.root / "modules/cart/backend.py").write_text(back_end)
    own = 'build-backend = "backend"\nbackend-path = ["."]'
    shop.edit("modules/cart/pyproject.toml", 'build-backend = "hatchling.build"', own)
    return Channel(code=1, says="cannot publish")


def exception_of_an_import(shop: Workspace, secret: str) -> Channel:
    parts = f"'amqp://shop:' + '{secret[::-1]}'[::-1] + '@broker/'"
    (shop.root / API).write_text(f"raise ConnectionError({parts})\n")
    return Channel(code=3, says="XT0401")


def error_of_the_engine(shop: Workspace, secret: str) -> Channel:
    return Channel(("build", "--load"), 7, environ=answering(shop, f"bad credentials: {secret}"))


def error_of_a_promotion(shop: Workspace, secret: str) -> Channel:
    shop.edit(
        "modules.toml", "[environments.staging]\n", '[environments.staging]\ntarget="docker"\n'
    )
    build = shop.built()["build_id"]
    said = f"pull https://shop:{secret}@registry.example/v2/ denied"
    words = ("promote", build, "--to", "staging", "--reason", "try")
    return Channel(words, 7, environ=answering(shop, said))


def header_that_a_server_repeats(shop: Workspace, secret: str) -> Channel:
    said = f"you sent: Authorization: Bearer {secret}"
    return Channel(("build", "--load"), 7, environ=answering(shop, said))


def header_of_a_registry(shop: Workspace, secret: str) -> Channel:
    said = f"refused {{'X-Registry-Auth': '{secret}', 'Accept': '*/*'}}"
    return Channel(("run",), 7, environ=answering(shop, said))


def planted(shop: Workspace, path: str, text: str) -> Channel:
    (shop.root / path).parent.mkdir(parents=True, exist_ok=True)
    (shop.root / path).write_text(text)
    return Channel(code=3, planted=(path,), says="XT0404")


def answering(shop: Workspace, message: str) -> dict[str, str]:
    (shop.root / "answer").write_text(message)  # what the engine below says
    return {"DOCKER_HOST": "answer"}


CHANNELS: list[tuple[Callable[[Workspace, str], Channel], Callable[[str], str]]] = [
    (environment_that_a_module_raises, canaries.plain),
    (environment_with_the_address_of_a_database, canaries.plain),
    (setting_that_a_module_declares_secret, canaries.plain),
    (setting_that_holds_a_token, canaries.github),
    (argument_that_is_recorded, canaries.github),
    (argument_that_nobody_knows, canaries.plain),
    (dotenv_of_a_module, canaries.plain),
    (dotenv_of_the_workspace, canaries.plain),
    (git_configuration_of_the_workspace, canaries.plain),
    (git_configuration_of_a_module, canaries.plain),
    (netrc_of_the_user, canaries.plain),
    (netrc_in_a_package, canaries.plain),
    (index_with_a_password, canaries.plain),
    (pip_configuration_in_a_package, canaries.plain),
    (ssh_key_by_its_name, canaries.plain),
    (ssh_key_by_its_content, lambda seed: canaries.letters(seed, 64)),
    (module_with_a_token_in_its_code, canaries.aws),
    (module_with_a_token_in_its_data, canaries.stripe),
    (exception_of_a_build_back_end, canaries.github),
    (exception_of_an_import, canaries.plain),
    (error_of_the_engine, canaries.stripe),
    (error_of_a_promotion, canaries.plain),
    (header_that_a_server_repeats, canaries.plain),
    (header_of_a_registry, canaries.plain),
]


@contextmanager
def engine(message: str) -> Iterator[str]:
    """Answer as a Docker Engine that fails at everything, and says why."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = ('{"message": "%s"}' % message).encode()  # noqa: UP031 - braces
            self.send_response(500)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_HEAD = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"tcp://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_there_are_24_canaries_in_24_ways() -> None:
    assert len(CHANNELS) == len({way for way, _ in CHANNELS}) == 24


@pytest.mark.parametrize(("way", "shape"), CHANNELS, ids=[way.__name__ for way, _ in CHANNELS])
def test_a_secret_goes_nowhere(
    shop: Workspace,
    tmp_path: Path,
    way: Callable[[Workspace, str], Channel],
    shape: Callable[[str], str],
) -> None:
    secret = shape(way.__name__)
    channel = way(shop, secret)
    (tmp_path / "tmp").mkdir()
    environ = {"TMPDIR": str(tmp_path / "tmp"), **channel.environ}
    answer = shop.root / "answer"
    message = answer.read_text() if answer.exists() else ""
    answer.unlink(missing_ok=True)
    with engine(message) as host:
        if "DOCKER_HOST" in environ:
            environ["DOCKER_HOST"] = host
        for words in (channel.words, (*channel.words, "--json"), ("builds", "--json")):
            said = shop.run(*words, **environ)
            if words[0] != "builds":
                assert (channel.code, channel.says in said.err) == (said.code, True), said.err
            assert not canaries.holds(said.out.encode(), secret), said.out
            assert not canaries.holds(said.err.encode(), secret), said.err
    own = [shop.root / path for path in channel.planted]
    assert canaries.found_in(secret, tmp_path, planted=own) == []


def test_the_search_itself_finds_what_is_there(shop: Workspace, tmp_path: Path) -> None:
    secret = canaries.plain("the search")
    (shop.root / API).write_text(f"router = object()\nNOTE = '{secret}'\n")
    shop.built()
    found = canaries.found_in(secret, tmp_path)
    assert "shop/" + API in found
    for place in ("releases/oci/blobs", "releases/cache/wheels", "releases/cache/layers"):
        assert any(place in path for path in found), place


def test_a_secret_is_refused_before_anything_is_made(shop: Workspace) -> None:
    module_with_a_token_in_its_code(shop, canaries.github("refused"))
    blobs = sorted((shop.root / "releases/oci/blobs/sha256").iterdir())
    said = shop.xtask("build", "--json")
    (problem,) = said.document["error"]["problems"]
    assert (
        problem["code"],
        *(problem["place"][key] for key in ("file", "line", "column")),
    ) == ("XT0404", API, 2, 8)
    assert "`ghp_…`" in said.err
    assert "module `cart`" in said.err
    assert blobs == sorted((shop.root / "releases/oci/blobs/sha256").iterdir())
    assert not (shop.root / "releases/bundles").exists()
    assert not (shop.root / "generated").exists()
    assert [
        (build["status"], build["error"]) for build in shop.xtask("builds", "--json").document
    ] == [("failed", "1 problem found")]


ALLOW = """
[[secrets.allow]]
path = "{path}"
rule = "{rule}"
reason = "opens nothing"
"""


def allow(shop: Workspace, path: str, rule: str) -> None:
    manifest = shop.root / "modules.toml"
    manifest.write_text(manifest.read_text() + ALLOW.format(path=path, rule=rule))


def test_an_allowed_one_is_let_through_and_changes_no_byte_of_the_image(shop: Workspace) -> None:
    module_with_a_token_in_its_code(shop, canaries.github("allowed"))
    allow(shop, API, "GitHub Token")
    first = shop.built()
    allow(shop, "modules/cart/other.py", "GitHub Token")
    assert first["manifest_hash"] == shop.built()["manifest_hash"]


@pytest.mark.parametrize(
    ("path", "rule"), [("modules/host/a.py", "GitHub Token"), (API, "Private Key")]
)
def test_an_exception_is_for_one_file_and_one_rule(shop: Workspace, path: str, rule: str) -> None:
    module_with_a_token_in_its_code(shop, canaries.github("other"))
    allow(shop, path, rule)
    assert shop.xtask("build").code == 3


def test_an_exception_for_nothing_is_a_warning(shop: Workspace) -> None:
    shop.edit(API, "object()", "object() ")
    allow(shop, API, "GitHub Token")
    said = shop.xtask("build")
    assert said.code == 0
    shown = " ".join(said.err.split())
    assert f"warning[XT0405]: nothing in `{API}` looks like `GitHub Token`" in shown
    assert " --> modules.toml:" in said.err


def test_an_exception_that_is_gone_holds_no_longer(shop: Workspace) -> None:
    module_with_a_token_in_its_code(shop, canaries.github("gone"))
    allow(shop, API, "GitHub Token")
    shop.built()
    manifest = shop.root / "modules.toml"
    manifest.write_text(manifest.read_text().partition("\n[[secrets")[0])
    shop.edit("modules/host/module.toml", '"1.0.0"', '"1.0.1"')
    shop.edit("modules/host/pyproject.toml", '"1.0.0"', '"1.0.1"')
    assert "XT0404" in shop.xtask("build").err


BACK_END = """\
from hatchling.build import *
from hatchling.build import build_wheel as _build_wheel
from pathlib import Path

def build_wheel(*words, **more):
    Path("src/cart/written.py").write_text("KEY = '{first}" + "{second}'")
    return _build_wheel(*words, **more)
"""


def test_what_a_build_back_end_writes_is_looked_through_too(shop: Workspace) -> None:
    secret = canaries.stripe("written")
    text = BACK_END.format(first=secret[:7], second=secret[7:])
    (shop.root / "modules/cart/backend.py").write_text(text)
    back_end = 'build-backend = "backend"\nbackend-path = ["."]'
    shop.edit("modules/cart/pyproject.toml", 'build-backend = "hatchling.build"', back_end)
    blobs = sorted((shop.root / "releases/oci/blobs/sha256").iterdir())
    for _ in range(2):
        said = shop.xtask("build")
        assert said.code == 3
        assert "XT0404" in said.err
        assert " app/site/cart/written.py:1:8\n" in said.err
        assert blobs == sorted((shop.root / "releases/oci/blobs/sha256").iterdir())
    allow(shop, "app/site/cart/written.py", "Stripe Access Key")
    assert shop.xtask("build").code == 0


@pytest.mark.parametrize(("seed", "code"), [("sample", 0), ("real", 3)])
def test_an_exception_in_one_module_lets_only_the_very_same_text_into_the_wheel_of_another(
    shop: Workspace, seed: str, code: int
) -> None:
    fixture, secret = "modules/host/src/host/fixture.py", canaries.github(seed)
    (shop.root / fixture).write_text(f"SAMPLE = '{canaries.github('sample')}'\n")
    allow(shop, fixture, "GitHub Token")
    text = BACK_END.format(first=secret[:7], second=secret[7:])
    (shop.root / "modules/cart/backend.py").write_text(text)
    back_end = 'build-backend = "backend"\nbackend-path = ["."]'
    shop.edit("modules/cart/pyproject.toml", 'build-backend = "hatchling.build"', back_end)
    said = shop.xtask("build")
    assert (said.code, " app/site/cart/written.py:1:8\n" in said.err) == (code, code == 3)


def remove_what_is_allowed(shop: Workspace) -> None:
    manifest = shop.root / "modules.toml"
    manifest.write_text(manifest.read_text().partition("\n[[secrets")[0])


@pytest.mark.parametrize("builds", [1, 3])
def test_what_is_allowed_no_longer_is_not_shipped_although_it_was_built(
    shop: Workspace, builds: int
) -> None:
    module_with_a_token_in_its_code(shop, canaries.github("built"))
    allow(shop, API, "GitHub Token")
    for _ in range(builds):
        shop.built()
    remove_what_is_allowed(shop)
    for _ in range(2):
        said = shop.xtask("build", "--locked", "--load")
        assert said.code == 3, said.err
        assert "XT0404" in said.err
        assert "load " not in said.err


def test_what_is_allowed_no_longer_in_a_wheel_is_not_shipped_although_it_was_built(
    shop: Workspace,
) -> None:
    secret, path = canaries.stripe("wheel"), "app/site/cart/written.py"
    text = BACK_END.format(first=secret[:7], second=secret[7:])
    (shop.root / "modules/cart/backend.py").write_text(text)
    back_end = 'build-backend = "backend"\nbackend-path = ["."]'
    shop.edit("modules/cart/pyproject.toml", 'build-backend = "hatchling.build"', back_end)
    allow(shop, path, "Stripe Access Key")
    shop.built()
    shop.edit("modules.toml", "# A shop", "# The shop")
    said = shop.xtask("build")
    assert (said.code, "XT0405" in said.err, "made before" in said.out) == (0, False, True)
    remove_what_is_allowed(shop)
    said = shop.xtask("build", "--locked")
    assert said.code == 3, said.err
    assert f" {path}:1:8\n" in said.err


def test_an_exception_for_nothing_is_a_warning_of_an_image_that_is_there(shop: Workspace) -> None:
    shop.built()
    allow(shop, API, "GitHub Token")
    said = shop.xtask("build")
    assert (said.code, "made before" in said.out) == (0, True)
    assert "warning[XT0405]" in said.err


def test_generated_code_is_allowed_where_it_came_from(shop: Workspace) -> None:
    secret = canaries.github("generated")
    shop.edit("modules.toml", '"EUR"', f'"{secret}"')
    allow(shop, "modules.toml", "GitHub Token")
    shop.built()
    assert canaries.found_in(secret, shop.root / "generated")


def test_a_bug_report_has_no_secret(shop: Workspace) -> None:
    secret = canaries.plain("bug")
    (shop.root / "sitecustomize.py").write_text(
        "import os, xtask.cli\n"
        "def broken(_): raise KeyError(os.environ['SERVICE_TOKEN'])\n"
        "xtask.cli._require_folder = broken\n"
    )
    said = replace(shop, environ={}).xtask(
        "build", "--json", SERVICE_TOKEN=secret, PYTHONPATH=f"{shop.root}:{_root()}"
    )
    assert said.code == 70
    log = said.document["error"]["log"]
    assert "KeyError: '***'" in (shop.root / log).read_text()
    (shop.root / "sitecustomize.py").unlink()
    assert canaries.found_in(secret, shop.root) == []
    assert secret not in said.out + said.err


def _root() -> str:
    from tests.acceptance.shop import ROOT

    return str(ROOT)
