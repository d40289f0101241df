"""The package's version: that of the oldest program that it works with."""

__version__ = "0.2.0"
