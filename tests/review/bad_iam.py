"""Changes of IAM and of settings that widen access, with whom and what a review must name."""

from __future__ import annotations

from tests.review.planting import Change, statement_after

BUCKET = "policies/buckets/user_bucket.json.j2"
STORAGE = "policies/iam/user_storage.json.j2"
STORAGE_TRUST = "policies/iam/user_storage_trust.json.j2"
SESSION_TRUST = "policies/iam/_user_session_trust.json.j2"
DEAD_LETTERS = "policies/queues/dead_letters.json.j2"
ALARMS = "policies/topics/alarms.json.j2"
SCHEDULER_TRUST = "policies/iam/scheduler_trust.json.j2"
LAMBDA_TRUST = "policies/iam/lambda_trust.json.j2"
ME = "policies/iam/me.json.j2"
KEY = "policies/keys/session_key.json.j2"

TAG = "${aws:PrincipalTag/auth_user_id}"
ME_HAS = '    {{ open_database("me") }}\n'


def me_may(action: str, resource: str) -> tuple[str, str]:
    """An edit that gives the function `me` one right more."""
    statement = f'{{"Sid": "More", "Effect": "Allow", "Action": ["{action}"], "Resource": "{resource}"}}'
    return (ME_HAS, f"{ME_HAS.rstrip()},\n    {statement}\n")


IAM = [
    Change(
        "public bucket: its block of public policies taken away",
        {"infra/storage.py": (('PUBLIC_ACCESS_BLOCK["BlockPublicPolicy"]', "False"),)},
        principal="anyone",
        resource="images bucket",
        says="bucket policy",
    ),
    Change(
        "public bucket: a bucket policy that everybody may read by",
        {
            BUCKET: (
                statement_after(
                    "NothingWithoutTls",
                    '{"Sid": "Share", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",'
                    ' "Resource": "{{ arn.object(bucket, \'*\') }}"}',
                ),
                ('"aws:PrincipalAccount": "{{ account }}"', '"aws:PrincipalAccount": ["{{ account }}", "anonymous"]'),
            )
        },
        principal="anonymous",
        resource="images bucket",
        says="s3:GetObject",
    ),
    Change(
        "Principal *: a queue that everybody sends to",
        {
            DEAD_LETTERS: (
                ('"Principal": {"AWS": "{{ arn.account_root }}"}', '"Principal": "*"'),
                (
                    '      "Condition": {"ArnEquals": {"aws:PrincipalArn": "{{ arn.role(sender) }}"}}',
                    '      "Condition": {}',
                ),
                (
                    '"Sid": "NobodyElseSends",\n      "Effect": "Deny"',
                    '"Sid": "EverybodySends",\n      "Effect": "Allow"',
                ),
            )
        },
        principal="anonymous",
        resource="queue inspect-image-dlq",
        says="sqs:SendMessage",
    ),
    Change(
        "TLS deny removed from a bucket",
        {BUCKET: (('{"aws:SecureTransport": "false"}', '{"aws:SecureTransport": "never"}'),)},
        principal="function inspect-image",
        resource="images bucket",
        says="over http",
    ),
    Change(
        "TLS deny removed from a queue",
        {DEAD_LETTERS: (('"sqs:PurgeQueue", "sqs:ReceiveMessage", "sqs:SendMessage"', '"sqs:PurgeQueue"'),)},
        principal="function inspect-image",
        resource="queue inspect-image-dlq",
        says="over http",
    ),
    Change(
        "the principal's tag replaced by *",
        {STORAGE: ((f"videos/{TAG}/*", "videos/*"),)},
        principal="user's session of role user-storage",
        resource="videos bucket, videos/{user}/… (other's)",
    ),
    Change(
        "a prefix without its trailing slash",
        {STORAGE: ((f"images/{TAG}/*", f"images/{TAG}*"),)},
        principal="user's session of role user-storage",
        resource="images bucket, images/{user}/… (other's)",
        says="whose id begins alike",
    ),
    Change(
        "a verb more on one's own",
        {STORAGE: (('"Action": ["s3:PutObject"]', '"Action": ["s3:PutObject", "s3:DeleteObject"]'),)},
        principal="user's session of role user-storage",
        resource="images bucket, incoming/{user}/… (own)",
        says="s3:DeleteObject",
    ),
    Change(
        "TagSession by anyone of the account",
        {SESSION_TRUST: (('"ArnEquals": {"aws:PrincipalArn"', '"ArnNotEquals": {"aws:PrincipalArn"'),)},
        principal="account administrator",
        resource="role user-storage",
        says="tagged auth_user_id",
    ),
    Change(
        "a session for one more function",
        {STORAGE_TRUST: ((', ["', ', ["me", "'),), ME: (me_may("sts:*", "*"),)},
        principal="function me",
        resource="role user-storage",
        says="tagged auth_user_id",
    ),
    Change(
        "TagSession with a second tag",
        {
            SESSION_TRUST: (
                ('"ForAllValues:StringEquals": {"aws:TagKeys"', '"ForAnyValue:StringEquals": {"aws:TagKeys"'),
            )
        },
        principal="function view-image",
        resource="role user-storage",
        says="with a second tag",
    ),
    Change(
        "a session with no tag",
        {
            SESSION_TRUST: (
                ('"Null": {"aws:RequestTag/auth_user_id": "false", "aws:TagKeys": "false"}', '"Null": {}'),
                ('"StringLike": {"aws:RequestTag', '"StringLikeIfExists": {"aws:RequestTag'),
            )
        },
        principal="function view-image",
        resource="role user-storage",
        says="with no tag",
    ),
    Change(
        "a session for what is no user's id",
        {SESSION_TRUST: (("????????-????-????-????-????????????", "*"),)},
        principal="function view-image",
        resource="role user-storage",
        says="no user's id",
    ),
    Change(
        "a role that trusts *",
        {LAMBDA_TRUST: (('"Principal": {"Service": "lambda.amazonaws.com"}', '"Principal": {"AWS": "*"}'),)},
        principal="stranger of another account",
        resource="role of function device-check",
        says="sts:AssumeRole",
    ),
    Change(
        "a role that trusts another account",
        {
            LAMBDA_TRUST: (
                (
                    '"Service": "lambda.amazonaws.com"',
                    '"Service": "lambda.amazonaws.com", "AWS": "arn:aws:iam::222222222222:root"',
                ),
            )
        },
        principal="account 222222222222",
        resource="role/{stack}-device-check",
        says="sts:AssumeRole",
    ),
    Change(
        "a role that trusts an identity provider",
        {
            LAMBDA_TRUST: (
                (
                    '"Service": "lambda.amazonaws.com"',
                    '"Service": "lambda.amazonaws.com", "Federated": "token.actions.githubusercontent.com"',
                ),
            )
        },
        principal="identity provider token.actions.githubusercontent.com",
        resource="roles/device-check/trust",
    ),
    Change(
        "confused deputy: schedules of every account",
        {
            SCHEDULER_TRUST: (
                (
                    '"aws:SourceArn": "{{ arn.schedule_group(names.schedule_group) }}"',
                    '"aws:SourceArn": "arn:aws:scheduler:*:*:schedule-group/*"',
                ),
                ('"ArnEquals"', '"ArnLike"'),
                ('"StringEquals": {"aws:SourceAccount": "{{ account }}"}', '"Null": {"aws:SourceAccount": "false"}'),
            )
        },
        principal="service scheduler",
        resource="role scheduler",
        says="another account",
    ),
    Change(
        "confused deputy: no source condition on a topic",
        {
            ALARMS: (
                ('"ArnLike": {"aws:SourceArn"', '"ArnLikeIfExists": {"aws:Unknown"'),
                ('"StringEquals": {"aws:SourceAccount": "{{ account }}"}', '"Null": {}'),
            )
        },
        principal="service cloudwatch",
        resource="topic page",
        says="another account",
    ),
    Change(
        "a wildcard action",
        {ME: (me_may("s3:*", "{{ arn.object(names.images_bucket, '*') }}"),)},
        principal="function me",
        resource="images bucket, images/{user}/…",
        says="s3:GetObject",
    ),
    Change(
        "everything on everything",
        {ME: (me_may("*", "*"),)},
        principal="function me",
        resource="the account",
        says="iam:CreateUser",
    ),
    Change(
        "a right on what is not this stack's",
        {ME: (me_may("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:333333333333:table/payments"),)},
        principal="function me",
        resource="arn:aws:dynamodb:us-east-1:333333333333:table/payments",
        says="dynamodb:GetItem",
    ),
    Change(
        "another function's secret",
        {ME: (me_may("secretsmanager:GetSecretValue", "{{ arn.secret(names.secret('device-hash-keys')) }}"),)},
        principal="function me",
        resource="secret device-hash-keys",
    ),
    Change(
        "another function that signs sessions",
        {
            KEY: (
                (
                    "\"{{ arn.role(names.function_role('device_check')) }}\"},",
                    "\"{{ arn.role('*') }}\"},",
                ),
            )
        },
        principal="function me",
        resource="key session-2026a",
        says="kms:Sign",
    ),
    Change(
        "another function's database login",
        {ME: (me_may("rds-db:connect", "{{ arn.database_login('*') }}"),)},
        principal="function me",
        resource="database login device-check (other's)",
    ),
    Change(
        "a route that asks for no token",
        {"infra/api.py": (('"CUSTOM" if route.session else "NONE"', '"NONE"'),)},
        principal="anyone without a token",
        resource="API, GET /v1/me",
    ),
]
