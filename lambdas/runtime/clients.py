"""boto3 clients, made at first use, each with time limits that fit inside a request.

boto3's own defaults wait 60 s to connect and 60 s to read, four times: longer than the HTTP API waits for us.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

# A signature or a public key comes in about 10 ms. Connect and read together stay below 2 s, with no second try:
# an unopened session is repaired by the next check-in.
_QUICK = Config(connect_timeout=0.9, read_timeout=1.0, retries={"total_max_attempts": 1, "mode": "standard"})
_NORMAL = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 2, "mode": "standard"})
# Virtual addressing makes botocore sign for the region's own host in every region; with "auto" it signs for the
# global one, which answers new buckets outside us-east-1 with a redirect that breaks the signature.
_OBJECTS = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"total_max_attempts": 3, "mode": "standard"},
    signature_version="s3v4",
    s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
)
# A whole video goes out in one request, once: what streams through cannot be sent again. Its sender keeps the time;
# these limits only end what was given up (over plain http, `connect_timeout` holds for sending, too). Nothing is hashed
# for signature or checksum: a stream cannot be read twice, and TLS guards it.
STREAMS = _OBJECTS.merge(
    Config(
        connect_timeout=15,
        read_timeout=15,
        retries={"total_max_attempts": 1, "mode": "standard"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={
            "addressing_style": "virtual",
            "us_east_1_regional_endpoint": "regional",
            "payload_signing_enabled": False,
        },
    )
)


@cache
def kms() -> Any:
    return boto3.client("kms", config=_QUICK)


@cache
def secrets_manager() -> Any:
    return boto3.client("secretsmanager", config=_NORMAL)


@cache
def sts() -> Any:
    """The region's STS: the global one is far away and its sessions are not valid everywhere."""
    return boto3.client("sts", config=_NORMAL)


@cache
def sqs() -> Any:
    """A message that cannot be sent soon is not sent: the sweep makes up for it."""
    return boto3.client("sqs", config=_QUICK)


def waiting_sqs(seconds: int) -> Any:
    """SQS, for looks into a queue that wait up to this long for a message."""
    within = Config(connect_timeout=2, read_timeout=seconds + 3, retries={"total_max_attempts": 2, "mode": "standard"})
    return boto3.client("sqs", config=within)


@cache
def sns() -> Any:
    return boto3.client("sns", config=_NORMAL)


@cache
def cloudwatch() -> Any:
    return boto3.client("cloudwatch", config=_NORMAL)


def waiting_lambda(seconds: int) -> Any:
    """Lambda, for a call that is waited for at most about this long, and never repeated."""
    within = Config(connect_timeout=1, read_timeout=seconds, retries={"total_max_attempts": 1, "mode": "standard"})
    return boto3.client("lambda", config=within)


@cache
def rds() -> Any:
    """Signs database login tokens; makes no calls."""
    return boto3.client("rds", config=_NORMAL)


@cache
def s3() -> Any:
    return boto3.client("s3", config=_OBJECTS)


@cache
def s3_streams() -> Any:
    """S3 for whole videos, sent and read in pieces by several threads."""
    return boto3.client("s3", config=STREAMS)


def s3_as(access_key: str, secret_key: str, session_token: str) -> Any:
    """S3 in another role's session."""
    return boto3.client(
        "s3",
        config=_OBJECTS,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        aws_session_token=session_token,
    )
