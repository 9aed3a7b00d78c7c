"""Hears from the generator that a generation has ended (N3)."""
