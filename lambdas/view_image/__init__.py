"""Tells a user about one of its images, and where to load it."""
