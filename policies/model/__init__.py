"""Rendering of the access model."""
