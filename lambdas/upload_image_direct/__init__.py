"""Checks and stores an image in one request (M5)."""
