"""Checks a device in: finds or creates its user, grants the free credits once, opens a session (M1)."""
