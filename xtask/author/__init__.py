"""Writing what authors would write by hand: new modules, lines of `modules.toml`, versions."""
