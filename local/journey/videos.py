"""The video's part of the journey: from a photograph to a video in own storage that its user alone can play."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from botocore.exceptions import ClientError

from local import video_probe
from local.journey.client import Phone, PhoneError, told
from local.journey.own_rows import UserRows
from local.journey.role_session import of_function
from local.journey.steps import Step, refused, require

VIDEO_BYTES = 30_000_000
GENERATION_MILLISECONDS = 300
RANGE_BYTES = 64 * 1024
POLL_SECONDS = 0.2
GENERATED_SECONDS = 30.0
STORED_SECONDS = 60.0


class Videos:
    """Alice has a video made from her photograph; Bob tries to get at it."""

    def __init__(
        self,
        alice: Phone,
        bob: Phone,
        *,
        fal_url: str,
        aws_url: str,
        outputs: Mapping[str, Any],
        images: Mapping[str, str],
    ) -> None:
        """`images` has the ids of her images by what became of them, one `ready`; filled as the journey goes."""
        self._alice, self._bob = alice, bob
        self._fal_url, self._aws_url, self._outputs, self._images = fal_url, aws_url, outputs, images
        self._request: dict[str, Any] = {}
        self._key = str(uuid.uuid4())
        self._job: dict[str, Any] = {}
        self._video: dict[str, Any] = {}

    @property
    def steps(self) -> list[Step]:
        return [
            ("the models and what they cost", self.models),
            ("a video is asked for, from the photograph", self.submit),
            ("the same request again: same job, nothing more spent", self.submit_again),
            ("an image that cannot be used: refused, nothing spent", self.unusable_images),
            ("it is generated, and plays from the generator", self.wait_until_generated),
            ("it moves into own storage", self.wait_until_stored),
            ("its first and a middle range play", self.play),
            ("it has a thumbnail", self.thumbnail),
            ("another user's video: not found", self.anothers_video),
            ("another user's video: refused by S3", self.anothers_object),
            ("another user's video job: refused by Postgres", self.anothers_row),
            ("it is deleted, and stays so", self.delete),
        ]

    def models(self) -> str:
        offered = self._alice.models()
        model = next(model for model in offered if model["image"] != "none")
        self._request = {
            "model": model["model"],
            "prompt": "The sky at dusk, the camera drifts to the left.",
            "image_id": self._images["ready"],
        }
        cheapest = min(model["credits"] for model in offered)
        return f"{len(offered)} models from {cheapest} credits"

    def submit(self) -> str:
        outcome = {"after_ms": GENERATION_MILLISECONDS, "video_bytes": VIDEO_BYTES}
        self._control("POST", "/_control/outcomes", json=outcome)
        before = self._alice.me()["credits_remaining"]
        self._job = self._accepted(self._alice.submit_video(self._request, key=self._key))
        left = self._alice.me()["credits_remaining"]
        require(left == self._job["credits_remaining"] < before, f"{before} credits became {left}")
        return f"{self._job['status']}, {left} credits left"

    def submit_again(self) -> str:
        again = self._accepted(self._alice.submit_video(self._request, key=self._key))
        require(again["job_id"] == self._job["job_id"], "it is another job")
        left = self._alice.me()["credits_remaining"]
        require(left == self._job["credits_remaining"], "credits were spent again")
        other = self._alice.submit_video({**self._request, "prompt": "Another one."}, key=self._key)
        return f"same job; another prompt: {refused(other, 409)}"

    def unusable_images(self) -> str:
        before = self._alice.me()["credits_remaining"]
        seen = []
        for what, image_id in self._images.items():
            if what == "ready":
                continue
            answer = self._alice.submit_video({**self._request, "image_id": image_id}, key=str(uuid.uuid4()))
            require(400 <= answer.status_code < 500, f"{what}: it was answered {told(answer)}")
            seen.append(f"{what} {answer.status_code}")
        foreign = self._bob.submit_video(self._request, key=str(uuid.uuid4()))
        require(foreign.status_code == 404, f"another user's: it was answered {told(foreign)}")
        require(self._alice.me()["credits_remaining"] == before, "credits were spent")
        return ", ".join([*seen, "another user's 404"])

    def wait_until_generated(self) -> str:
        self._video = self._until(lambda video: video["status"] in ("completed", "failed"), GENERATED_SECONDS)
        require(self._video["status"] == "completed", f"it {self._video['status']}: {self._video['error']}")
        answer = self._alice.http.head(self._video["video_url"])
        # Own storage signs for GET alone; the generator's address answers to whoever has it.
        require(answer.status_code in (200, 403), f"its address answers {answer.status_code}")
        made = self._control("GET", "/_control/requests")[-1]
        require(all(image["fetched"] for image in made["images"]) and made["images"], "the generator got no image")
        require(made["lifetime_seconds"] > 0, "no lifetime was asked for")
        return f"storage {self._video['storage']}; the generator fetched the image"

    def wait_until_stored(self) -> str:
        began = time.monotonic()
        self._video = self._until(lambda video: video["storage"] == "own", STORED_SECONDS)
        return f"within {time.monotonic() - began:.1f} s"

    def play(self) -> str:
        url = self._video["video_url"]
        first = self._range(url, 0)
        require(first.content[4:8] == b"ftyp", "it does not begin as an MP4 does")
        require(first.headers["content-type"] == "video/mp4", f"its type is {first.headers['content-type']}")
        total = int(first.headers["content-range"].rpartition("/")[2])
        middle = self._range(url, total // 2)
        require(len(middle.content) == RANGE_BYTES, f"the middle has {len(middle.content)} bytes")
        seen = video_probe.probe(url)
        return f"{total / 1e6:.1f} MB, {seen.codec} {seen.width}x{seen.height} by {seen.by}"

    def thumbnail(self) -> str:
        video = self._until(lambda video: bool(video["thumbnail_url"]), STORED_SECONDS)
        loaded = self._alice.download(video["thumbnail_url"])
        require(loaded.status_code == 200, f"S3 answered {told(loaded)}")
        require(loaded.content[:3] == b"\xff\xd8\xff", "it is no JPEG")
        return f"{loaded.headers['content-type']}, {len(loaded.content) / 1e3:.0f} kB"

    def anothers_video(self) -> str:
        return refused(self._bob.call("GET", f"/v1/videos/{self._job['job_id']}"), 404)

    def anothers_object(self) -> str:
        where = {"Bucket": self._outputs["videos_bucket"], "Key": self._object_key()}
        code = "nothing"
        signer = of_function(self._aws_url, "view_video")
        his, hers = (signer.of_user(phone.auth_user_id).client("s3") for phone in (self._bob, self._alice))
        try:
            his.head_object(**where)
        except ClientError as error:
            code = str(error.response["ResponseMetadata"]["HTTPStatusCode"])
        require(code == "403", f"S3 answered {code} to him")
        # The twin: in her own session the same call works.
        size = hers.head_object(**where)["ContentLength"]
        return f"403; her own session sees {size / 1e6:.1f} MB"

    def anothers_row(self) -> str:
        rows = UserRows(self._outputs, self._aws_url)
        job = self._job["job_id"]
        his = rows.count_jobs(acting_for=self._bob.auth_user_id, job_id=job)
        hers = rows.count_jobs(acting_for=self._alice.auth_user_id, job_id=job)
        require((hers, his) == (1, 0), f"she sees {hers}, he sees {his}")
        return "0 rows for him, 1 for her"

    def delete(self) -> str:
        path = f"/v1/videos/{self._job['job_id']}"
        answer = self._alice.call("DELETE", path)
        require(answer.status_code == 204, f"it was answered {told(answer)}")
        gone = self._alice.download(self._video["video_url"])
        require(gone.status_code == 404, f"its address answers {gone.status_code}")
        return refused(self._alice.call("GET", path), 410)

    def _until(self, met: Callable[[dict[str, Any]], bool], seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while not met(video := self._alice.video(self._job["job_id"])):
            if time.monotonic() > deadline:
                raise PhoneError(f"it was not so within {seconds:.0f} s: {video['status']}, storage {video['storage']}")
            time.sleep(POLL_SECONDS)
        return video

    def _range(self, url: str, start: int) -> httpx.Response:
        wanted = {"Range": f"bytes={start}-{start + RANGE_BYTES - 1}"}
        answer = self._alice.http.get(url, headers=wanted)
        require(answer.status_code == 206, f"S3 answered {told(answer)} to a byte range")
        return answer

    def _object_key(self) -> str:
        return f"videos/{self._alice.auth_user_id}/{self._job['job_id']}.mp4"

    def _accepted(self, answer: httpx.Response) -> dict[str, Any]:
        require(answer.status_code == 202, f"it was answered {told(answer)}")
        content: dict[str, Any] = answer.json()
        return content

    def _control(self, method: str, path: str, **options: Any) -> Any:
        answer = self._alice.http.request(method, f"{self._fal_url}{path}", **options).raise_for_status()
        return answer.json() if answer.content else None
