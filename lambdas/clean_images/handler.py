"""The schedule's call, every hour: `{}`; people may call with `{"dry_run": true}`. Answers with what went."""

from __future__ import annotations

from functools import cache
from typing import Any

from lambdas.clean_images.adapters import Adapters
from lambdas.runtime.clean_up import run_clean_up, scheduled
from lambdas.runtime.observability import count

_adapters = cache(Adapters.build)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    dry_run = event.get("dry_run") is True
    with scheduled(context):
        adapters = _adapters()
        how = adapters.settings
        answer: dict[str, Any] = {}
        if not (dry_run or how.dry_run or adapters.pause.thrown()):
            answer["anonymous"] = adapters.end_anonymous()
            count("AnonymousImagesCleaned", answer["anonymous"])
        for name, metric, clean_up in (
            ("accepted", "ImagesCleaned", adapters.accepted),
            ("refused", "RefusedImagesCleaned", adapters.refused),
        ):
            answer[name] = run_clean_up(
                clean_up, how, paused=adapters.pause.thrown, metric=metric, dry_run=dry_run, context=context
            )
        return answer
