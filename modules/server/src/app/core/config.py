"""Configuration, for modules of the BMC Hub and of FastVue.

get_module_config("invoices", "READ_ONLY", "true")   a setting of a module, as text
settings.MODULES_ENABLED                             what the hub itself is set to
"""

import json
from typing import Any, NamedTuple

from server.settings import module_config

__all__ = ["get_module_config", "settings"]


class Settings(NamedTuple):
    """What the BMC Hub is set to; a product holds its modules, and finds none while it runs."""

    MODULES_ENABLED: bool = True
    MODULES_DIR: str = "app/modules"
    MODULES_AUTO_RELOAD: bool = False


settings = Settings()


def get_module_config(module_name: str, key: str, default: Any = None) -> Any:  # noqa: ANN401
    """Return the setting `key`, in any case, of a module; the default when nothing sets it.

    It is what an environment variable `MODULES__NAME__KEY` holds: text, such as `true` or `14`.
    A switch is only off for a module that compares with what it reads, never by a wrong type.
    """
    try:
        known = {name.lower(): value for name, value in module_config(module_name).items()}
    except LookupError:
        return default
    value = known.get(key.lower())
    if value is None or isinstance(value, str):
        return default if value is None else value
    return json.dumps(value)
