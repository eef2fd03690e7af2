"""Batch restoration of scanned historical and memorial photographs, with provenance that can be audited."""

__version__ = "0.1.0"
