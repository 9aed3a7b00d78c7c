"""Tells the HTTP API who is asking."""
