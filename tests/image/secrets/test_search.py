"""What looks like a secret is found where it stands, and what only mentions one is not."""

from __future__ import annotations

import base64
import json
from functools import cache
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

import pytest

import xtask
from tests.support import canaries
from xtask.digest import sha256
from xtask.image.secrets.names import RULE, is_secret_by_name
from xtask.image.secrets.rules import Rule, rules, version
from xtask.image.secrets.search import Finding, search

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(xtask.__file__).parents[1]
K = canaries.letters("search", 128)
KEY = canaries.private_key("search")
OPENS = "-----BEGIN PRIVATE " + "KEY-----"


def web_token(payload: object) -> str:
    parts = [{"alg": "HS256"}, payload]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join([part.rstrip("=") for part in encoded] + ["c2lnbmF0dXJl"])


SECRETS = {
    "AWS Access Key": f"key = '{canaries.aws('s')}'",
    "Address with a token": f"git = 'https://{K[:20]}@git.example/shop.git'",
    "Anthropic Token": "sk" + f"-ant-{K[:30]}",
    "Artifactory Credentials": f" AKC{K[:20]} ",
    "Azure Storage Account access key": f"AccountKey={K[:86]}==",
    "Basic Auth Credentials": f"postgresql://shop:{K[:12]}@db/shop",
    "Discord Bot Token": f" M{K[:23]}.{K[:6]}.{K[:27]} ",
    "GitHub Token": canaries.github("s"),
    "GitLab Token": "gl" + f"pat-{K[:20]}",
    "Google API Key": "AI" + f"za{K[:35]}",
    "HashiCorp Vault Token": "hv" + f"s.{K[:24]}",
    "Hugging Face Token": "h" + f"f_{K[:34]}",
    "JSON Web Token": f"token {web_token({'sub': '1'})}",
    "Mailchimp Access Key": "0a" * 16 + "-us12",
    "NPM tokens": "np" + f"m_{K[:36]}",
    "OpenAI Token": "sk" + f"-proj-{K[:30]}",
    "Private Key": KEY,
    "PyPI Token": "py" + f"pi-AgEIcHlwaS5vcmc{K[:80]}",
    "SendGrid API Key": f"SG.{K[:22]}.{K[:43]}",
    "Slack Token": "xo" + f"xb-123-456-{K[:20]}",
    "Square OAuth Secret": f"sq0csp-{K[:43]}",
    "Stripe Access Key": canaries.stripe("s"),
    "Telegram Bot Token": f" 123456789:{K[:35]} ",
    "Twilio API Key": "A" + "C" + "0a" * 16,
    "age Secret Key": "AGE-SECRET" + f"-KEY-1{K[:58].upper()}",
}


@cache
def _rules() -> tuple[Rule, ...]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return rules(Path(folder))


def found(text: str | bytes, path: str = "code.py") -> list[tuple[int, int, str, str]]:
    data = text.encode() if isinstance(text, str) else text
    return [finding[2:6] for finding in search(path, data, _rules())]


def test_every_rule_has_an_example() -> None:
    assert sorted(SECRETS) == sorted({rule.name for rule in _rules()})


@pytest.mark.parametrize("name", SECRETS)
def test_finds(name: str) -> None:
    assert name in {rule for _, _, rule, _ in found(f"a = 1\n{SECRETS[name]}\n")}


@pytest.mark.parametrize("name", SECRETS)
def test_finds_in_a_file_that_is_no_text(name: str) -> None:
    data = b"\x7fELF\0\0\1" + SECRETS[name].encode() + b"\0\xff\xfe rest"
    assert name in {rule for _, _, rule, _ in found(data, "lib.so")}


@pytest.mark.parametrize("name", SECRETS)
def test_shows_at_most_four_characters(name: str) -> None:
    assert [shown for *_, shown in found(SECRETS[name]) if len(shown) > 4] == []


def test_finds_the_token_of_a_private_registry() -> None:
    line = f"//npm.example/:_authToken={'0123abcd-' * 4}"
    assert [rule for _, _, rule, _ in found(line, ".npmrc")] == ["NPM tokens"]


def test_says_where_it_stands() -> None:
    token = canaries.github("s")
    data = f"a = 1\nb = '{token}'\n".encode()
    (finding,) = search("deep/code.py", data, _rules())
    assert finding == Finding(
        "deep/code.py", sha256(data), 2, 6, "GitHub Token", "ghp_", sha256(token.encode())
    )


def matched(text: str, path: str = "code.py") -> list[str]:
    return [finding.matched for finding in search(path, text.encode(), _rules())]


def matched_once(text: str, path: str = "code.py") -> str:
    (only,) = matched(text, path)
    return only


def putty(seed: str) -> str:
    key = f"Encryption: none\nComment: key\nPublic-Lines: 1\n{canaries.letters(seed, 64)}\n"
    return f"PuTTY-User-Key-File-3: ssh-ed25519\n{key}"


@pytest.mark.parametrize("make", [canaries.github, canaries.private_key, putty])
def test_a_text_is_told_from_every_other_of_its_rule(make: Callable[[str], str]) -> None:
    one, other = make("one"), make("other")
    assert one[:4] == other[:4]
    assert matched(one + other) == matched(one) + matched(other)
    assert len({*matched(one), *matched(other)}) == 2


@pytest.mark.parametrize("around", ["{}", "# {}\n", "a = 1\n\nb = '{}'", "y" * 9_000 + " {} "])
def test_a_text_is_known_again_wherever_it_stands(around: str) -> None:
    token = canaries.github("s")
    assert matched(around.format(token)) == [sha256(token.encode())]


def test_a_text_that_a_window_cuts_off_is_known_by_all_of_it() -> None:
    token = "sk" + f"-ant-{K}"
    for before in range(4_000, 4_096, 5):
        assert matched("x" * before + " " + token + " " * 9_000) == [sha256(token.encode())]


def test_a_private_key_is_known_again_however_it_is_written() -> None:
    body = "\n".join(canaries.letters("long", 192)[at : at + 64] for at in (0, 64, 128))
    key = KEY.replace(canaries.letters("search", 64), body)
    written = [
        key,
        key.replace("\n", "\\n"),
        key.replace("\n", "\\n'\n    '"),
        f"'{key}' # ----- end",
    ]
    assert len({*map(matched_once, written)}) == 1


def test_a_file_for_credentials_is_told_from_every_other_name_and_content() -> None:
    assert matched("a", "x/.env") == matched("a", "y/.env")
    others = [("a", ".env"), ("b", ".env"), ("a", "id_rsa"), ("a", ".netrc")]
    assert len({matched_once(*other) for other in others}) == len(others)


@pytest.mark.parametrize("before", [0, 4_000, 4_090, 6_100, 8_180, 100_000])
def test_finds_in_a_line_of_any_length(before: int) -> None:
    token = canaries.github("s")
    text = "x = 1\n" + "y" * (before - 1) + " " * bool(before) + token + "z" * 9 + "!" * 9_000
    assert found(text) == [(2, before + 1, "GitHub Token", "ghp_")]


def test_finds_in_utf_16() -> None:
    assert found(canaries.stripe("s").encode("utf-16")) == [(1, 1, "Stripe Access Key", "sk_l")]


@pytest.mark.parametrize(
    "text",
    [
        f'if "{OPENS}" in text:\n    raise InvalidConfigurationOfSomething(text)',
        f"openssl prints {OPENS} first",
        "postgresql://user:password@localhost/shop",
        "postgresql://postgres:postgres@localhost/shop",
        "https://<user>:<password>@example.com",
        "amqp://{user}:{password}@{host}",
        "redis://:%(password)s@cache",
        "https://example.com:443/a@b",
        "https://somebody-who-works-here@example.com/shop.git",
        "AKIAIOSFODNN7" + "EXAMPLE",
        "data:font/woff;base64,AAAA" + "AKIAIOSFODNN7ABCDEFG" + "AAAA",
        "eyJhIjoxfQ.not-a-token",
        f"sha256:{'0a' * 32}",
        "password = os.environ['PASSWORD']",
        "api_key: str | None = None",
        "",
    ],
)
def test_finds_nothing_in_what_only_mentions_one(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "key",
    [
        KEY,
        KEY.replace("\n", "\\n"),
        KEY.replace("OPENSSH ", "ENCRYPTED "),
        KEY.replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n", 1),
        "X = (\n    '" + KEY.replace("\n", "\\n'\n    '") + "'\n)",
        KEY.replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n", 1).replace("\n", "\\n"),
        KEY.replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n", 1).replace("\n", " "),
        KEY.replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n", 1).replace("\n", "\r\n"),
        "PuTTY-User-Key-File-3: ssh-ed25519",
    ],
)
def test_finds_a_private_key_however_it_is_written(key: str) -> None:
    assert [rule for _, _, rule, _ in found(key)] == ["Private Key"]


@pytest.mark.parametrize(
    "path",
    [
        *(".env", "a/.env.local", "a/.netrc", ".pypirc", "keys/id_rsa", "id_ed25519"),
        *("x/.git/config", ".docker/config.json", ".aws/credentials", ".git-credentials"),
        *("store.p12", "A.PFX"),
    ],
)
def test_a_file_for_credentials_is_found_by_its_name(path: str) -> None:
    assert is_secret_by_name(path)
    assert found("", path) == [(1, 1, RULE, "")]


@pytest.mark.parametrize(
    "path",
    [
        *(".env.example", "env.py", "a.env.md", "id_rsa.pub", "config.json", "pip.conf"),
        *("git/config", "netrc.py", ".envrc.md", "keys.py", "cert.pem"),
    ],
)
def test_another_file_is_not(path: str) -> None:
    assert not is_secret_by_name(path)


def test_the_reference_application_needs_no_exception() -> None:
    assert "secrets" not in (ROOT / "modules.toml").read_text()


@pytest.mark.parametrize("folder", ["modules", "xtask"])
def test_finds_nothing_in_files_of_this_repository(folder: str) -> None:
    assert [
        finding
        for path in sorted((ROOT / folder).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
        for finding in search(str(path.relative_to(ROOT)), path.read_bytes(), _rules())
    ] == []


@pytest.mark.parametrize(
    "unit", ["//", "//x/:_authToken=", "eyJ", "://a:", "AKC", "1", OPENS, "\n"]
)
def test_takes_time_in_proportion_to_the_file(unit: str) -> None:
    def taken(size: int) -> float:
        start = process_time()
        search("a.js", (unit * (size // len(unit))).encode(), _rules())
        return process_time() - start

    taken(1_000)
    assert taken(200_000) < 20 * taken(20_000) + 0.5


@pytest.mark.parametrize("end", ["!\n", "\n!", "\\n!"])
@pytest.mark.parametrize("unit", ["A: ", "A: \n", "A: \\n"])
def test_ends_whatever_headers_a_private_key_has(unit: str, end: str) -> None:
    # Were there two ways to read each of them, this would not end before the sun does.
    assert found(f"{OPENS}\n{unit * 300}{end}", "README.md") == []


def test_ends_whatever_comes_after_the_address_of_a_registry() -> None:
    assert found("/" * 4_000 + "/:_authToken=" + "\n" * 2_000_000, ".npmrc") == []


def test_ends_whatever_name_a_file_has() -> None:
    assert found("", "a/." * 200_000) == []


def test_a_web_token_that_is_nested_too_deeply_is_none() -> None:
    head = base64.urlsafe_b64encode(b'{"a":' + b"[" * 1_400).decode().rstrip("=")
    assert found(f"{head}.{head}.x") == []


def test_rules_are_kept_without_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rules(tmp_path)
    rules.cache_clear()
    monkeypatch.setattr("xtask.image.secrets.rules._library", lambda: pytest.fail("asked again"))
    assert rules(tmp_path) == first
    assert version().startswith("sha256:")


@pytest.mark.parametrize(
    "kept", ["", "[", "null", "1", "{}", "[]", "[null]", "[[]]", '["rule"]', '[["a", "b", "c", 1]]']
)
def test_kept_rules_of_another_shape_are_made_anew(tmp_path: Path, kept: str) -> None:
    first = rules(tmp_path)
    (file,) = (tmp_path / "secrets").iterdir()
    good = file.read_bytes()
    file.write_text(kept)
    rules.cache_clear()
    assert rules(tmp_path) == first
    assert file.read_bytes() == good
