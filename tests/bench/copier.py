"""A worker's process, warm, that copies what it is told: `{"url", "bucket", "key", "origin"}` a line on its input.

It answers each line with `{"seconds", "sha256", "peak"}`, and begins with `{"bare", "idle"}`: its memory before it
imported anything of ours, and before its first copy (peak is during the copy; all in bytes).
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import psutil

_ME = psutil.Process()
BARE = int(_ME.memory_info().rss)

from lambdas.migrate_video.origins import Origins  # noqa: E402 (what it takes is measured)
from lambdas.migrate_video.upload import ObjectKey  # noqa: E402
from lambdas.migrate_video.video_copy import Copied, copy_video  # noqa: E402
from tests.lambdas.video_copy.storage import streams_to  # noqa: E402


class Peak(threading.Thread):
    """The most memory there was while this ran."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self._over = int(_ME.memory_info().rss), threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.002):
            self.most = max(self.most, int(_ME.memory_info().rss))

    def end(self) -> int:
        self._over.set()
        self.join()
        return max(self.most, int(_ME.memory_info().rss))


def main(endpoint: str, access_key: str, secret_key: str) -> None:
    client = streams_to(endpoint, (access_key, secret_key, None))
    tell({"bare": BARE, "idle": int(_ME.memory_info().rss)})
    for line in sys.stdin:
        asked = json.loads(line)
        peak = Peak()
        if asked["watch"]:
            peak.start()
        began = time.perf_counter()
        copied = copy_video(
            asked["url"],
            to=ObjectKey(asked["bucket"], asked["key"]),
            origins=Origins.of([asked["origin"]]),
            client=client,
        )
        seconds = time.perf_counter() - began
        assert isinstance(copied, Copied)
        tell({"seconds": seconds, "sha256": copied.sha256, "peak": peak.end() if asked["watch"] else 0})


def tell(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
