"""Choosing, ordering and explaining: from what was read to the one plan."""
