__version__ = "2.0.6"
