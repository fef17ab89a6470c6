"""From a recorded image to one that serves."""
