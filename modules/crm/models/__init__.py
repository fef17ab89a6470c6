"""What is stored. FastVue makes tables of models; here `hooks.pre_init` does."""

from .lead import Lead
from .stage import Stage

__all__ = ["Lead", "Stage"]
