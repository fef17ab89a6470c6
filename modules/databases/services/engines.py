"""The kinds of databases, and how clients write the address of one."""

from typing import Literal

Engine = Literal["mariadb", "postgresql", "sqlite"]

_PORTS: dict[str, int] = {"mariadb": 3306, "postgresql": 5432}


def address(engine: str, host: str, name: str) -> str:
    """Return the address of a database at its engine's usual port; a file has neither."""
    port = _PORTS.get(engine)
    return f"{engine}://{host}:{port}/{name}" if port else f"{engine}:///{name}.{engine}3"
