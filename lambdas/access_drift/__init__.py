"""Compares the database's roles, grants and policies with what was applied."""
