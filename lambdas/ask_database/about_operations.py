"""Questions about what runs: copies, generations, clean-ups, storage, the ledger, the database itself."""

# ruff: noqa: S608  # every part of a query is a constant of this module
from __future__ import annotations

from lambdas.ask_database.question import Question, number

_HOURS = number("how many hours back", default=24, maximum=24 * 90)
_OLD = " < now() - make_interval(days => %({0})s, hours => %(clean_up_grace_hours)s)"

ABOUT_OPERATIONS = (
    Question(
        "switches",
        "What is switched off now, by whom and why; what the configuration switches off is not among them",
        "select name, thrown_at, thrown_by, because from rendio.switches order by name limit %(rows)s",
    ),
    Question(
        "pending-migrations",
        "Videos that wait for own storage, the longest due first",
        "select id, user_id, migration_attempts, migration_due_at, now() - migration_due_at as due_since,"
        " migration_error, finished_at, video_url_expires_at from public.video_jobs"
        " where migration_status = 'pending' and deleted_at is null order by migration_due_at limit %(rows)s",
    ),
    Question(
        "failed-migrations",
        "Why copies to own storage failed for good, and when the first of those videos is lost",
        "select migration_error, count(*) as videos, max(updated_at) as latest,"
        " min(video_url_expires_at) filter (where video_url_expires_at > now()) as first_lost"
        " from public.video_jobs where migration_status = 'failed' and deleted_at is null"
        " group by migration_error order by videos desc limit %(rows)s",
    ),
    Question(
        "generations",
        "How generations ended lately, by model and error",
        "select model, status, error_code, count(*) as jobs, max(created_at) as latest from public.video_jobs"
        " where created_at > now() - make_interval(hours => %(hours)s)"
        " group by model, status, error_code order by jobs desc limit %(rows)s",
        {"hours": _HOURS},
    ),
    Question(
        "ledger-imbalance",
        "Users whose credits are not the sum of their ledger",
        "select u.id, u.credits_remaining, coalesce(sum(l.amount), 0) as ledger from public.users u"
        " left join public.credit_ledger l on l.user_id = u.id group by u.id"
        " having u.credits_remaining <> coalesce(sum(l.amount), 0) limit %(rows)s",
    ),
    Question(
        "clean-up-backlog",
        "What has outlived its retention and is not cleaned up yet",
        "select * from (select 'videos' as what, count(*) as waiting, min(finished_at) as oldest"
        "  from public.video_jobs where status = 'completed' and deleted_at is null and migration_status <> 'pending'"
        "  and finished_at" + _OLD.format("video_days") + " and (restored_at is null or restored_at"
        + _OLD.format("video_days") + ")"
        " union all select 'images', count(*), min(created_at) from public.images where status = 'ready'"
        "  and deleted_at is null and created_at" + _OLD.format("image_days") +
        " union all select 'refused images', count(*), min(created_at) from public.images where status = 'refused'"
        "  and created_at" + _OLD.format("refused_image_days") +
        " union all select 'unused accounts, blocked and paying ones among them', count(*), min(last_active_at)"
        "  from public.users where deleted_at is null and last_active_at" + _OLD.format("identity_days") +
        " union all select 'closed accounts', count(*), min(deleted_at) from public.users"
        "  where deleted_at is not null and auth_user_id is not null) backlog limit %(rows)s",
    ),
    Question(
        "storage",
        "What is stored by bucket: the count, and what the last reconcile found",
        "select t.bucket, t.bytes + t.corrected_bytes + coalesce(d.bytes, 0) as bytes,"
        " t.objects + t.corrected_objects + coalesce(d.objects, 0) as objects, t.rolled_up_at, m.measured_at,"
        " m.other_bytes, m.drift_bytes, m.drift_objects from rendio.storage_totals t"
        " left join (select bucket, sum(bytes)::bigint as bytes, sum(objects) as objects from rendio.storage_deltas"
        "  group by bucket) d on d.bucket = t.bucket"
        " left join lateral (select * from rendio.storage_measurements s where s.bucket = t.bucket"
        "  order by measured_at desc limit 1) m on true order by t.bucket limit %(rows)s",
    ),
    Question(
        "connections",
        "How many connections each login has, and how many there may be",
        "select coalesce(usename, backend_type) as login, count(*) as connections,"
        " current_setting('max_connections')::int as maximum from pg_catalog.pg_stat_activity"
        " group by 1 order by connections desc limit %(rows)s",
    ),
    Question(
        "locks",
        "Who waits for whom in the database, the longest first",
        "select l.pid, a.usename as waits, l.relation::regclass::text as relation, l.mode,"
        " now() - l.waitstart as since, b.pid as for_pid, b.usename as for_login from pg_catalog.pg_locks l"
        " join pg_catalog.pg_stat_activity a on a.pid = l.pid"
        " left join pg_catalog.pg_stat_activity b on b.pid = any(pg_catalog.pg_blocking_pids(l.pid))"
        " where not l.granted order by l.waitstart limit %(rows)s",
    ),
    Question(
        "transaction-age",
        "How old the oldest transaction id of each database is; at 2,000,000,000 Postgres stops",
        "select datname, age(datfrozenxid) as transactions, current_setting('autovacuum_freeze_max_age')::bigint"
        " as vacuumed_at from pg_catalog.pg_database order by transactions desc limit %(rows)s",
    ),
)  # fmt: skip
