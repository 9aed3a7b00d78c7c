"""Clients as the function has them, to an S3 elsewhere."""

from __future__ import annotations

from typing import Any

import boto3

from lambdas.runtime import clients


def streams_to(url: str, keys: tuple[str, str, str | None]) -> Any:
    """lambdas.runtime.clients.s3_streams with an address and keys of our own."""
    access_key, secret_key, token = keys
    return boto3.client(
        "s3",
        config=clients.STREAMS,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        aws_session_token=token,
    )
