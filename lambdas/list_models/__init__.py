"""Tells which models there are, what each costs and which settings it takes (M18)."""
