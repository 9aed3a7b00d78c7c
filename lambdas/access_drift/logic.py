"""How the database differs from what was applied."""

from __future__ import annotations

from lambdas.runtime.access_catalog import Connection, Drift, drifts, take_snapshot


def find_drifts(connection: Connection) -> list[Drift]:
    """Compare the catalog with the snapshot that the last deployment stored.

    A database that was never deployed to, or lost the record, is one drift: everything is to be applied.
    """
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        return drifts_in_transaction(connection)


def drifts_in_transaction(connection: Connection) -> list[Drift]:
    # Somebody may have switched it off for the database, which makes reading under a policy an error.
    connection.execute("set local row_security = on")
    stored = _stored(connection)
    if stored is None:
        return [Drift("access model", "rendio.access_model", "applied", None)]
    return drifts(stored, take_snapshot(connection))


def _stored(connection: Connection) -> dict[str, dict[str, object]] | None:
    readable = connection.execute(
        # In this order: naming a table in a schema that may not be used is an error, not a no.
        "select case when has_schema_privilege(to_regnamespace('rendio'), 'usage')"
        " then has_table_privilege(to_regclass('rendio.access_model'), 'select') end"
    ).fetchone()
    if readable is None or not readable[0]:
        return None
    row = connection.execute("select snapshot from rendio.access_model").fetchone()
    return row[0] if row else None
