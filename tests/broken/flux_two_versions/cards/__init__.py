"""Gift cards."""

__version__ = "1.0.1"
