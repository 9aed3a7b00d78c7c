"""Stores an image of a caller with no session, while old apps need it (M4)."""
