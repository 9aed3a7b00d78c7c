"""Closes the account of the user who asks, and has all of it removed (plan M13)."""
