"""Schema versions and access model, applied whole or not at all."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import psycopg

from lambdas.database_admin.access import apply_model, require_safe
from lambdas.database_admin.plan import Package, Plan, canonical, digest
from lambdas.database_admin.schema import apply_versions, record_versions
from lambdas.database_admin.steps import step
from lambdas.runtime.access_catalog import Connection, Snapshot, take_snapshot

# One deployment at a time; the number only has to be the same in every version of this function.
_LOCK = 7_264_936_146_001
LOCK_SECONDS = 30
# Whoever waits for a table makes every request behind it wait: give up soon, change nothing, be run again.
TABLE_LOCK_SECONDS = 3


@dataclass(frozen=True)
class Applied:
    """What is in the database now. Two runs of the same plan give the same."""

    model_digest: str
    snapshot_digest: str
    schema_versions: list[str]
    was_repeated: bool = field(default=False, compare=False)
    """The same version of this function had applied the same plan, and nothing was changed since: no deployment."""

    def as_json(self) -> dict[str, Any]:
        return {
            "model_digest": self.model_digest,
            "snapshot_digest": self.snapshot_digest,
            "applied_schema_versions": self.schema_versions,
        }


def apply(plan: Plan, package: Package, connection: Connection, *, applied_by: str = "") -> Applied:
    """Apply `plan` in one transaction, under a lock, and store what the catalog says afterwards.

    Args:
        connection: as the master, in autocommit mode.
        applied_by: the published version of this function.

    Raises:
        ApplyFailed: with the step and Postgres's own words; nothing was changed.
    """
    with connection.transaction():
        connection.execute(f"set local lock_timeout = '{LOCK_SECONDS}s'")
        connection.execute("set local search_path = pg_catalog")
        connection.execute("set local row_security = on")
        with step("waiting for other deployments"):
            connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute(f"set local lock_timeout = '{TABLE_LOCK_SECONDS}s'")
        before = take_snapshot(connection)
        connection.execute("set local search_path = pg_catalog")
        new = apply_versions(connection, package.schema_versions)
        apply_model(connection, plan.model)
        record_versions(connection, package.schema_versions, new)
        snapshot = take_snapshot(connection)
        require_safe(snapshot, plan.model)
        was_repeated = before == snapshot and _is_recorded(connection, plan, applied_by)
        _store(connection, plan, snapshot, applied_by)
    return Applied(plan.model_digest, digest(canonical(snapshot)), sorted(package.schema_versions), was_repeated)


def _is_recorded(connection: Connection, plan: Plan, applied_by: str) -> bool:
    with step("reading the record of the access model"):
        found = connection.execute(
            "select from rendio.access_model where digest = %s and applied_by = %s", (plan.model_digest, applied_by)
        )
        return found.fetchone() is not None


def _store(connection: psycopg.Connection[Any], plan: Plan, snapshot: Snapshot, applied_by: str) -> None:
    with step("record of the access model"):
        connection.execute(
            "insert into rendio.access_model (digest, snapshot, applied_by) values (%s, %s, %s) "
            "on conflict (singleton) do update set digest = excluded.digest, snapshot = excluded.snapshot, "
            "applied_by = excluded.applied_by, applied_at = now()",
            (plan.model_digest, json.dumps(snapshot), applied_by),
        )
