"""Every video in own storage gets a picture, and no file can do harm on the way."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import av
import pytest
from PIL import Image, ImageStat

from lambdas.make_thumbnail import frame, handler
from lambdas.make_thumbnail.decoder import picture
from lambdas.make_thumbnail.jobs import PostgresJobs
from lambdas.make_thumbnail.logic import Found, Outcome
from lambdas.make_thumbnail.videos import HEAD_BYTES
from lambdas.runtime.video_keys import VideoKey
from local.standins.fal.videos import Videos
from tests.lambdas.phones import function_database
from tests.lambdas.video_world import REPOSITORY, VideoWorld, Worker
from tests.unit.lambdas.pictures import encoded


@pytest.fixture(scope="module")
def thumbnails(video_world_of_session: VideoWorld) -> Iterator[Worker]:
    with video_world_of_session.worker("make_thumbnail") as worker:
        yield worker


def video(folder: Path, *, width: int = 1280, height: int = 720, frames: int = 48, **options: str) -> Path:
    """An H.264 video that becomes lighter with each frame; `options` are the muxer's."""
    path = folder / f"{uuid.uuid4()}.mp4"
    with av.open(str(path), "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            image = av.VideoFrame(width, height, "yuv420p")
            for plane, level in zip(image.planes, (min(16 + 4 * number, 235), 128, 128), strict=True):
                plane.update(bytes([level]) * plane.buffer_size)
            image.pts = number
            container.mux(stream.encode(image))
        container.mux(stream.encode(None))
    return path


def stored(world: VideoWorld, content: bytes) -> str:
    """The key of a migrated video with this content."""
    job = world.scene.new_job(world.owner, "migrated")
    key = f"videos/{world.owner.auth_user_id}/{job}.mp4"
    world.s3.put_object(Bucket=world.bucket, Key=key, Body=content)
    world.change(job, "migrated_at = now() - interval '1 hour'")
    return key


def event(*keys: str) -> dict[str, Any]:
    return {"Records": [{"s3": {"object": {"key": key}}} for key in keys]}


def row_of(world: VideoWorld, key: str) -> dict[str, Any]:
    return world.row(uuid.UUID(Path(key).stem))


def outcomes(thumbnails: Worker, asked: dict[str, Any]) -> dict[str, int]:
    done = thumbnails.handle(asked)
    assert not done.error, done.error
    return dict(done.answer["outcomes"])


@pytest.mark.plan("N1")
@pytest.mark.parametrize(
    ("width", "height", "size"), [(1280, 720, (720, 404)), (720, 1280, (404, 720)), (320, 240, (320, 240))]
)
def test_a_video_gets_a_picture_of_its_first_second(
    world: VideoWorld, thumbnails: Worker, tmp_path: Path, width: int, height: int, size: tuple[int, int]
) -> None:
    key = stored(world, video(tmp_path, width=width, height=height).read_bytes())
    assert outcomes(thumbnails, event(key)) == {"made": 1}
    named = row_of(world, key)["thumbnail_key"]
    assert named == key.replace("videos/", "thumbnails/").replace(".mp4", ".jpg")
    content = world.content(named)
    assert content is not None
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.size) == ("JPEG", size)
        # Of half a second: the first has 0, the last 223.
        assert 50 <= ImageStat.Stat(image.convert("L")).mean[0] <= 60
    assert world.s3.head_object(Bucket=world.bucket, Key=named)["ContentType"] == "image/jpeg"


@pytest.mark.plan("N1")
@pytest.mark.parametrize("index", ["front", "end"])
def test_of_a_large_video_little_is_read_wherever_its_index_stands(
    world: VideoWorld, thumbnails: Worker, tmp_path: Path, index: str
) -> None:
    content = Videos(tmp_path).of(HEAD_BYTES + 30_000_000).read_bytes()
    assert content.find(b"moov") < 100_000
    if index == "end":
        content = with_index_at_end(tmp_path, HEAD_BYTES + 10_000_000)
    assert outcomes(thumbnails, event(stored(world, content))) == {"made": 1}


def with_index_at_end(folder: Path, filling: int) -> bytes:
    """The muxer writes the index last; a `free` box in the data's place before it makes it large."""
    content = video(folder).read_bytes()
    at = content.find(b"moov") - 4
    box = filling.to_bytes(4, "big") + b"free" + bytes(filling - 8)
    return content[:at] + box + content[at:]


@pytest.mark.plan("N1")
def test_events_come_twice_or_of_strange_objects(world: VideoWorld, thumbnails: Worker, tmp_path: Path) -> None:
    key = stored(world, video(tmp_path).read_bytes())
    assert outcomes(thumbnails, event(key, key)) == {"made": 1, "nothing_to_do": 1}
    assert outcomes(thumbnails, event("videos/readme.txt", "videos/a/b.mp4")) == {}
    assert outcomes(thumbnails, {"Service": "Amazon S3", "Event": "s3:TestEvent"}) == {}


@pytest.mark.plan("N1")
def test_an_event_that_overtakes_the_row_waits_for_it(world: VideoWorld, thumbnails: Worker, tmp_path: Path) -> None:
    job = world.finished_job()
    key = str(job.key)
    world.s3.put_object(Bucket=world.bucket, Key=key, Body=video(tmp_path).read_bytes())
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(outcomes, thumbnails, event(key))
        with pytest.raises(TimeoutError):
            told.result(timeout=1)
        settled = "migration_status = 'migrated', object_key = '{}', bytes = 1, sha256 = '\\x00', migrated_at = now()"
        world.change(job.id, settled.format(key))
        assert told.result()["made"] == 1
    assert row_of(world, key)["thumbnail_attempts"] == 1, "too early was no attempt"


@pytest.mark.plan("N1")
def test_an_event_whose_row_is_never_settled_is_left_to_its_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    class Early:
        def make(self, _key: VideoKey) -> Outcome:
            return Outcome.TOO_EARLY

    monkeypatch.setattr(handler, "_thumbnailer", Early)
    monkeypatch.setattr(handler, "SETTLED_WITHIN_SECONDS", 0.0)
    key = f"videos/{uuid.uuid4()}/{uuid.uuid4()}.mp4"
    with pytest.raises(handler.VideoNotSettled, match="the event comes again"):
        handler.handler(event(key), None)


@pytest.mark.plan("N1")
def test_a_row_that_is_settled_while_it_is_looked_at_gets_its_picture(world: VideoWorld) -> None:
    """Between the update that finds it unsettled and the question why it did, the worker settles it."""
    job, database = world.finished_job(), function_database(world.scene, "make_thumbnail")
    settled = f"migration_status = 'migrated', object_key = '{job.key}', bytes = 1, sha256 = '\\x00'"

    @contextmanager
    def overtaken() -> Iterator[Any]:
        with database.transaction() as cursor:

            def execute(*asked: Any) -> Any:
                found = cursor.execute(*asked)
                if found.rowcount == 0:
                    world.change(job.id, settled)
                return found

            yield SimpleNamespace(execute=execute)

    key, overtaking = VideoKey(job.owner.auth_user_id, job.id), cast("Any", SimpleNamespace(transaction=overtaken))
    assert PostgresJobs(overtaking).begin(key) == Found("", begun=False, awaited=True)
    assert PostgresJobs(database).begin(key) == Found("", begun=True)


@pytest.mark.plan("N1")
def test_the_sweep_makes_what_no_event_did(world: VideoWorld, thumbnails: Worker, tmp_path: Path) -> None:
    late, recent = (stored(world, video(tmp_path).read_bytes()) for _ in range(2))
    world.change(uuid.UUID(Path(recent).stem), "migrated_at = now()")
    outcomes(thumbnails, {"sweep": True})
    assert row_of(world, late)["thumbnail_key"]
    assert not row_of(world, recent)["thumbnail_key"], "its event may still come"


@pytest.mark.plan("N1")
@pytest.mark.parametrize("because", ["garbage", "no such object"])
def test_three_attempts_and_no_more(world: VideoWorld, thumbnails: Worker, because: str) -> None:
    key = stored(world, random.Random(1).randbytes(10_000))
    if because == "no such object":
        world.s3.delete_object(Bucket=world.bucket, Key=key)
    for _ in range(3):
        assert outcomes(thumbnails, event(key)).keys() <= {"no_picture", "gone", "failed"}
    assert outcomes(thumbnails, event(key)) == {"nothing_to_do": 1}
    row = row_of(world, key)
    assert (row["thumbnail_key"], row["thumbnail_attempts"]) == (None, 3)


def test_a_deleted_video_gets_none(world: VideoWorld, thumbnails: Worker, tmp_path: Path) -> None:
    key = stored(world, video(tmp_path).read_bytes())
    world.change(uuid.UUID(Path(key).stem), "deleted_at = now(), deleted_because = 'user'")
    assert outcomes(thumbnails, event(key)) == {"nothing_to_do": 1}
    assert world.content(key.replace("videos/", "thumbnails/").replace(".mp4", ".jpg")) is None


class TestHostileFiles:
    """The decoder's process ends in time, whatever it is given; the function lives on."""

    def test_what_is_no_video_gives_no_picture(self, tmp_path: Path) -> None:
        whole = video(tmp_path).read_bytes()
        files = {
            "empty": b"",
            "html": b"<!doctype html><html></html>" * 100,
            "jpeg": encoded("JPEG"),
            "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
            "index cut off": whole[: whole.find(b"moov") + 200],
            "no frames": whole.replace(b"stsz", b"free").replace(b"stco", b"free"),
        }
        path = tmp_path / "hostile.mp4"
        for name, content in files.items():
            path.write_bytes(content)
            assert picture(path) is None, name

    def test_damage_anywhere_ends_in_a_picture_or_in_none(self, tmp_path: Path) -> None:
        """Bytes overwritten at random, mostly in the index, which the decoder believes."""
        whole, lot, path = video(tmp_path).read_bytes(), random.Random(7), tmp_path / "damaged.mp4"
        index = whole.find(b"moov")
        began = time.monotonic()
        for _ in range(25):
            damaged = bytearray(whole)
            for _ in range(20):
                damaged[lot.randrange(index, len(whole)) if lot.random() < 0.7 else lot.randrange(len(whole))] = (
                    lot.randrange(256)
                )
            path.write_bytes(damaged)
            found = picture(path)
            assert found is None or found.startswith(b"\xff\xd8\xff")
        assert time.monotonic() - began < 60

    def test_a_video_cut_off_behind_its_first_second_gives_its_picture(self, tmp_path: Path) -> None:
        whole = video(tmp_path, movflags="faststart", frames=240).read_bytes()
        path = tmp_path / "cut.mp4"
        path.write_bytes(whole[: whole.find(b"mdat") + (len(whole) - whole.find(b"mdat")) // 2])
        assert picture(path) is not None

    def test_more_pixels_than_a_video_has_are_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = video(tmp_path, width=128, height=64)
        assert frame.picture(str(path)).startswith(b"\xff\xd8\xff"), "the twin is decoded"
        monkeypatch.setattr(frame, "MAXIMUM_PIXELS", 128 * 64 - 1)
        with pytest.raises((frame.NoPicture, av.FFmpegError)):
            frame.picture(str(path))

    def test_the_decoder_has_no_credentials(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
        spy = tmp_path / "lambdas" / "make_thumbnail"
        spy.mkdir(parents=True)
        (tmp_path / "lambdas" / "__init__.py").touch()
        (spy / "__init__.py").touch()
        (spy / "frame.py").write_text(
            "import os, sys; sys.stdout.buffer.write(b'\\xff\\xd8\\xff' + ' '.join(sorted(os.environ)).encode())"
        )
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
        monkeypatch.chdir(tmp_path)
        seen = picture(tmp_path / "any.mp4")
        assert seen is not None
        assert set(seen[3:].decode().split()) <= {"LC_CTYPE", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH"}

    def test_a_decoder_that_wants_much_memory_gets_none(self) -> None:
        hungry = (
            "import sys; from lambdas.make_thumbnail import frame; frame.picture = lambda _: bytes(2 * 1024**3);"
            "sys.exit(frame.main(''))"
        )
        command = [sys.executable, "-c", hungry]
        done = subprocess.run(command, capture_output=True, cwd=REPOSITORY, env={}, check=False)
        assert (done.returncode, done.stderr.strip()) == (1, b"MemoryError")

    def test_a_decoder_that_does_not_end_is_ended(self, tmp_path: Path) -> None:
        slow, quick = tmp_path / "pipe.mp4", video(tmp_path)
        os.mkfifo(slow)  # nobody writes: it waits for ever
        began = time.monotonic()
        assert picture(slow, seconds=1) is None
        assert time.monotonic() - began < 3
        assert picture(quick) is not None, "the twin is decoded"
