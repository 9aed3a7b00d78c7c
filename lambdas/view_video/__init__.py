"""Tells a user about its videos: how each is, and where it plays (M6, M10, M19)."""
