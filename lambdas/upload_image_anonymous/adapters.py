"""The anonymous/ prefix, by the function's own right: there is no user to act for."""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.runtime import clients
from lambdas.runtime.environment import read_settings
from lambdas.runtime.user_storage import StorageUnavailable


@dataclass(frozen=True)
class Settings:
    images_bucket: str
    image_url_seconds: int


class AnonymousStorage:
    def __init__(self, bucket: str) -> None:
        self._bucket = bucket

    def put(self, key: str, content: bytes, *, content_type: str) -> None:
        try:
            clients.s3().put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=content_type)
        except (BotoCoreError, ClientError) as error:
            raise StorageUnavailable from error

    def address(self, key: str, *, seconds: int) -> str:
        url: str = clients.s3().generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=seconds
        )
        return url


@dataclass(frozen=True)
class Adapters:
    storage: AnonymousStorage
    url_seconds: int

    @classmethod
    def build(cls) -> Adapters:
        settings = read_settings(Settings)
        return cls(AnonymousStorage(settings.images_bucket), settings.image_url_seconds)
