"""A writer of the storage count's: videos and pictures made and deleted by the functions' own code and rights.

Whoever is killed leaves what was under way to whoever goes on for it: a message that comes again, and the sweep.
"""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from botocore.exceptions import ClientError

from lambdas.clean_videos.logic import video_clean_up
from lambdas.delete_video.adapters import PostgresJobs as DeletedJobs
from lambdas.make_thumbnail.jobs import PostgresJobs as PicturedJobs
from lambdas.migrate_video.jobs import PostgresJobs as MigratedJobs
from lambdas.migrate_video.video_copy import Copied
from lambdas.runtime.database import Database
from lambdas.runtime.generations import Change
from lambdas.runtime.generator import Generation
from lambdas.runtime.video_keys import VideoKey
from lambdas.sweep_videos.jobs import PostgresJobs as SweptJobs
from lambdas.sweep_videos.logic import Sweeper
from lambdas.sweep_videos.objects import S3Objects
from tests.database.scene import Person
from tests.lambdas.clean_up_world import NAMES, CleanUpWorld
from tests.lambdas.phones import claims_of

BUCKET = NAMES.videos_bucket
# Storage rights are made once, before the writers' processes are.
FUNCTIONS = ("migrate_video", "make_thumbnail", "sweep_videos", "clean_videos", "monitor_storage")
# Lives of leases and graces, for rows as they would be later.
_LATER = "interval '20 minutes'"


class Writer:
    """One user's videos and whatever works on them, in the process that makes this."""

    def __init__(self, world: CleanUpWorld, owner: Person) -> None:
        self._world, self._owner = world, owner
        self._s3 = {function: world.storage(function) for function in FUNCTIONS}

    def operate(self, number: int) -> None:
        """Do the operation of this number: what it is, and how large, follows from the number alone."""
        chance = random.Random(f"{self._owner.user_id}-{number}")
        what = chance.random()
        stored = self._stored()
        if what < 0.55 or not stored:
            self._copy(self._world.scene.new_job(self._owner, "pending"), size=chance.randrange(1, 2000))
        elif what < 0.70:
            self._picture(chance.choice(stored), size=chance.randrange(1, 200))
        elif what < 0.95:
            self._delete(chance.choice(stored))
        elif what < 0.98:
            self._expire(chance.choice(stored))
        else:
            self._world.monitor("videos")[0].roll_up()

    def go_on(self) -> None:
        """What a killed process of this user left: its leases run out, its messages come again."""
        for row in self._world.say(
            "update public.video_jobs set migration_due_at = now()"
            f" where user_id = '{self._owner.user_id}' and migration_status = 'pending' returning id"
        ):
            self._copy(row["id"], size=random.Random(str(row["id"])).randrange(1, 2000))

    def _database(self, function: str) -> closing[Database]:
        """A connection for one operation: writers have one at a time, as a function's process has."""
        return closing(self._world.database(function))

    def _stored(self) -> list[UUID]:
        rows = self._world.say(
            f"select id from public.video_jobs where user_id = '{self._owner.user_id}' and object_key is not null"
            " and deleted_at is null order by created_at, id"
        )
        return [row["id"] for row in rows]

    def _copy(self, job: UUID, *, size: int) -> None:
        """The object, then the row. An earlier attempt's object is what the row then tells of, as of a real copy."""
        with self._database("migrate_video") as database:
            jobs = MigratedJobs(database, BUCKET)
            attempt = jobs.begin(job, lease_seconds=60)
            if attempt is not None:
                jobs.migrated(attempt, replace(_COPIED, bytes=self._put(str(attempt.key), size)))

    def _put(self, key: str, size: int) -> int:
        """Store a video, unless one is there; how many bytes it has."""
        s3 = self._s3["migrate_video"]
        try:
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"v" * size, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise
            return int(s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"])
        return size

    def _picture(self, job: UUID, *, size: int) -> None:
        key, s3 = VideoKey(self._owner.auth_user_id, job), self._s3["make_thumbnail"]
        with self._database("make_thumbnail") as database:
            jobs = PicturedJobs(database)
            found = jobs.begin(key)
            if found is None or not found.begun:
                return
            s3.put_object(Bucket=BUCKET, Key=key.thumbnail, Body=b"p" * size)
            if not jobs.made(key, size):
                s3.delete_object(Bucket=BUCKET, Key=key.thumbnail)

    def _delete(self, job: UUID) -> None:
        """As its user does; the removal's rights are those of the sweep, which removes the same objects."""
        with self._database("delete_video") as database:
            jobs, claims = DeletedJobs(database), claims_of(self._owner)
            marked = jobs.mark(claims, job)
            if marked is None or not marked.keys:
                return
            for key in marked.keys:
                self._s3["sweep_videos"].delete_object(Bucket=BUCKET, Key=key)
            jobs.forget_objects(claims, job, marked.keys)

    def _expire(self, job: UUID) -> None:
        """A video that outlived its retention, and the clean-up that finds it."""
        self._world.say(
            f"update public.video_jobs set finished_at = now() - interval '400 days' where id = '{job}'"
            " and deleted_at is null"
        )
        videos, objects = self._world.videos()
        video_clean_up(videos, objects).run(batch=5, cap=5, dry_run=False, may_go_on=lambda: True)


_COPIED = Copied(bytes=0, sha256="00" * 32, seconds_download=0.0, seconds_upload=0.0)


def settle(world: CleanUpWorld, owners: list[Person]) -> int:
    """What the functions do of themselves within the hour after the last kill; how many things were left undone."""
    for owner in owners:
        Writer(world, owner).go_on()
    world.say(f"update public.video_jobs set migration_due_at = migration_due_at - {_LATER}")
    videos, objects = world.videos()
    undone = video_clean_up(videos, objects).run(batch=500, cap=10**9, dry_run=False, may_go_on=lambda: True).removed
    sweeper = Sweeper(
        jobs=SweptJobs(world.database("sweep_videos")),
        objects=S3Objects(world.storage("sweep_videos"), BUCKET),
        look=_nobody,
        settle=lambda _job, _generation: Change.NOTHING,
        send=lambda jobs: len(jobs),
        result_age=timedelta(days=7),
        lease=timedelta(minutes=1),
    )
    parts = sweeper.parts(now=datetime.now(UTC), may_go_on=lambda: True)
    while done := parts["hopeless_migrations"]() + parts["deleted_videos"]():
        undone += done
    return undone


def _nobody(_job: object) -> Generation:
    raise AssertionError("no generation is under way")
