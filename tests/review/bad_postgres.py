"""Changes of the database that widen access, with whom and what a review must name."""

from __future__ import annotations

import re

from tests.review.planting import Change

USERS = "policies/postgres/users.sql.j2"
LOGIN = "policies/postgres/_login.sql.j2"
DRIFT = "policies/postgres/access_drift.sql.j2"
INSPECT = "policies/postgres/inspect_image.sql.j2"
APPLIED_BY = "lambdas/database_admin/access.py"
MODEL = "policies/model/postgres.py"
EVERYBODY = "lambdas/database_admin/schema_versions/9999_everybody.sql"

OWN_ROW = "create policy users_select_own on public.users\n  for select to authenticated\n"
OWN_ROW_WHOLE = re.compile(re.escape(OWN_ROW) + r"  using \(.+\);")
OWN_IMAGES = (
    "create policy images_select_own on public.images\n  for select to authenticated\n"
    "  using (user_id = (select id from public.users where auth_user_id = (select auth.uid())));"
)
OWN_IMAGES_CHECK = (
    "  with check (status = 'pending' and user_id = (\n"
    "    select id from public.users where auth_user_id = (select auth.uid()) and blocked_at is null));"
)
USAGE = "grant usage on schema auth to authenticated;"
EXECUTE_EVERYBODY = (USAGE, f"{USAGE}\ngrant execute on function public.everybody() to authenticated;")
MODEL_ENDS = """            with step(f"{kind} {key}"):
                connection.execute(as_written(statement))
"""
OWNED_BY_USERS = """    with _as_member_of(connection, "authenticated"):
        connection.execute("grant create on schema public to authenticated")
        connection.execute("alter table public.images owner to authenticated")
"""

POSTGRES = [
    Change(
        "row-level security off",
        {APPLIED_BY: (('"alter table {}.{} enable row level', '"alter table {}.{} disable row level'),)},
        principal="any role",
        resource="public.images",
        says="ignore row-level security",
    ),
    Change(
        "row-level security not forced",
        {APPLIED_BY: (('"alter table {}.{} force row level', '"alter table {}.{} no force row level'),)},
        principal="owner",
        resource="public.images",
        says="ignore row-level security",
    ),
    Change(
        "using (true)",
        {USERS: ((OWN_ROW_WHOLE, f"-- reason: why not\n{OWN_ROW}  using (true);"),)},
        principal="user",
        resource="public.users, rows (other's)",
        says="select",
    ),
    Change(
        "a missing with check",
        {INSPECT: ((" with check (status in ('ready', 'refused'))", ""),)},
        principal="function inspect-image",
        resource="public.images, rows",
        says="status = pending",
    ),
    Change(
        "a policy to PUBLIC",
        {
            MODEL: (('_KNOWN_ROLES = frozenset({"rds_iam"', '_KNOWN_ROLES = frozenset({"public", "rds_iam"'),),
            USERS: (
                (
                    OWN_IMAGES,
                    (
                        "-- reason: images are for sharing\ncreate policy images_select_own on public.images\n"
                        "  for select to public using (true);"
                    ),
                ),
            ),
        },
        principal="user",
        resource="public.images, rows (other's)",
        says="select",
    ),
    Change(
        "blocked users may go on",
        {USERS: ((OWN_IMAGES_CHECK, OWN_IMAGES_CHECK.replace(" and blocked_at is null", "")),)},
        principal="user",
        resource="public.images, rows (own)",
        says="blocked_at is set",
    ),
    Change(
        "a role made owner",
        {APPLIED_BY: ((MODEL_ENDS, f"{MODEL_ENDS}{OWNED_BY_USERS}"),)},
        principal="role authenticated",
        resource="public.images",
        says="own",
    ),
    Change(
        "a grant on a secret column",
        {USERS: (("declared_bytes, object_key, bytes, width,", "declared_bytes, object_key, sha256, bytes, width,"),)},
        principal="user",
        resource="public.images, columns",
        says="select sha256",
    ),
    Change(
        "a column that may be written",
        {
            USERS: (
                (
                    "create policy images_select_own",
                    (
                        "grant update (status) on table public.images to authenticated;\n"
                        "create policy images_update_own on public.images\n  for update to authenticated\n"
                        "  using (user_id in (select id from public.users where auth_user_id = (select auth.uid())));\n"
                        "create policy images_select_own"
                    ),
                ),
            )
        },
        principal="user",
        resource="public.images, columns",
        says="update status",
    ),
    Change(
        "a security definer without search path",
        {USERS: (EXECUTE_EVERYBODY,)},
        {
            EVERYBODY: "create function public.everybody() returns setof public.users language sql security definer\n"
            "  as 'select * from public.users';\n"
        },
        principal="any caller",
        resource="function public.everybody()",
        says="its owner's rights",
    ),
    Change(
        "a function that anyone executes",
        {USERS: (EXECUTE_EVERYBODY,)},
        {EVERYBODY: "create function public.everybody() returns int language sql as 'select 1';\n"},
        principal="anonymous",
        resource="function public.everybody()",
        says="execute",
    ),
    Change(
        "default privileges widened",
        {
            APPLIED_BY: (
                (
                    "alter default privileges revoke all on functions from public",
                    "alter default privileges grant select on tables to public",
                ),
            )
        },
        principal="anonymous",
        resource="a function made later",
        says="execute",
    ),
    Change(
        "a membership with INHERIT",
        {LOGIN: (("with admin false, inherit false, set true", "with admin false, inherit true, set true"),)},
        principal="function upload-image-direct",
        resource="public.users, columns",
        says="select credits_remaining",
    ),
    Change(
        "a membership more",
        {
            DRIFT: (
                (
                    '{{ function_login("access_drift") }}',
                    (
                        '{{ function_login("access_drift") }}\n'
                        "grant authenticated to {{ role }} with admin false, inherit false, set true;"
                    ),
                ),
            )
        },
        principal="function access-drift",
        resource="role authenticated",
        says="set role",
    ),
    Change(
        "a worker that changes decisions",
        {
            INSPECT: (
                (
                    "using (status = 'pending') with check (status in ('ready', 'refused'))",
                    "using (status in ('pending', 'ready')) with check (status in ('ready', 'refused'))",
                ),
            )
        },
        principal="function inspect-image",
        resource="public.images, rows",
        says="status = ready",
    ),
]
