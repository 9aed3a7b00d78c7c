"""Closes accounts nobody uses, and removes what is personal of closed accounts (plan M13)."""
