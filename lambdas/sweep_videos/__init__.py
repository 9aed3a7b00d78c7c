"""Settles what webhooks, phones and messages left undone: no video and no credit is lost to a lost message."""
