"""Where clean-ups work: a real Postgres and the local AWS, with each function's own rights, and kills."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from botocore.client import BaseClient

from infra.names import Names
from lambdas.clean_identities.accounts import PostgresAccounts
from lambdas.clean_identities.objects import S3UserObjects
from lambdas.clean_images.images import AcceptedImages, RefusedImages
from lambdas.clean_videos.videos import PostgresVideos
from lambdas.monitor_storage.buckets import S3Bucket
from lambdas.monitor_storage.counts import PostgresCounts
from lambdas.monitor_storage.logic import IN_FLIGHT, Amount, differences
from lambdas.monitor_storage.rows import PostgresRows
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.object_removal import ObjectRemoval
from policies.model.documents import Documents
from tests.database.scene import Database as Scene
from tests.database.scene import Person, database_in
from tests.local.ministack.emulator import ACCOUNT, REGION, Emulator

NAMES = Names(stack="local", region=REGION, account=ACCOUNT)
DAYS_KEPT = 90
AGE = timedelta(days=DAYS_KEPT, hours=24)
SESSION = timedelta(hours=24, minutes=5)


@dataclass
class CleanUpWorld:
    """Two buckets beside the database; what acts has the rights of its function alone."""

    scene: Scene
    emulator: Emulator
    _keys: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for bucket in (NAMES.images_bucket, NAMES.videos_bucket):
            self.s3.create_bucket(Bucket=bucket)
            self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    @property
    def s3(self) -> Any:
        """The account's root, to set scenes and look at outcomes."""
        return self.emulator.root_client("s3")

    def database(self, function: str) -> Database:
        """A connection of the function's own, as it would make it."""
        return Database(
            DatabaseSettings(str(self.scene.server.sockets), 5432, "rendio", self.login(function), "disable")
        )

    @staticmethod
    def login(function: str) -> str:
        return f"rendio_local_{function}"

    def storage(self, function: str) -> Any:
        """S3 with the rights of the function's role."""
        if function not in self._keys:
            document = json.loads(Documents(NAMES.context()).render(f"iam/{function}.json.j2"))
            self._keys[function] = self.emulator.session(self.emulator.role(*document["Statement"]))
        return self.emulator.client("s3", self._keys[function])

    # --- what the functions are made of

    def videos(self) -> tuple[PostgresVideos, ObjectRemoval]:
        rows = PostgresVideos(self.database("clean_videos"), AGE)
        return rows, ObjectRemoval(self.storage("clean_videos"), NAMES.videos_bucket)

    def images(self) -> tuple[AcceptedImages, RefusedImages, ObjectRemoval]:
        database = self.database("clean_images")
        objects = ObjectRemoval(self.storage("clean_images"), NAMES.images_bucket)
        return AcceptedImages(database, AGE), RefusedImages(database, AGE), objects

    def accounts(self, *, settling: timedelta = timedelta(0)) -> tuple[PostgresAccounts, S3UserObjects]:
        rows = PostgresAccounts(self.database("clean_identities"), age=AGE, session=SESSION, settling=settling)
        s3 = self.storage("clean_identities")
        return rows, S3UserObjects(ObjectRemoval(s3, NAMES.images_bucket), ObjectRemoval(s3, NAMES.videos_bucket))

    def monitor(self, bucket: str) -> tuple[PostgresCounts, S3Bucket, PostgresRows]:
        database, physical = self.database("monitor_storage"), {
            "images": NAMES.images_bucket, "videos": NAMES.videos_bucket,
        }[bucket]  # fmt: skip
        listed = S3Bucket(self.storage("monitor_storage"), bucket, physical)
        return PostgresCounts(database), listed, PostgresRows(database, bucket)

    # --- the storage count

    def count(self) -> Amount:
        """Videos by the count: total and pending deltas, as of one moment."""
        row = self.say(
            "select t.bytes + coalesce(sum(d.bytes), 0) as bytes, t.objects + coalesce(sum(d.objects), 0) as objects"
            " from rendio.storage_totals t left join rendio.storage_deltas d on d.bucket = t.bucket"
            " where t.bucket = 'videos' group by t.bucket"
        )[0]
        return Amount(int(row["bytes"]), int(row["objects"]))

    def in_bucket(self) -> Amount:
        """Videos as they lie in the bucket."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=NAMES.videos_bucket)
        sizes = [each["Size"] for page in pages for each in page.get("Contents", ())]
        return Amount(sum(sizes), len(sizes))

    def reconcile(self) -> Amount:
        """What `monitor_storage` does once a day, when nothing is on its way; by how much the count was wrong."""
        counts, bucket, rows = self.monitor("videos")
        later = datetime.now(UTC) + IN_FLIGHT + timedelta(minutes=1)
        there, other, found = differences(bucket, rows, expected=0, now=later, may_go_on=lambda: True)
        return counts.correct("videos", found, counted=there, other=other)

    # --- scenes and outcomes

    def put(self, bucket: str, key: str, size: int = 10) -> None:
        self.s3.put_object(Bucket=bucket, Key=key, Body=b"x" * size)

    def keys(self, bucket: str, prefix: str = "") -> set[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return {each["Key"] for page in pages for each in page.get("Contents", ())}

    def versions(self, bucket: str, prefix: str = "") -> list[str]:
        """Keys of all versions and delete markers."""
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        return [each["Key"] for page in pages for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))]

    def stored_video(self, owner: Person, *, size: int = 10, **columns: Any) -> str:
        """A migrated video with its thumbnail, both in the bucket; its job's id. Columns are SQL."""
        job = self.scene.new_job(owner, "migrated")
        key, thumbnail = f"videos/{owner.auth_user_id}/{job}.mp4", f"thumbnails/{owner.auth_user_id}/{job}.jpg"
        self.put(NAMES.videos_bucket, key, size)
        self.put(NAMES.videos_bucket, thumbnail, 3)
        said = {
            "object_key": f"'{key}'", "bytes": str(size), "thumbnail_key": f"'{thumbnail}'", "thumbnail_bytes": "3",
            **columns,
        }  # fmt: skip
        self.say(f"update public.video_jobs set {', '.join(f'{k} = {v}' for k, v in said.items())} where id = '{job}'")
        return str(job)

    def say(self, statement: str) -> list[dict[str, Any]]:
        """As the superuser, who sets scenes and looks at outcomes."""
        with self.scene.superuser() as connection:
            done = connection.execute(statement.encode())
            return done.fetchall() if done.description else []


@contextmanager
def clean_up_world(folder: Path) -> Iterator[CleanUpWorld]:
    """A world in an empty folder, stopped at the end."""
    emulator = Emulator(folder / "emulator")
    emulator.start()
    try:
        with database_in(folder / "state") as scene:
            yield CleanUpWorld(scene, emulator)
    finally:
        emulator.end()


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Do `work` in a copy of this process that SIGKILLs itself at its `step`-th call of Postgres or S3.

    Odd steps die before the call, even ones after it. False when the work ended before it came so far. The copy must
    open connections of its own.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _lay(step)
            work()
            status = 0
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    assert os.WIFSIGNALED(ended) or os.WEXITSTATUS(ended) == 0, "the copy failed"
    return os.WIFSIGNALED(ended)


def _lay(step: int) -> None:
    made = [0]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            made[0] += 1
            mine = made[0]
            if mine == (step + 1) // 2 and step % 2:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = real(*given, **named)
            if mine == step // 2 and not step % 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return call

    for owner, name in ((psycopg.Cursor, "execute"), (psycopg.Connection, "execute"), (BaseClient, "_make_api_call")):
        setattr(owner, name, counted(getattr(owner, name)))
