"""Gives a user a form that uploads one image (M3)."""
