"""Static pages, edited through the API."""
