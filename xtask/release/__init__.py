"""Making the world match a release, and observing it: one file per kind of target."""
