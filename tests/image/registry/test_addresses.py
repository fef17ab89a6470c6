from __future__ import annotations

import pytest

from xtask.errors import UntrustedError
from xtask.image.registry.addresses import followed, registry_address

PUBLIC = "https://registry.example"


@pytest.mark.parametrize(
    ("registry", "expected"),
    [
        ("docker.io", "https://registry-1.docker.io"),
        ("registry.example:8443", "https://registry.example:8443"),
        ("10.0.0.5:5000", "https://10.0.0.5:5000"),
        ("localhost:5000", "http://localhost:5000"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("localhost.example", "https://localhost.example"),
    ],
)
def test_only_this_machine_is_asked_without_tls(registry: str, expected: str) -> None:
    assert expected == registry_address(registry)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/v2/x?state=1", f"{PUBLIC}/v2/x?state=1"),
        ("next?n=2", f"{PUBLIC}/v2/a/next?n=2"),
        (f"{PUBLIC}/v2/y", f"{PUBLIC}/v2/y"),
        (f"{PUBLIC}:443/v2/y", f"{PUBLIC}:443/v2/y"),
        ("https://storage.example/blob?signature=1", "https://storage.example/blob?signature=1"),
        ("https://93.184.215.14/blob", "https://93.184.215.14/blob"),
        ("https://[::ffff:93.184.215.14]/blob", "https://[::ffff:93.184.215.14]/blob"),
    ],
)
def test_follows_a_location(location: str, expected: str) -> None:
    assert expected == followed(location, base=f"{PUBLIC}/v2/a/b", registry=PUBLIC)


@pytest.mark.parametrize(
    "location",
    [
        "https://10.1.2.3/x",
        "https://192.168.1.1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://127.0.0.1/x",
        "https://127.1/x",
        "https://2130706433/x",
        "https://0x7f000001/x",
        "https://localhost/x",
        "https://db.localhost/x",
        "https://[::1]/x",
        "https://[fd00::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "http://storage.example/x",
        "http://registry.example/v2/x",
        "ftp://storage.example/x",
        "file:///etc/passwd",
        "https://user:secret@storage.example/x",
        "https://[::1/x",
        "https://storage.example:99999/x",
    ],
)
def test_refuses_a_location_that_a_registry_has_no_business_with(location: str) -> None:
    with pytest.raises(UntrustedError, match="the registry leads to"):
        followed(location, base=f"{PUBLIC}/v2/a/b", registry=PUBLIC)


def test_refuses_another_private_address_for_a_private_registry() -> None:
    with pytest.raises(UntrustedError, match="is private"):
        followed("https://10.0.0.6/x", base="https://10.0.0.5/v2/", registry="https://10.0.0.5")


def test_a_private_registry_may_lead_to_another_port_of_itself() -> None:
    url = "https://10.0.0.5:9000/x"
    assert url == followed(url, base="https://10.0.0.5/v2/", registry="https://10.0.0.5")


def test_a_refusal_does_not_show_a_signature() -> None:
    with pytest.raises(UntrustedError) as caught:
        followed("http://storage.example/x?key=hush", base=PUBLIC, registry=PUBLIC)
    assert "hush" not in caught.value.message
