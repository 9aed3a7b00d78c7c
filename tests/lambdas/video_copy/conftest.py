"""A copy's two ends on loopback: a CDN that misbehaves on demand, and the emulator's S3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from lambdas.migrate_video.connection import Network
from lambdas.migrate_video.deadlines import Limits
from lambdas.migrate_video.origins import Origins
from lambdas.migrate_video.upload import ObjectKey
from lambdas.migrate_video.video_copy import AlreadyThere, Copied, copy_video
from tests.lambdas.video_copy.sources import Behaviour, Source
from tests.lambdas.video_copy.storage import streams_to
from tests.local.ministack.emulator import Emulator, allow

QUICK = Limits(download_seconds=1.0, upload_seconds=1.0, total_seconds=1.6, maximum_bytes=4 * 1024 * 1024)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = Emulator(tmp_path_factory.mktemp("storage"))
    running.start()
    yield running
    running.end()


@dataclass(frozen=True)
class Storage:
    """A bucket, and the migrator's client to it, which may do what the function may."""

    bucket: str
    client: Any
    looker: Any

    def new_key(self) -> ObjectKey:
        return ObjectKey(self.bucket, f"videos/{uuid4()}/{uuid4()}.mp4")

    def holds(self, key: ObjectKey) -> bytes | None:
        """The object's content, as its owner finds it."""
        found = self.looker.list_objects_v2(Bucket=key.bucket, Prefix=key.key).get("Contents", [])
        return self.looker.get_object(Bucket=key.bucket, Key=key.key)["Body"].read() if found else None

    def unfinished(self) -> list[Any]:
        return list(self.looker.list_multipart_uploads(Bucket=self.bucket).get("Uploads", []))


@pytest.fixture(scope="session")
def storage(emulator: Emulator) -> Storage:
    bucket = emulator.bucket()
    objects = f"arn:aws:s3:::{bucket}/videos/*"
    migrator = emulator.user(allow(["s3:PutObject", "s3:GetObject"], objects))
    looker = emulator.user(allow(["s3:*"], [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]))
    return Storage(bucket, streams_to(emulator.url, migrator), emulator.client("s3", looker))


@pytest.fixture
def copy(storage: Storage) -> Callable[..., Copied | AlreadyThere]:
    """Copy what a source does at `/`, within a second or so."""

    def call(
        behaviour: Behaviour, to: ObjectKey, *, limits: Limits = QUICK, network: Network | None = None
    ) -> Copied | AlreadyThere:
        with Source({"/video.mp4": behaviour}).listening() as source:
            return copy_video(
                f"{source.origin}/video.mp4",
                to=to,
                origins=Origins.of([source.origin]),
                client=storage.client,
                limits=limits,
                network=network,
            )

    return call
