"""Removes images that have outlived their retention, forgets refused ones, and ends anonymous ones (plan M4, M11)."""
