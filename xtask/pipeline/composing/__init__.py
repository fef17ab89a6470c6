"""From `modules.toml` and manifests to a selection that fits, its lock and its files."""
