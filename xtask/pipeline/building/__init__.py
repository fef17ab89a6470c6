"""From a selection to a recorded image."""
