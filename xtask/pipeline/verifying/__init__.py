"""What was built, looked at again: its bytes, its evidence, and a rebuild."""
