"""Keeps the storage count, compares it with the buckets, and adds the ledger up (plan M12, M17)."""
