"""What the stand-in makes is a video: by ffprobe, by its own index, by every byte's number."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from local import video_probe
from local.standins.fal.videos import Videos
from local.video_probe import probe
from tests.local.standins.conftest import FalClient


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Videos:
    return Videos(tmp_path_factory.mktemp("videos"))


@pytest.mark.parametrize("size", [300_000, 300_001, 1_234_567, 10_000_000, 30_000_000])
def test_a_video_has_the_size_asked_for_and_plays(videos: Videos, size: int) -> None:
    path = videos.of(size)
    assert path.stat().st_size == size
    found = probe(path)
    assert (found.codec, found.width, found.height) == ("h264", 640, 360)
    # A second of it has some 120 kB: what fills up the rest is no more than a second and the index.
    assert found.seconds >= size // 150_000


def test_the_index_comes_first_so_that_a_player_need_not_read_to_the_end(videos: Videos) -> None:
    head = videos.of(1_000_000).read_bytes()[:100_000]
    assert head[4:8] == b"ftyp"
    assert 0 < head.index(b"moov") < head.index(b"mdat")


def test_every_picture_decodes(videos: Videos) -> None:
    with av.open(str(videos.of(400_000)), "r") as container:
        pictures = list(container.decode(video=0))
    assert len(pictures) == 24 * 3
    assert len({picture.pts for picture in pictures}) == len(pictures)


def test_the_same_video_is_made_again_and_kept(tmp_path: Path) -> None:
    first, second = Videos(tmp_path / "a"), Videos(tmp_path / "b")
    assert first.of(300_000).read_bytes() == second.of(300_000).read_bytes()
    made = first.of(300_000).stat().st_mtime_ns
    assert first.of(300_000).stat().st_mtime_ns == made


def test_a_video_of_no_second_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="too few"):
        Videos(tmp_path).of(1000)
    assert [path.name for path in tmp_path.rglob("*.mp4")] == ["second.mp4"]


def test_no_two_results_are_the_same_bytes(fal: FalClient, tmp_path: Path) -> None:
    bodies = []
    for name in ("a", "b"):
        made = fal.submit()
        fal.complete(made)
        video = fal.video(made)
        body = fal.http.get(video["url"]).content
        (tmp_path / name).write_bytes(body)
        assert len(body) == video["file_size"] == 300_000
        assert body.endswith(made["request_id"].replace("-", "").encode())
        assert probe(tmp_path / name).codec == "h264"
        bodies.append(body)
    assert bodies[0] != bodies[1]


@pytest.fixture(params=["ffprobe", "libav"])
def looking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """By ffprobe where there is a wheel of it, and by what stands in for it elsewhere."""
    by = str(request.param) if video_probe.ffprobe() else "libav"
    if by == "libav":
        monkeypatch.setattr(video_probe, "ffprobe", lambda: None)
    return by


def test_both_ways_to_look_agree_at_an_address_too(fal: FalClient, looking: str) -> None:
    found = probe(fal.completed(video_bytes=5_000_000)["url"])
    assert (found.by, found.codec, found.width, found.height) == (looking, "h264", 640, 360)
    assert found.container.startswith("mov,mp4")
    assert found.seconds == pytest.approx(42, abs=1)


def test_what_is_no_video_is_refused(videos: Videos, tmp_path: Path, looking: str) -> None:
    whole = videos.of(1_000_000).read_bytes()
    index = whole.index(b"moov")
    for content in (
        b"",
        b"<!doctype html>" * 100,
        whole[:1000],
        whole.replace(b"moov", b"junk", 1),
        whole[: index + 500],
    ):
        path = tmp_path / "video.mp4"
        path.write_bytes(content)
        with pytest.raises(ValueError, match="no video"):
            probe(path)
    path.write_bytes(whole)
    assert probe(path).codec == "h264"
