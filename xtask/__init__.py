"""xtask turns `modules.toml` into a released product."""

__version__ = "0.1.0"
