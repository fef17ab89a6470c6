"""What the module does while nobody asks."""
