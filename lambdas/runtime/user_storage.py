"""Storage on behalf of one user: a role assumed with the tag `auth_user_id`, which opens that user's prefixes alone.

Functions hold no standing right to users' objects, so a wrong key in our own code is refused by S3.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from lambdas.runtime import clients
from lambdas.runtime.errors import Unavailable

# A function's role assuming another is role chaining, which AWS ends after an hour.
SESSION_SECONDS = 3600
_KEPT_SESSIONS = 64
_ABSENT = frozenset({"NoSuchKey", "404", "AccessDenied"})


class StorageUnavailable(Unavailable):
    """S3 or STS cannot be reached now."""

    code = "storage_unavailable"


@dataclass(frozen=True)
class UploadForm:
    """A presigned POST: send `fields`, then the file, as multipart/form-data to `url`."""

    url: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class _Session:
    client: Any
    ends: float


class UserStorage:
    """One bucket, reached as one user at a time."""

    def __init__(self, *, role_arn: str, bucket: str, now: Callable[[], float] = time.monotonic) -> None:
        self._role_arn, self._bucket, self._now = role_arn, bucket, now
        self._sessions: OrderedDict[UUID, _Session] = OrderedDict()

    def upload_form(
        self, auth_user_id: UUID, key: str, *, content_type: str, maximum_bytes: int, seconds: int
    ) -> UploadForm:
        """A form that stores exactly `key`, of exactly this type, of at most this many bytes, for this long.

        A presigned PUT could not bound the size.
        """
        signed = self._as(auth_user_id, seconds).generate_presigned_post(
            self._bucket,
            key,
            Fields={"Content-Type": content_type},
            Conditions=[{"Content-Type": content_type}, ["content-length-range", 0, maximum_bytes]],
            ExpiresIn=seconds,
        )
        return UploadForm(signed["url"], signed["fields"])

    def address(self, auth_user_id: UUID, key: str, *, seconds: int) -> str:
        """A URL that loads `key` for this long."""
        url: str = self._as(auth_user_id, seconds).generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=seconds
        )
        return url

    def get(self, auth_user_id: UUID, key: str, *, maximum_bytes: int) -> bytes | None:
        """What lies under `key`, or None when nothing does.

        A role that may not list is told "access denied" of a key that does not exist, so the two are alike here.

        Raises:
            StorageUnavailable: it cannot be read now, or is larger than that.
        """
        try:
            given = self._as(auth_user_id, 0).get_object(Bucket=self._bucket, Key=key)
            content: bytes = given["Body"].read(maximum_bytes + 1)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _ABSENT:
                return None
            raise StorageUnavailable from error
        except (BotoCoreError, HTTPError) as error:
            raise StorageUnavailable from error
        if len(content) > maximum_bytes:
            raise StorageUnavailable from ValueError("an object is larger than it can be")
        return content

    def remove(self, auth_user_id: UUID, key: str) -> None:
        """Remove `key`; in a bucket with versions it is hidden, and can be brought back while its version is kept.

        Raises:
            StorageUnavailable: it cannot be removed now.
        """
        client = self._as(auth_user_id, 0)
        try:
            client.delete_object(Bucket=self._bucket, Key=key)
        except (BotoCoreError, ClientError) as error:
            raise StorageUnavailable from error

    def put(self, auth_user_id: UUID, key: str, content: bytes, *, content_type: str) -> str:
        """Store `content` under `key`, and give its version.

        Raises:
            StorageUnavailable: it cannot be stored now.
        """
        client = self._as(auth_user_id, 0)
        try:
            stored = client.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=content_type)
        except (BotoCoreError, ClientError) as error:
            raise StorageUnavailable from error
        return str(stored.get("VersionId", ""))

    def _as(self, auth_user_id: UUID, seconds: int) -> Any:
        """S3 as this user, in a session that lasts `seconds` more: what it signs dies with it."""
        if not isinstance(auth_user_id, UUID):  # it becomes a session tag, and with it the policy's prefix
            raise TypeError("a user's storage is opened by a UUID")
        kept = self._sessions.get(auth_user_id)
        if kept is None or kept.ends - self._now() <= seconds:
            kept = self._assume(auth_user_id)
            self._sessions[auth_user_id] = kept
        self._sessions.move_to_end(auth_user_id)
        while len(self._sessions) > _KEPT_SESSIONS:
            self._sessions.popitem(last=False)
        return kept.client

    def _assume(self, auth_user_id: UUID) -> _Session:
        began = self._now()
        try:
            given = clients.sts().assume_role(
                RoleArn=self._role_arn,
                RoleSessionName=str(auth_user_id),
                DurationSeconds=SESSION_SECONDS,
                Tags=[{"Key": "auth_user_id", "Value": str(auth_user_id)}],
            )["Credentials"]
        except (BotoCoreError, ClientError) as error:
            raise StorageUnavailable from error
        client = clients.s3_as(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        return _Session(client, began + SESSION_SECONDS - 5)
