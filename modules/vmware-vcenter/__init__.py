"""Virtual machines that are ordered here and run in vCenter: a capability module."""
