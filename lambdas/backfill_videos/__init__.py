"""Back-fill: videos from before video migration are asked for, a few at a time (plan M9)."""
