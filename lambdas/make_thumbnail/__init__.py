"""Thumbnails: a picture from a video's first second, for lists of videos (plan N1)."""
