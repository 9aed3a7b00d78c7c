"""Deletes one of a user's videos."""
