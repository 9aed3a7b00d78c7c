"""Postgres as RDS: the server, the roles and rules of an RDS instance, and the front where logins are checked."""
