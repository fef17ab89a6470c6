"""Nothing that looks like a secret is left in a text, and nothing else is taken out of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import xtask
from tests.support import canaries
from xtask.diagnostics.codes import catalogue
from xtask.redaction import MASK, redacted, redacted_value

ROOT = Path(xtask.__file__).parents[1]
S = canaries.plain("redaction")
PEM = canaries.private_key("redaction")
DIGEST = "sha256:" + hashlib.sha256(b"").hexdigest()
JWT = ".".join(["eyJ" + "hbGciOiJIUzI1NiJ9", "eyJ" + "zdWIiOiIxIn0", S])

SHAPES = {
    "password in an address": (f"cannot reach postgresql://shop:{S}@db:5432/shop", S),
    "password with an at sign": (f"postgresql://shop:{S}@x@db/shop", S),
    "password for a registry": (f"`user:{S}@localhost:1/x:3` is no base", S),
    "password for a host": (f'repository = "u:{S}@reg/x"', S),
    "password for a name": (f"docker login u:{S}@registry.example", S),
    "password for an address": (f"ftp of u:{S}@10.0.0.1 failed", S),
    "password with a slash": (f"postgresql://shop:{S}/x@db/shop", S),
    "password with a slash for a registry": (f"`user:x/{S}@localhost:1/x:3` is no base", S),
    "password with a slash for a host": (f'repository = "u:{S}/{S}@reg.example/x"', S),
    "token as a user": (f"cloning https://{S}@git.example/shop.git", S),
    "authorization": (f"Authorization: Bearer {S}", S),
    "authorization in a repr": (f"{{'Authorization': 'Basic {S}', 'Accept': '*/*'}}", S),
    "authorization in bytes": (f'{{"authorization": b"Bearer {S}"}}', S),
    "header of a service": (f"X-Vault-Token: {S}", S),
    "header of a registry": (f"x-registry-auth: {S}", S),
    "header of a forge": (f"PRIVATE-TOKEN: {S}", S),
    "cookie": (f"Set-Cookie: session={S}; Secure", S),
    "bearer alone": (f"sent Bearer {S} to it", S),
    "assignment": (f"password={S}", S),
    "assignment in TOML": (f'client_secret = "{S}"', S),
    "assignment in JSON": (f'{{"api_key": "{S}", "a": 1}}', S),
    "assignment in JSON in JSON": (json.dumps(f'{{"apiKey": "{S}"}}'), S),
    "assignment in a list": (f'tokens: x, token = ["{S}"]', S),
    "assignment in YAML": (f"password: {S}", S),
    "option": (f"unrecognized arguments: --registry-token {S}", S),
    "option with a sign": (f"--password={S} --json", S),
    "private key": (f"key:\n{PEM}end", PEM.splitlines()[1]),
    "private key cut off": (PEM[:60], PEM[40:60]),
    "private key escaped": (repr(PEM), PEM.splitlines()[1]),
    "GitHub": (f"bad token {canaries.github('a')}!", canaries.github("a")),
    "GitHub, new": ("github" + f"_pat_{S}", S),
    "GitLab": ("gl" + f"pat-{S}", S),
    "Slack": ("xo" + f"xb-1234-5678-{S}", S),
    "Slack hook": (f"https://hooks.slack.com/services/T1/B2/{S}", S),
    "Stripe": (canaries.stripe("a"), canaries.stripe("a")),
    "AWS": (f"id {canaries.aws('a')}", canaries.aws("a")),
    "Google": ("AI" + "za" + canaries.letters("g", 35), canaries.letters("g", 35)),
    "OpenAI": ("sk" + f"-proj-{S}", S),
    "npm": ("np" + "m_" + canaries.letters("n", 36), canaries.letters("n", 36)),
    "PyPI": ("py" + f"pi-AgEIcHlwaS5vcmc{S}", S),
    "SendGrid": (f"SG.{S}.{S}", S),
    "Twilio": ("A" + "C" + "0a" * 16, "0a" * 16),
    "Mailchimp": ("0a" * 16 + "-us12", "0a" * 16),
    "Telegram": (f"12345678:AA{canaries.letters('t', 33)}", canaries.letters("t", 33)),
    "Azure": (f"AccountKey={S}{S}", S),
    "age": ("AGE-SECRET" + "-KEY-1" + S.upper(), S.upper()),
    "JSON web token": (f"got {JWT}", S),
    "Discord": (f"M{canaries.letters('d', 23)}.{'a1' * 3}.{S[:27]}", S[:27]),
}


@pytest.mark.parametrize("name", SHAPES)
def test_takes_a_secret_out_by_its_shape(name: str) -> None:
    text, secret = SHAPES[name]
    assert secret in text
    shown = redacted(text, {})
    assert secret not in shown
    assert MASK in shown
    assert redacted(shown, {}) == shown


@pytest.mark.parametrize(
    "name",
    ["GITHUB_TOKEN", "DB_PASSWORD", "API_KEY", "AWS_SECRET_ACCESS_KEY", "MYAPIKEY", "MYSQL_PWD"],
)
def test_takes_out_the_value_of_a_secret_variable(name: str) -> None:
    assert redacted(f"it said {S}, and {S}!", {name: S}) == f"it said {MASK}, and {MASK}!"


def test_takes_out_a_password_that_an_address_in_a_variable_has() -> None:
    assert redacted(f"password {S} is wrong", {"DATABASE_URL": f"x://shop:{S}@db/shop"}) == (
        f"password {MASK} is wrong"
    )


@pytest.mark.parametrize("value", ["p&ss/w?rd with spaces", "back\\slash'quote", "äöüß-12345"])
def test_takes_out_how_a_value_is_written_elsewhere(value: str) -> None:
    from urllib.parse import quote

    environ = {"SERVICE_PASSWORD": value}
    for text in (value, quote(value, safe=""), repr(value)):
        assert value not in redacted(text, environ)
        assert quote(value, safe="") not in redacted(text, environ)


def test_takes_out_each_line_of_a_value_of_many() -> None:
    assert PEM.splitlines()[1] not in redacted(PEM.splitlines()[1], {"DEPLOY_KEY": PEM})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PWD", "/home/somebody"),
        ("XTASK_KEYS", "releases/keys"),
        ("TOKEN_TTL", "86400000"),
        ("USE_TOKEN", "true"),
        ("LANG", "en_GB.UTF-8"),
        ("TLS_KEY", __file__),
    ],
)
def test_keeps_what_is_no_secret_in_a_variable(name: str, value: str) -> None:
    assert redacted(f"in {value} it is", {name: value}) == f"in {value} it is"


def test_a_short_value_is_taken_out_as_a_word_only() -> None:
    environ = {"DB_PASSWORD": "postgres"}
    assert redacted("postgresql and postgres", environ) == f"postgresql and {MASK}"


def test_a_digest_stays_whatever_the_environment_says() -> None:
    environ = {"BUILD_TOKEN": DIGEST[7:27]}
    assert redacted(f"{DIGEST} {DIGEST[7:27]}", environ) == f"{DIGEST} {MASK}"


@pytest.mark.parametrize(
    "text",
    [
        f"python:3.12-slim@{DIGEST}",
        f"localhost:5000/shop/front:1@{DIGEST}",
        "git@github.com:shop/front.git",
        "npm:react@17.0.2",
        "pkg:pypi/fastapi@0.115.0",
        "mailto:me@example.org",
        "at 12:30 me@example.org",
        "pkg:npm/%40vue/core@3.0.0/dist",
        "localhost:5000/shop/front@1.2.0/x",
        "source:packages/@scope/name",
        "http://[::1]:5000/x/@vite/client",
        "https://cdn.example:8443/react@18.2.0/umd",
    ],
)
def test_a_digest_or_a_version_after_a_name_is_no_host(text: str) -> None:
    assert redacted(text, {}) == text


@given(st.text(), st.text("abcXYZ012 ./:@%&?\\\"'é", min_size=12, max_size=40))
def test_no_value_of_a_secret_variable_is_left(text: str, value: str) -> None:
    shown = redacted(text + value, {"A_TOKEN": value})
    assert value.isdecimal() or value not in shown.replace(MASK, "\0")


@given(st.binary(), st.text(alphabet="abc/ .:-_=@\n\"'{}", max_size=80))
def test_a_digest_stays(data: bytes, around: str) -> None:
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    assert digest in redacted(f"image {digest}\n{around}", {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("aZ0/:= \n\"'é") | st.sampled_from(
        [text for text, _ in SHAPES.values()]
    ),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)  # fmt: skip


@given(JSON)
def test_a_document_keeps_its_shape_and_loses_its_secrets(document: object) -> None:
    shown = redacted_value(document)
    text = json.dumps(shown, ensure_ascii=False)
    assert json.loads(text) == shown
    assert S not in text
    assert redacted_value(shown) == shown


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_of_ours_has_anything_to_take_out(page: Path) -> None:
    text = page.read_text()
    assert redacted(text, {}) == text


def test_no_explanation_has_anything_to_take_out() -> None:
    for entry in catalogue().values():
        assert redacted(f"{entry.title}\n{entry.text}", {}) == f"{entry.title}\n{entry.text}"


def test_no_message_has_anything_to_take_out() -> None:
    for path in (ROOT / "tests").glob("*/*/expected.txt"):
        assert redacted(path.read_text(), {}) == path.read_text(), path


UNITS = [
    *(",a:@", "a:a@", "a:a@a.", "a@a:", "a:@a.a."),
    *("//", "://a:", "a:", "token", "token=", "x-token: ", "x-token-", "--", "--token", "bearer "),
    *("-sk-a", "-eyJaaaaaaaa", "-SG.aaaaaaaaaaaaaaaaa", "-M", "basic a", "cookie", "x-"),
]


@pytest.mark.parametrize("unit", UNITS)
def test_takes_time_in_proportion_to_the_text(unit: str) -> None:
    from time import process_time

    start = process_time()
    redacted(unit * 50_000, {})
    assert process_time() - start < 2


@pytest.mark.parametrize(
    ("start", "unit"), [("cookie", " "), ("x-token", "\t"), ("-----BEGIN ", "PRIVATE KEY")]
)
def test_ends_whatever_a_shape_begins_with(start: str, unit: str) -> None:
    # In the square of this it would be hours.
    assert redacted(start + unit * 400_000, {}) == start + unit * 400_000
