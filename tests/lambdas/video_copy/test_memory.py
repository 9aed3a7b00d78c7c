"""A copy's memory does not grow with the video (speed as well: tests/bench/bench_video_copy.py)."""

from __future__ import annotations

import pytest

from tests.bench.bench_video_copy import MEGABYTE, MEMORY, bench


@pytest.mark.plan("M6")
def test_a_large_video_takes_no_more_memory_than_a_small_one() -> None:
    with bench() as running:
        small, large = running.memory(10), running.memory(80)
    assert large <= MEMORY
    assert large - small <= 4 * MEGABYTE
