"""What databases knows."""
