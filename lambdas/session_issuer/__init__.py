"""Publishes what others need to verify our session tokens."""
