"""HTTP over one artifact. Importing it does nothing."""

__version__ = "0.1.0"
