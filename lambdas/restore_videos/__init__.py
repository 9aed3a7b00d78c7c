"""Deleted videos come back from their old versions."""
