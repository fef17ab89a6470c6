"""From the plan to the text of generated files; nothing here writes to disk."""
