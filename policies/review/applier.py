"""Applies a model with the code of a checkout, without an engine: `python applier.py CHECKOUT DSN`, the model on stdin.

Run by its path in a process of its own, with nothing of this package imported, so that a change of the code that
applies the model is tried as the change it is, on its side of a comparison alone.

Prints what Postgres refuses, with exit status 1; anything else that goes wrong is a traceback.
"""

from __future__ import annotations

import importlib
import json
import sys


def main(arguments: list[str]) -> int:
    """Apply the schema versions and the model, as `database_admin` does, whatever comes of it."""
    checkout, dsn = arguments
    sys.path[0] = checkout
    sys.dont_write_bytecode = True
    import psycopg

    access, schema, steps = (
        importlib.import_module(f"lambdas.database_admin.{name}") for name in ("access", "schema", "steps")
    )
    given = json.load(sys.stdin)
    versions = given["schema_versions"]
    try:
        with psycopg.connect(dsn, autocommit=True) as connection, connection.transaction():
            connection.execute("set local search_path = pg_catalog")
            new = schema.apply_versions(connection, versions)
            access.apply_model(connection, given["model"])
            schema.record_versions(connection, versions, new)
    except steps.ApplyFailed as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
