"""Named questions of people on call, answered from the database."""
