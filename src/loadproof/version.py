"""The version, where every module can read it without importing what the package offers."""

__version__ = "0.2.0.dev0"
