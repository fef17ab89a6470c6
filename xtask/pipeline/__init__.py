"""The stories, each readable from top to bottom: compose, build, release."""
