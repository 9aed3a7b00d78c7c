"""Takes a video order: spends its credits and hands it to the generator (M17, M18)."""
