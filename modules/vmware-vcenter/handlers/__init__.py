"""What the module answers: one file for each operation."""
