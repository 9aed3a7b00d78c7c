"""Video migration: a finished video goes from the generator's CDN into own storage."""
