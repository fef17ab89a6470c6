"""Foreign text to the normal form: what modules.toml and every module manifest say."""
