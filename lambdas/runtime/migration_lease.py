"""How often a video's migration is tried, and for how long one attempt may hold its row: worker and sweep agree."""

MAXIMUM_ATTEMPTS = 4  # the first and the plan's three retries
# After its last second an attempt may still write down its end; its function lives no longer than the lease.
LEASE_EXTRA_SECONDS = 30
