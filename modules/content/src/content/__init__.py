"""Articles: written now, published when they are due."""
