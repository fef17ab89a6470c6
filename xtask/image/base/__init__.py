"""What an image stands on: this machine's Python packed, an image of a registry, or a layout."""
