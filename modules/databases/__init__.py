"""Where each database runs, and how to reach it: a module of Flux."""

__version__ = "1.0.0"
