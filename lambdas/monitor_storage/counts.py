"""The storage count and the ledger, in Postgres."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import LiteralString

from lambdas.monitor_storage.logic import Amount
from lambdas.runtime.database import Database, Row

ROLL_UP = 50_000
# What rows say of each bucket.
_ROWS: dict[str, LiteralString] = {
    "images": "select sum(stored_bytes) as bytes, sum(stored_objects) as objects from public.images"
    " where stored_objects > 0",
    "videos": "select sum(stored_bytes) as bytes, sum(stored_objects) as objects from public.video_jobs"
    " where stored_objects > 0",
}
_COUNT: LiteralString = """
select t.bytes + coalesce(d.bytes, 0) as bytes, t.objects + coalesce(d.objects, 0) as objects
from rendio.storage_totals t left join lateral
  (select sum(bytes) as bytes, sum(objects) as objects from rendio.storage_deltas where bucket = t.bucket) d on true
where t.bucket = %(bucket)s
"""
# Sums over all rows take longer than what users wait for.
_PATIENT = "set local statement_timeout = '60s'"


class PostgresCounts:
    def __init__(self, database: Database) -> None:
        self._database = database

    def roll_up(self) -> int:
        """Move pending deltas into the totals, in one statement; how many there were. Safe to run twice at once."""
        with self._database.transaction() as cursor:
            row = cursor.execute(
                """
                with taken as (
                  delete from rendio.storage_deltas
                  where id in (select id from rendio.storage_deltas order by id limit %s)
                  returning bucket, bytes, objects
                ), sums as (
                  select bucket, sum(bytes) as bytes, sum(objects) as objects, count(*) as deltas
                  from taken group by bucket
                ), added as (
                  update rendio.storage_totals t set bytes = t.bytes + sums.bytes, objects = t.objects + sums.objects,
                    rolled_up_at = now()
                  from sums where t.bucket = sums.bucket
                )
                select coalesce(sum(deltas), 0) as deltas from sums""",
                (ROLL_UP,),
            ).fetchone()
        return int(row["deltas"]) if row else 0

    def count(self, bucket: str) -> Amount:
        """What is stored, by the count: totals and pending deltas, as of one moment."""
        with self._database.transaction() as cursor:
            row = cursor.execute(_COUNT, {"bucket": bucket}).fetchone()
        return _amount(row)

    def correct(self, bucket: str, found: Amount, *, counted: Amount, other: Amount) -> Amount:
        """Make the count what rows say plus `found` (bucket minus rows); by how much it was wrong, which is noted.

        One statement sees count and rows as of one moment, so that writers at work make no difference.
        """
        with self._database.transaction() as cursor:
            cursor.execute(_PATIENT)
            row = cursor.execute(
                f"""
                with counted as ({_COUNT}), said as ({_ROWS[bucket]}), drift as (
                  select coalesce(said.bytes, 0) + %(found_bytes)s - counted.bytes as bytes,
                    coalesce(said.objects, 0) + %(found_objects)s - counted.objects as objects
                  from counted cross join said
                ), corrected as (
                  update rendio.storage_totals t set bytes = t.bytes + drift.bytes,
                    objects = t.objects + drift.objects, corrected_bytes = %(found_bytes)s,
                    corrected_objects = %(found_objects)s
                  from drift where t.bucket = %(bucket)s
                ), noted as (
                  insert into rendio.storage_measurements
                    (bucket, bytes, objects, other_bytes, other_objects, drift_bytes, drift_objects)
                  select %(bucket)s, %(bytes)s, %(objects)s, %(other_bytes)s, %(other_objects)s, bytes, objects
                  from drift
                )
                select bytes, objects from drift""",  # noqa: S608  # of this module's constants
                {
                    "bucket": bucket,
                    "found_bytes": found.bytes,
                    "found_objects": found.objects,
                    "bytes": counted.bytes,
                    "objects": counted.objects,
                    "other_bytes": other.bytes,
                    "other_objects": other.objects,
                },
            ).fetchone()
        return _amount(row)

    def exclusive(self) -> AbstractContextManager[bool]:
        """Keep other reconciles away meanwhile; False when another is at work."""
        return self._database.exclusive("reconcile storage")

    def other(self, bucket: str) -> Amount:
        """What no row counts, as last measured."""
        with self._database.transaction() as cursor:
            row = cursor.execute(
                "select other_bytes as bytes, other_objects as objects from rendio.storage_measurements"
                " where bucket = %s order by measured_at desc limit 1",
                (bucket,),
            ).fetchone()
        return _amount(row)

    def a_week_ago(self) -> tuple[int, float] | None:
        """Bytes of both buckets as measured a week ago, or as first measured, and how many days ago that was."""
        with self._database.transaction() as cursor:
            row = cursor.execute(
                """
                select sum(bytes + other_bytes) as bytes,
                  extract(epoch from now() - min(measured_at)) / 86400 as days
                from (
                  select distinct on (bucket) bucket, bytes, other_bytes, measured_at
                  from rendio.storage_measurements where measured_at >= now() - interval '7 days 12 hours'
                  order by bucket, measured_at) first
                having min(measured_at) < now() - interval '12 hours'"""
            ).fetchone()
        return (int(row["bytes"]), float(row["days"])) if row else None

    def imbalanced_users(self) -> int:
        """Users whose credits are not the sum of their ledger."""
        with self._database.transaction() as cursor:
            cursor.execute(_PATIENT)
            row = cursor.execute(
                """
                select count(*) as users from public.users u left join
                  (select user_id, sum(amount) as balance from public.credit_ledger group by user_id) l
                  on l.user_id = u.id
                where u.credits_remaining <> coalesce(l.balance, 0)"""
            ).fetchone()
        return int(row["users"]) if row else 0


def _amount(row: Row | None) -> Amount:
    return Amount(int(row["bytes"] or 0), int(row["objects"] or 0)) if row else Amount()
