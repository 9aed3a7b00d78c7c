"""Questions about users: what they have, what they paid, what they see."""

# ruff: noqa: S608  # every part of a query is a constant of this module
from __future__ import annotations

from lambdas.ask_database.question import Question, identifier, number

# Log lines name users by their identity, rows by their own id: either finds the user.
_USER = identifier("the user's id, or the auth_user_id that logs name")
_FOUND = "(select id from public.users where id = %(id)s or auth_user_id = %(id)s)"
_HOURS = number("how many hours back", default=24, maximum=24 * 90)
_PLAYS = (
    "case when deleted_at is not null then 'deleted by ' || deleted_because"
    " when migration_status = 'migrated' then 'from own storage'"
    " when video_url_expires_at > now() then 'from the generator'"
    " when status = 'completed' then 'no more' else 'not yet' end"
)

ABOUT_USERS = (
    Question(
        "user",
        "One user: credits, block, activity, what it has",
        "select u.id, u.auth_user_id, u.credits_remaining, u.blocked_at, u.deleted_at, u.created_at, u.last_active_at,"
        " d.grant_state as free_credits, d.last_seen_at as last_check_in,"
        " (select count(*) from public.video_jobs j where j.user_id = u.id) as jobs,"
        " (select count(*) from public.images i where i.user_id = u.id) as images"
        " from public.users u left join public.devices d on d.user_id = u.id"
        " where u.id = %(id)s or u.auth_user_id = %(id)s limit %(rows)s",
        {"id": _USER},
    ),
    Question(
        "jobs",
        "A user's jobs, the latest first, as the user sees them",
        f"select id, status, error_code, {_PLAYS} as plays, model, credits, created_at, finished_at"
        f" from public.video_jobs where user_id in {_FOUND} order by created_at desc limit %(rows)s",
        {"id": _USER},
    ),
    Question(
        "job",
        "One job, as its user sees it and as the copy to own storage stands",
        f"select id, user_id, status, error_code, {_PLAYS} as plays, model, credits, created_at, polled_at,"
        " finished_at, migration_status, migration_attempts, migration_due_at, migration_error, migrated_at,"
        " video_url_expires_at, thumbnail_attempts, stored_bytes, deleted_at, restored_at"
        " from public.video_jobs where id = %(id)s limit %(rows)s",
        {"id": identifier("the job's id")},
    ),
    Question(
        "ledger",
        "A user's credits, entry by entry, with the balance after each",
        "select id, created_at, reason, amount, sum(amount) over (partition by user_id order by id) as balance, job_id"
        f" from public.credit_ledger where user_id in {_FOUND} order by id desc limit %(rows)s",
        {"id": _USER},
    ),
    Question(
        "deleted-videos",
        "A user's deleted videos, and until when each can be restored",
        "select id, deleted_because, deleted_at, deleted_at + make_interval(days => %(noncurrent_days)s) as until"
        f" from public.video_jobs where user_id in {_FOUND} and deleted_at is not null"
        " order by deleted_at desc limit %(rows)s",
        {"id": _USER},
    ),
    Question(
        "blocked-users",
        "Who is blocked, the latest first",
        "select id, blocked_at, credits_remaining, last_active_at from public.users where blocked_at is not null"
        " order by blocked_at desc limit %(rows)s",
    ),
    Question(
        "top-users",
        "Who has most in storage",
        "select user_id, sum(bytes)::bigint as bytes, sum(objects) as objects from ("
        " select user_id, stored_bytes as bytes, stored_objects as objects from public.video_jobs"
        " union all select user_id, stored_bytes, stored_objects from public.images) stored"
        " group by user_id having sum(objects) > 0 order by bytes desc limit %(rows)s",
    ),
    Question(
        "top-spenders",
        "Who spent most credits lately, refunds taken off",
        "select user_id, -sum(amount) as credits, count(*) filter (where reason = 'video') as videos"
        " from public.credit_ledger where reason in ('video', 'refund')"
        " and created_at > now() - make_interval(hours => %(hours)s)"
        " group by user_id order by credits desc limit %(rows)s",
        {"hours": _HOURS},
    ),
    Question(
        "sign-ups",
        "New users by hour, and how many of them ordered a video",
        "select date_trunc('hour', u.created_at) as hour, count(*) as users,"
        " count(*) filter (where exists (select from public.video_jobs j where j.user_id = u.id)) as ordered,"
        " count(*) filter (where u.blocked_at is not null) as blocked from public.users u"
        " where u.created_at > now() - make_interval(hours => %(hours)s) group by 1 order by 1 desc limit %(rows)s",
        {"hours": _HOURS},
    ),
)
