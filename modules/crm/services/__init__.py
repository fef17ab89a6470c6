"""What leads go through."""
