"""Secrets in what is about to become an image: the rule set, names of files, and the search."""
