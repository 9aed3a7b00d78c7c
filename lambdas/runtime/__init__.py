"""What the functions share: HTTP, logs and metrics, settings, Postgres, sessions, user storage, image checks."""
