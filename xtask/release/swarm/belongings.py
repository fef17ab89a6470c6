"""What the services of an environment share: its network, the front's script, secrets."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from xtask.errors import TargetError
from xtask.release import front, health, naming
from xtask.release.swarm import services
from xtask.release.swarm.specs import SCRIPT

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker import APIClient  # type: ignore[import-untyped]

    from xtask.release.deployment import Deployment, Site
    from xtask.release.swarm.managers import Found, Managers

_EMPTY_SECONDS: Final = 90.0


def ensure_network(managers: Managers, site: Site) -> str:
    """Return the id of the environment's overlay network, made if need be."""
    found = _networks(managers, site)
    if not found:
        name = naming.prefix(site)
        labels = naming.labels(site)
        services.unless(
            "already exists",
            managers,
            lambda client: client.create_network(
                name, driver="overlay", scope="swarm", labels=labels, check_duplicate=True
            ),
        )
        found = _networks(managers, site)
    if not found:
        raise TargetError(
            f"the network {naming.prefix(site)} belongs to something that xtask did not make",
            help=f"remove that network: `docker network rm {naming.prefix(site)}`",
        )
    return str(found[0]["Id"])


def volume(site: Site, network: str) -> str:
    """Return the volume with the pointer on each node; a new network begins with a new one."""
    return f"{naming.prefix(site)}-front-{network[:12]}"


def ensure_script(managers: Managers, site: Site) -> dict[str, Any]:
    """Return the front's script as a file of its containers; its name says its content."""
    content = Path(front.__file__).read_bytes()
    name = f"{naming.prefix(site)}-front-{hashlib.sha256(content).hexdigest()[:12]}"
    labels = naming.labels(site)
    made = _ensure(
        managers,
        name,
        lambda client: client.configs(filters={"name": name}),
        lambda client: client.create_config(name, content, labels),
    )
    return {"ConfigID": made["ID"], "ConfigName": name, "File": _file(SCRIPT, 0o444)}


def ensure_secrets(managers: Managers, deployment: Deployment) -> list[dict[str, Any]]:
    """Return the deployment's secrets as files in `/run/secrets`."""
    return [
        _ensure_secret(managers, deployment.site, name, value)
        for name, value in sorted(deployment.secrets.items())
    ]


def remove_unused(managers: Managers, site: Site) -> None:
    """Remove secrets and scripts of the environment that none of its services has."""
    used = {
        file.get("SecretID") or file["ConfigID"]
        for service in services.find(managers, naming.labels(site))
        for kind in ("Secrets", "Configs")
        for file in service["Spec"]["TaskTemplate"]["ContainerSpec"].get(kind) or ()
    }
    wanted = naming.selecting(naming.labels(site))

    def secrets_and_scripts(client: APIClient) -> None:
        for each in client.secrets(filters=wanted):
            if each["ID"] not in used:
                client.remove_secret(each["ID"])
        for each in client.configs(filters=wanted):
            if each["ID"] not in used:
                client.remove_config(each["ID"])

    services.unless("in use", managers, secrets_and_scripts)


def remove_network(managers: Managers, site: Site) -> None:
    """Remove the environment's network, as soon as the last task has left it.

    Raises:
        TargetError: one has not left it in time.
    """

    def networks(client: APIClient) -> None:
        for each in _networks(managers, site):
            client.remove_network(each["Id"])

    def left() -> str | None:
        services.unless("in use", managers, networks)
        return "tasks still use its network" if _networks(managers, site) else None

    health.wait_until(left, within=_EMPTY_SECONDS, clock=managers.clock, interval=0.3)


def _networks(managers: Managers, site: Site) -> list[Found]:
    wanted = naming.selecting(naming.labels(site))
    found: list[Found] = managers.ask(lambda client: client.networks(filters=wanted))
    return found


def _ensure_secret(managers: Managers, site: Site, name: str, value: bytes) -> dict[str, Any]:
    """Return a secret by a name that says its content, to nobody who only guesses it quickly."""
    salt = f"{naming.prefix(site)}-{name}".encode()
    mark = hashlib.scrypt(value, salt=salt, n=1 << 14, r=8, p=1, dklen=6).hex()
    full = f"{naming.prefix(site)}-{name}-{mark}"
    labels = naming.labels(site)
    made = _ensure(
        managers,
        full,
        lambda client: client.secrets(filters={"name": full}),
        lambda client: client.create_secret(full, value, labels),
    )
    return {"SecretID": made["ID"], "SecretName": full, "File": _file(name, 0o444)}


def _ensure(
    managers: Managers,
    name: str,
    look: Callable[[APIClient], list[Found]],
    make: Callable[[APIClient], object],
) -> Found:
    for _ in range(2):
        for each in managers.ask(look):
            if each["Spec"]["Name"] == name:
                found: Found = each
                return found
        services.unless("already exists", managers, make)
    raise TargetError(f"{name} cannot be found after it was made", help="repeat the command")


def _file(name: str, mode: int) -> dict[str, Any]:
    return {"Name": name, "UID": "0", "GID": "0", "Mode": mode}
