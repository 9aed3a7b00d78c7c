"""Calls the on-call service when an alarm that pages changes its state."""
