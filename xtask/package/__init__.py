"""From module sources to wheels: fetching, third-party requirements, building, import check."""
