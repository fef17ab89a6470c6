"""Where a registry may send its clients: pure rules over addresses.

A registry answers with addresses for uploads, downloads and tokens. A hostile one could name a
service inside our network, or ask for credentials in clear text.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

from xtask.errors import UntrustedError
from xtask.image.registry.reference import DOCKER_HUB

_HUB_HOST = "registry-1.docker.io"
_PORTS = {"http": 80, "https": 443}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Origin(NamedTuple):
    """Who gets a request: credentials for one origin are never shown to another (RFC 6454)."""

    scheme: str
    host: str
    port: int


def registry_address(registry: str) -> str:
    """Return the address that the registry answers at: HTTPS, and HTTP on this machine only."""
    host = _HUB_HOST if registry == DOCKER_HUB else registry
    name = urlsplit(f"//{host}").hostname or ""
    return f"{'http' if is_loopback(name) else 'https'}://{host}"


def origin(url: str) -> Origin:
    """Return the origin of an address that was checked."""
    return _origin(urlsplit(url))


def without_query(url: str) -> str:
    """Return the address as a message may show it: what follows `?` can be a signature."""
    return url.partition("?")[0]


def followed(location: str, *, base: str, registry: str) -> str:
    """Return the address that `location`, absolute or relative to `base`, leads to.

    Args:
        location: what the registry said.
        base: the address that was asked.
        registry: the address of the registry.

    Raises:
        UntrustedError: it is no address, or one that a registry has no business to send us to:
            without TLS, with a password, or private while the registry's own is not the same.
    """
    try:
        url = urljoin(base, location)
        parts = urlsplit(url)
        target, home = _origin(parts), origin(registry)
    except ValueError as error:
        raise _refused(location, "is no address") from error
    if target.scheme not in _PORTS or not target.host:
        raise _refused(url, "is no address of a web server")
    if parts.username is not None or parts.password is not None:
        raise _refused(url, "holds credentials")
    if target == home:
        return url
    if is_loopback(home.host) and is_loopback(target.host):
        return url
    if target.scheme != "https":
        raise _refused(url, "is not encrypted")
    if target.host != home.host and _is_private(target.host):
        raise _refused(url, "is private")
    return url


def is_loopback(host: str) -> bool:
    """Return whether the host is this machine, by its name alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def _is_private(host: str) -> bool:
    """Return whether the host is an address that is not part of the public Internet.

    A name is not looked up: it may answer differently a moment later, and registries inside a
    network send their clients to names inside the network.
    """
    address = _address(host)
    return is_loopback(host) or (address is not None and not address.is_global)


def _address(host: str) -> Address | None:
    """Return the address that a host is, in any spelling that the system's resolver takes."""
    try:
        address: Address = ipaddress.ip_address(host)
    except ValueError:
        try:
            # `127.1` and `2130706433` are numbers for the resolver as well.
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except (OSError, ValueError):
            return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def _origin(parts: SplitResult) -> Origin:
    scheme = parts.scheme.lower()
    return Origin(scheme, parts.hostname or "", parts.port or _PORTS.get(scheme, 0))


def _refused(url: str, reason: str) -> UntrustedError:
    shown = without_query(url)[:200]
    return UntrustedError(
        f"the registry leads to {shown!r}, which {reason}",
        help="check that this is the registry you mean, and how it names itself to the outside",
    )
