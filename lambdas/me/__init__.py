"""Tells a user about itself."""
