"""Changing `modules.toml` and modules so that they fit afterwards too."""
