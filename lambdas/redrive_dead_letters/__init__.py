"""Dead letters of the video-migration queue go back to it."""
