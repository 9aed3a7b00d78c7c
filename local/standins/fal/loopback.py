"""Calls from the stand-in to what runs on this machine: no proxy, no redirects that could lead elsewhere."""

from __future__ import annotations

import httpx


def client(seconds: float) -> httpx.AsyncClient:
    """One client for many calls: making one takes longer than a call. Each call has a connection of its own, so
    that none finds an old one closed under it.

    Args:
        seconds: of silence, after which a call ends.
    """
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.AsyncClient(timeout=seconds, trust_env=False, limits=limits)
