"""How the database and the buckets differ from the access model."""

from __future__ import annotations

from typing import Any

from lambdas.access_drift.buckets import bucket_drifts
from lambdas.access_drift.expected import Expected, ExpectedDatabase
from lambdas.access_drift.model import model_drifts
from lambdas.runtime.access_catalog import Connection, Drift, Snapshot, drifts, take_snapshot


def find_drifts(connection: Connection, s3: Any, expected: Expected) -> list[Drift]:
    """Everything that is not as the model says, database first."""
    return [*database_drifts(connection, expected.database), *bucket_drifts(s3, expected.buckets)]


def database_drifts(connection: Connection, expected: ExpectedDatabase) -> list[Drift]:
    """Compare the catalog with the snapshot that the last deployment stored, and with the model itself.

    A database that was never deployed to, or lost the record, is one drift: everything is to be applied.
    """
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        return drifts_in_transaction(connection, expected)


def drifts_in_transaction(connection: Connection, expected: ExpectedDatabase) -> list[Drift]:
    # Somebody may have switched it off for the database, which makes reading under a policy an error.
    connection.execute("set local row_security = on")
    stored = _stored(connection)
    if stored is None:
        return [Drift("access model", "rendio.access_model", "applied", None)]
    digest, snapshot = stored
    actual = take_snapshot(connection)
    found = {(drift.kind, drift.object): drift for drift in drifts(snapshot, actual)}
    for drift in model_drifts(expected, actual):
        # The record knows more of an object than the model's text does, so its words come first.
        found.setdefault((drift.kind, drift.object), drift)
    if digest != expected.model_digest:
        record = Drift("access model", "rendio.access_model", expected.model_digest, digest)
        found[record.kind, record.object] = record
    return [found[key] for key in sorted(found)]


def _stored(connection: Connection) -> tuple[str, Snapshot] | None:
    """Digest of the model that was applied last, and what the catalog said then."""
    readable = connection.execute(
        # In this order: naming a table in a schema that may not be used is an error, not a no.
        "select case when has_schema_privilege(to_regnamespace('rendio'), 'usage')"
        " then has_table_privilege(to_regclass('rendio.access_model'), 'select') end"
    ).fetchone()
    if readable is None or not readable[0]:
        return None
    row = connection.execute("select digest, snapshot from rendio.access_model").fetchone()
    return (row[0], row[1]) if row else None
