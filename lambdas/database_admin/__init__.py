"""Applies schema versions and the access model to the database, as its master, in one transaction."""
