"""Switches that people on call throw and take back."""
