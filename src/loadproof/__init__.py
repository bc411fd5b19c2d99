"""Loadproof proves, or disproves, that a service carries its load."""

__version__ = "0.1.0"
