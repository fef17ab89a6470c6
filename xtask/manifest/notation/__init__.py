"""The notations that manifests are written in: TOML, JSON and Python literals, with places.

Each reader returns plain values (tables as dicts with string keys, arrays as lists) and a source
in which the place of every key and value can be looked up.
"""
