"""Schema versions: applied once each, in the order of their names, and known by their digests ever after."""

from __future__ import annotations

from collections.abc import Mapping

from lambdas.database_admin.plan import digest
from lambdas.database_admin.steps import ApplyFailed, as_written, rows, run, step
from lambdas.runtime.access_catalog import Connection


def apply_versions(connection: Connection, versions: Mapping[str, str]) -> list[str]:
    """Apply those of `versions` (id -> SQL) that are missing. Returns the ids applied now.

    Raises:
        ApplyFailed: one fails, one was changed after it was applied, or the database is ahead of this package.
    """
    applied = _applied(connection)
    _require_same_history(applied, versions)
    missing = [name for name in sorted(versions) if name not in applied]
    # A statement that row-level security would filter is an error, not a silent change of no rows.
    connection.execute("set local row_security = off")
    for name in missing:
        with step(f"schema version {name}"):
            connection.execute(as_written(versions[name]), prepare=False)
    connection.execute("set local row_security = on")
    return missing


def record_versions(connection: Connection, versions: Mapping[str, str], applied: list[str]) -> None:
    """Write down what was applied, once policies let the master write there."""
    with step("record of schema versions"):
        for name in applied:
            connection.execute(
                "insert into rendio.schema_versions (id, digest) values (%s, %s)",
                (name, digest(versions[name].encode())),
            )


def _applied(connection: Connection) -> dict[str, str]:
    if rows(connection, "select to_regclass('rendio.schema_versions')")[0][0] is None:
        return {}
    with step("reading the record of schema versions"):
        # Its policy may have been dropped by hand; the owner needs none while force is off, until the model forces it.
        run(connection, "alter table rendio.schema_versions no force row level security")
        return dict(rows(connection, "select id, digest from rendio.schema_versions"))


def _require_same_history(applied: Mapping[str, str], versions: Mapping[str, str]) -> None:
    ahead = sorted(set(applied) - set(versions))
    if ahead:
        raise ApplyFailed(
            f"The database has schema version {ahead[-1]}, which this package does not know: it is older than the "
            "database. Nothing was changed. Deploy a package that has it."
        )
    for name, known in sorted(applied.items()):
        if digest(versions[name].encode()) != known:
            raise ApplyFailed(
                f"Schema version {name} was changed after it was applied. Nothing was changed. "
                "Take the change back, and make it a version of its own."
            )
    if applied:
        late = sorted(name for name in versions if name not in applied and name < max(applied))
        if late:
            raise ApplyFailed(
                f"Schema version {late[0]} comes before {max(applied)}, which was applied already. "
                "Nothing was changed. Give it a later name."
            )
