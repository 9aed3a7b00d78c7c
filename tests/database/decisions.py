"""What each role may do, as a table of attempts and their outcomes: the same attempts tell mutants apart."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from tests.database.scene import Connection, Database, set_claims


@dataclass(frozen=True)
class Attempt:
    """A statement somebody runs. `who` is a function's id, or `user` for role authenticated with Alice's claims."""

    who: str
    statement: LiteralString
    claims: bool = False


SPEND: LiteralString = "update public.users set credits_remaining = credits_remaining where id"
NEW_JOB: LiteralString = "insert into public.video_jobs (user_id, model, credits, credits_left, request_digest) values"
LEDGER: LiteralString = "insert into public.credit_ledger (user_id, amount, reason, job_id) values"
MIGRATION: LiteralString = "update public.video_jobs set migration_status ="
DELTA: LiteralString = "insert into rendio.storage_deltas (bucket, bytes, objects) values"
EXPIRE_VIDEO: LiteralString = (
    "update public.video_jobs set deleted_at = now(), deleted_because = 'retention', object_key = null,"
    " thumbnail_key = null"
)
EXPIRE_IMAGE: LiteralString = (
    "update public.images set deleted_at = now(), deleted_because = 'retention', object_key = null, sha256 = null"
)
RESTORE: LiteralString = (
    "update public.video_jobs set deleted_at = null, deleted_because = null, restored_at = now(), video_url = 's3://x'"
)
ACTIVE: LiteralString = "update public.users set last_active_at = now()"

ATTEMPTS = (
    Attempt("user", "select id from public.users where id in (%(alice)s, %(bob)s)"),
    Attempt("user", "select id from public.images where user_id in (%(alice)s, %(bob)s)"),
    Attempt("user", "insert into public.images (user_id, content_type) values (%(alice)s, 'image/png')"),
    Attempt("user", "insert into public.images (user_id, content_type) values (%(bob)s, 'image/png')"),
    Attempt("upload_image_direct", "select id from public.users where id in (%(alice)s, %(bob)s)", claims=True),
    Attempt(
        "upload_image_direct",
        "insert into public.images (user_id, content_type, status) values (%(alice)s, 'image/png', 'ready')",
        claims=True,
    ),
    Attempt("inspect_image", "select id from public.images where user_id in (%(alice)s, %(bob)s)"),
    Attempt("inspect_image", "update public.images set status = 'ready' where user_id in (%(alice)s, %(bob)s)"),
    Attempt("inspect_image", "select id from public.users where id in (%(alice)s, %(bob)s)"),
    Attempt("device_check", "select id from auth.users where id = %(alice_identity)s"),
    Attempt("device_check", "insert into auth.users (id) values (%(new)s)"),
    Attempt("device_check", "update auth.users set last_sign_in_at = now() where id = %(alice_identity)s"),
    Attempt("device_check", "select id from public.users where id in (%(alice)s, %(bob)s)"),
    Attempt("device_check", "insert into public.users (auth_user_id) values (%(lonely_identity)s)"),
    Attempt("device_check", "update public.users set credits_remaining = 1 where id = %(alice)s"),
    Attempt("device_check", "select id from public.devices where id = %(device)s"),
    Attempt(
        "device_check",
        "insert into public.devices (user_id, device_hash, hash_key_id) values (%(bob)s, '\\x01', 'k1')",
    ),
    Attempt("device_check", "update public.devices set grant_state = 'claimed' where id = %(device)s"),
    Attempt(
        "device_check", "insert into public.credit_ledger (user_id, amount, reason) values (%(bob)s, 1, 'free_grant')"
    ),
    Attempt("user", "select id from public.video_jobs where user_id in (%(alice)s, %(bob)s)"),
    Attempt("submit_video", "select id from public.users where id in (%(alice)s, %(bob)s)", claims=True),
    Attempt("submit_video", "select id from public.images where user_id in (%(alice)s, %(bob)s)", claims=True),
    Attempt("submit_video", "select id from public.video_jobs where user_id in (%(alice)s, %(bob)s)", claims=True),
    Attempt("submit_video", f"{SPEND} in (%(alice)s, %(bob)s)", claims=True),
    Attempt("submit_video", f"{NEW_JOB} (%(alice)s, 'm', 1, 0, '\\x00')", claims=True),
    Attempt("submit_video", f"{NEW_JOB} (%(bob)s, 'm', 1, 0, '\\x00')", claims=True),
    Attempt("submit_video", "update public.video_jobs set status = 'queued' where status = 'submitting'", claims=True),
    Attempt("submit_video", f"{LEDGER} (%(alice)s, -5, 'video', %(alice_queued)s)", claims=True),
    Attempt("submit_video", f"{LEDGER} (%(bob)s, -5, 'video', %(bob_queued)s)", claims=True),
    *(
        attempt
        for function, claims in (("view_video", True), ("fal_webhook", False), ("sweep_videos", False))
        for attempt in (
            Attempt(function, "select id from public.users where id in (%(alice)s, %(bob)s)", claims),
            Attempt(function, "select id from public.video_jobs where user_id in (%(alice)s, %(bob)s)", claims),
            Attempt(function, f"{SPEND} in (%(alice)s, %(bob)s)", claims),
            Attempt(function, "update public.video_jobs set status = 'processing' where status = 'queued'", claims),
            Attempt(function, f"{LEDGER} (%(alice)s, 5, 'refund', %(alice_queued)s)", claims),
            Attempt(function, f"{LEDGER} (%(alice)s, -5, 'video', %(alice_queued)s)", claims),
        )
    ),
    Attempt("sweep_videos", f"{MIGRATION} 'failed' where migration_status = 'pending'"),
    Attempt("sweep_videos", "update public.video_jobs set object_key = null where deleted_at is not null"),
    Attempt("delete_video", "select id from public.users where id in (%(alice)s, %(bob)s)", claims=True),
    Attempt("delete_video", "select id from public.video_jobs where user_id in (%(alice)s, %(bob)s)", claims=True),
    Attempt(
        "delete_video",
        "update public.video_jobs set deleted_at = now(), deleted_because = 'user'"
        " where id in (%(alice_old)s, %(bob_old)s)",
        claims=True,
    ),
    Attempt("migrate_video", "select id from public.users where id in (%(alice)s, %(bob)s)"),
    Attempt("migrate_video", "select id from public.video_jobs where user_id in (%(alice)s, %(bob)s)"),
    Attempt("migrate_video", f"{MIGRATION} 'failed' where migration_status = 'pending'"),
    Attempt("backfill_videos", "select id from public.video_jobs where user_id in (%(alice)s, %(bob)s)"),
    Attempt("backfill_videos", f"{MIGRATION} 'pending', migration_due_at = now() where migration_status = 'none'"),
    Attempt("make_thumbnail", "select id from public.users where id in (%(alice)s, %(bob)s)"),
    Attempt("make_thumbnail", "select id from public.video_jobs where user_id in (%(alice)s, %(bob)s)"),
    Attempt("make_thumbnail", "update public.video_jobs set thumbnail_key = 't' where migrated_at is null"),
    *(
        Attempt(function, f"{DELTA} ('{bucket}', {amount}, {amount})")
        for function, bucket in (
            ("inspect_image", "images"),
            ("upload_image_direct", "images"),
            ("migrate_video", "videos"),
            ("make_thumbnail", "videos"),
            ("sweep_videos", "videos"),
            ("delete_video", "videos"),
            ("clean_videos", "videos"),
            ("clean_images", "images"),
            ("clean_identities", "images"),
        )
        for amount in (1, -1)
    ),
    *(
        Attempt(who, f"{ACTIVE} where id in (%(alice)s, %(bob)s)", claims=True)
        for who in ("user", "submit_video", "delete_video")
    ),
    Attempt("clean_videos", "select id from public.video_jobs where user_id in (%(alice)s, %(bob)s)"),
    Attempt("clean_videos", f"{EXPIRE_VIDEO} where id in (%(alice_migrated)s, %(bob_queued)s, %(bob_deleted)s)"),
    Attempt("clean_videos", "update public.video_jobs set video_url = null where id = %(alice_migrated)s"),
    Attempt("clean_images", "select id from public.images where id in (%(ready)s, %(refused)s, %(pending)s)"),
    Attempt("clean_images", f"{EXPIRE_IMAGE} where id in (%(ready)s, %(refused)s, %(pending)s)"),
    Attempt("clean_images", "delete from public.images where id in (%(ready)s, %(refused)s, %(pending)s)"),
    *(
        Attempt("clean_identities", f"select from {table} where {column} in (%(alice)s, %(closed)s)")
        for table, column in (
            ("public.users", "id"),
            ("public.devices", "user_id"),
            ("public.images", "user_id"),
            ("public.video_jobs", "user_id"),
            ("public.credit_ledger", "user_id"),
        )
    ),
    *(
        Attempt("clean_identities", f"delete from {table} where user_id in (%(alice)s, %(closed)s)")
        for table in ("public.devices", "public.images", "public.credit_ledger", "public.video_jobs")
    ),
    Attempt("clean_identities", "select from auth.users where id in (%(lonely_identity)s, %(named_identity)s)"),
    Attempt("clean_identities", "delete from auth.users where id in (%(lonely_identity)s, %(named_identity)s)"),
    Attempt("clean_identities", "update public.users set deleted_at = now() where id in (%(alice)s, %(closed)s)"),
    Attempt("clean_identities", "update public.users set deleted_at = null where id = %(closed)s"),
    Attempt(
        "clean_identities",
        "update public.video_jobs set deleted_at = now(), deleted_because = 'account'"
        " where id in (%(alice_old)s, %(closed_old)s, %(closed_queued)s)",
    ),
    Attempt("delete_me", "select id from public.users where id in (%(alice)s, %(bob)s)", claims=True),
    Attempt("delete_me", "update public.users set deleted_at = now() where id in (%(alice)s, %(bob)s)", claims=True),
    Attempt("delete_me", "update public.users set deleted_at = null where id = %(alice)s", claims=True),
    Attempt("delete_me", "select from public.devices where user_id in (%(alice)s, %(bob)s)", claims=True),
    Attempt("delete_me", "delete from public.devices where user_id in (%(alice)s, %(bob)s)", claims=True),
    *(
        Attempt("ask_database", f"select from {table} where {column} in (%(alice)s, %(bob)s, %(closed)s)")
        for table, column in (
            ("public.users", "id"),
            ("public.devices", "user_id"),
            ("public.images", "user_id"),
            ("public.video_jobs", "user_id"),
            ("public.credit_ledger", "user_id"),
        )
    ),
    *(
        Attempt("ask_database", f"select from rendio.{table}")
        for table in ("storage_deltas", "storage_totals", "storage_measurements", "switches")
    ),
    *(
        Attempt(function, "select name from rendio.switches")
        for function in (
            "submit_video",
            "migrate_video",
            "sweep_videos",
            "clean_videos",
            "clean_images",
            "clean_identities",
            "throw_switch",
        )
    ),
    Attempt("restore_videos", "select from public.users where id in (%(alice)s, %(closed)s)"),
    Attempt("restore_videos", "select from public.video_jobs where user_id in (%(alice)s, %(bob)s, %(closed)s)"),
    Attempt("restore_videos", f"{RESTORE} where id = %(bob_deleted)s"),
    Attempt("restore_videos", f"{DELTA} ('videos', 1, 1)"),
    Attempt("restore_videos", f"{DELTA} ('videos', -1, -1)"),
    Attempt("throw_switch", "update rendio.switches set because = because"),
    Attempt("throw_switch", "select from public.users where id in (%(alice)s, %(closed)s)"),
    Attempt("throw_switch", "update public.users set blocked_at = now() where id in (%(alice)s, %(closed)s)"),
    *(
        Attempt("monitor_storage", f"select from {table} where {column} in (%(alice)s, %(bob)s)")
        for table, column in (
            ("public.users", "id"),
            ("public.images", "user_id"),
            ("public.video_jobs", "user_id"),
            ("public.credit_ledger", "user_id"),
        )
    ),
    Attempt("monitor_storage", "select bytes from rendio.storage_deltas"),
    Attempt("monitor_storage", "delete from rendio.storage_deltas"),
    Attempt("monitor_storage", "select bytes from rendio.storage_totals"),
    Attempt("monitor_storage", "update rendio.storage_totals set rolled_up_at = now()"),
    Attempt("monitor_storage", "select bytes from rendio.storage_measurements"),
    *(
        Attempt(
            "monitor_storage",
            "insert into rendio.storage_measurements"
            " (bucket, bytes, objects, other_bytes, other_objects, drift_bytes, drift_objects)"
            f" values ('images', {amount}, 1, 1, 1, 1, 1)",
        )
        for amount in (1, -1)
    ),
    Attempt("access_drift", "select digest from rendio.access_model"),
    Attempt("database_admin", "select id from rendio.schema_versions"),
    Attempt("database_admin", "update rendio.access_model set applied_at = now()"),
)


def scene(database: Database) -> dict[str, Any]:
    """Rows for the attempts: two users with an image and video jobs each, a device, an identity without a user."""
    alice, bob = database.new_person(), database.new_person()
    jobs: dict[str, uuid.UUID] = {}
    for name, owner in (("alice", alice), ("bob", bob)):
        database.new_image(owner, status="pending")
        for stage in ("submitting", "queued", "old", "pending", "migrated", "deleted"):
            jobs[f"{name}_{stage}"] = database.new_job(owner, stage)
    closed = database.new_person()
    images = {status: database.new_image(closed, status=status) for status in ("ready", "refused", "pending")}
    jobs |= {f"closed_{stage}": database.new_job(closed, stage) for stage in ("old", "queued")}
    database.new_device(closed)
    with database.superuser() as connection:
        identity = "insert into auth.users (is_anonymous) values (%s) returning id"
        lonely = connection.execute(identity, (True,)).fetchone()
        named = connection.execute(identity, (False,)).fetchone()
        assert lonely
        assert named
        connection.execute("update public.users set deleted_at = now() where id = %s", (closed.user_id,))
        connection.execute(
            "insert into rendio.storage_measurements"
            " (bucket, bytes, objects, other_bytes, other_objects, drift_bytes, drift_objects)"
            " values ('images', 1, 1, 0, 0, 0, 0)"
        )
        for user in (alice, bob, closed):
            connection.execute(
                "insert into public.credit_ledger (user_id, amount, reason) values (%s, 5, 'purchase')", (user.user_id,)
            )
    return {
        **images,
        "closed": closed.user_id,
        "named_identity": named["id"],
        "alice": alice.user_id,
        "alice_identity": alice.auth_user_id,
        "bob": bob.user_id,
        "device": database.new_device(alice),
        "lonely_identity": lonely["id"],
        "new": uuid.uuid4(),
        **jobs,
    }


def outcomes(database: Database, values: dict[str, Any]) -> dict[Attempt, str]:
    """How each attempt ends: `refused`, or the number of rows it saw or changed. Nothing stays of any."""
    found: dict[Attempt, str] = {}
    for who in dict.fromkeys(attempt.who for attempt in ATTEMPTS):
        with database.connect("me" if who == "user" else who) as session:
            for attempt in ATTEMPTS:
                if attempt.who == who:
                    with session.transaction(force_rollback=True):
                        found[attempt] = _tried(session, attempt, values)
    return found


def _tried(session: Connection, attempt: Attempt, values: dict[str, Any]) -> str:
    if attempt.who == "user":
        session.execute("set local role authenticated")
    if attempt.who == "user" or attempt.claims:
        set_claims(session, values["alice_identity"])
    try:
        with session.transaction():
            return f"{session.execute(attempt.statement, values).rowcount} rows"
    except psycopg.errors.InsufficientPrivilege:
        return "refused"
