"""The schedule's call, every hour: `{}`; people may call with `{"dry_run": true}`. Answers with what went."""

from __future__ import annotations

from functools import cache
from typing import Any

from lambdas.clean_videos.adapters import Adapters
from lambdas.runtime.clean_up import run_clean_up, scheduled

_adapters = cache(Adapters.build)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    with scheduled(context):
        adapters = _adapters()
        return run_clean_up(
            adapters.clean_up,
            adapters.settings,
            paused=adapters.pause.thrown,
            metric="VideosCleaned",
            dry_run=event.get("dry_run") is True,
            context=context,
        )
