"""Network namespaces of this machine: its own network stays as it is."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET of sched.h


@contextlib.contextmanager
def inside(name: str) -> Iterator[None]:
    """Let this thread, and the threads and processes that it starts, be in a namespace."""
    with contextlib.ExitStack() as stack:
        before = _opened(stack, "/proc/thread-self/ns/net")
        _enter(_opened(stack, f"/run/netns/{name}"))
        try:
            yield
        finally:
            _enter(before)


@contextlib.contextmanager
def bridged(name: str, members: dict[str, str], address: str) -> Iterator[None]:
    """Make a namespace with a bridge, and one for each member that is plugged into it.

    `members` are addresses by name, `address` is that of the bridge; all are in one network of 24
    bits.
    """
    made: list[str] = []
    try:
        for each in (name, *members):
            ip("netns", "add", each)
            made.append(each)
            ip("-n", each, "link", "set", "lo", "up")
        ip("-n", name, "link", "add", "bridge", "type", "bridge")
        ip("-n", name, "address", "add", f"{address}/24", "dev", "bridge")
        ip("-n", name, "link", "set", "bridge", "up")
        for member, own in members.items():
            _plug(name, member)
            ip("-n", member, "address", "add", f"{own}/24", "dev", "eth0")
            ip("-n", member, "route", "add", "default", "via", address)
        yield
    finally:
        for each in made:
            ip("netns", "delete", each)


def ip(*words: str) -> None:
    """Run `ip` of iproute2."""
    subprocess.run(["ip", *words], check=True, capture_output=True)


def _plug(bridge: str, member: str) -> None:
    ip("-n", member, "link", "add", "eth0", "type", "veth", "peer", "name", member, "netns", bridge)
    ip("-n", member, "link", "set", "eth0", "up")
    ip("-n", bridge, "link", "set", member, "master", "bridge", "up")


def _opened(stack: contextlib.ExitStack, path: str) -> int:
    descriptor = os.open(path, os.O_RDONLY)
    stack.callback(os.close, descriptor)
    return descriptor


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "setns")
