"""Changes that look like much and give nobody anything."""

from __future__ import annotations

from tests.review.bad_iam import BUCKET, ME, ME_HAS, SCHEDULER_TRUST, STORAGE, TAG
from tests.review.bad_postgres import OWN_IMAGES, USERS
from tests.review.planting import Change

LOGS = '    {{ write_own_logs("me") }},\n'
NETWORK = '    {{ join_network("me") }},\n'
APPLE = "        \"{{ arn.secret(names.secret('apple-devicecheck')) }}\""
HASHES = "        \"{{ arn.secret(names.secret('device-hash-keys')) }}\""
IMAGES = f"        \"{{{{ arn.object(names.images_bucket, 'images/{TAG}/*') }}}}\""
USAGE_AUTH = "grant usage on schema auth to authenticated;\n"
USAGE_PUBLIC = "grant usage on schema public to authenticated;\n"

REFACTORS = [
    Change(
        "statements in another order",
        {ME: ((LOGS + NETWORK + ME_HAS, f"{ME_HAS.rstrip()},\n{NETWORK}{LOGS.rstrip().rstrip(',')}\n"),)},
    ),
    Change("a Sid renamed", {STORAGE: (("OwnUploadsWrite", "UploadsOfOnesOwn"),)}),
    Change(
        "a statement split",
        {
            STORAGE: (
                (
                    f"{IMAGES},\n",
                    (
                        f"{IMAGES}]\n    }},\n    {{\n"
                        '      "Sid": "OwnVideosRead",\n      "Effect": "Allow",\n      "Action": ["s3:GetObject"],\n'
                        '      "Resource": [\n'
                    ),
                ),
            )
        },
    ),
    Change(
        "comments",
        {
            STORAGE: (('  "Version"', '  {# said at length #}\n  "Version"'),),
            USERS: (("grant usage", "-- said\ngrant usage"),),
        },
    ),
    Change(
        "lists in another order",
        {"policies/iam/device_check.json.j2": ((f"{APPLE},\n{HASHES}\n", f"{HASHES},\n{APPLE}\n"),)},
    ),
    Change(
        "a list of one in place of a value",
        {SCHEDULER_TRUST: (('"Action": "sts:AssumeRole"', '"Action": ["sts:AssumeRole"]'),)},
    ),
    Change("a statement said twice", {ME: ((ME_HAS, f"{LOGS}{ME_HAS}"),)}),
    Change(
        "an action named beside the wildcard that has it",
        {BUCKET: (('"Action": "s3:*"', '"Action": ["s3:*", "s3:GetObject"]'),)},
    ),
    Change("another operator that means the same", {SCHEDULER_TRUST: (('"ArnEquals"', '"ArnLike"'),)}),
    Change(
        "a row policy renamed and the sides of all exchanged",
        {
            USERS: (
                ("create policy users_select_own", "create policy users_read_own"),
                ("auth_user_id = (select auth.uid())", "(select auth.uid()) = auth_user_id"),
            )
        },
    ),
    Change(
        "statements of Postgres in another order",
        {
            USERS: (
                (USAGE_AUTH + USAGE_PUBLIC, USAGE_PUBLIC + USAGE_AUTH),
                ("(id, auth_user_id, credits_remaining,", "(credits_remaining, auth_user_id, id,"),
            )
        },
    ),
    Change(
        "a policy by another subquery",
        {
            USERS: (
                (
                    OWN_IMAGES,
                    (
                        "create policy images_select_own on public.images\n  for select to authenticated\n"
                        "  using (exists (select 1 from public.users u where u.id = user_id\n"
                        "    and (u.auth_user_id = (select auth.uid()))));"
                    ),
                ),
            )
        },
    ),
]
