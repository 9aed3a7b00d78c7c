"""Removes videos that have outlived their retention (plan M11)."""
