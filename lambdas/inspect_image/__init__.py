"""Checks what users uploaded, and accepts it into images/ or refuses it."""
