"""DELETE /v1/videos/{job_id}."""

from __future__ import annotations

from lambdas.delete_video.adapters import Adapters
from lambdas.delete_video.logic import delete_video
from lambdas.runtime.http import HttpEvent, Response, api_handler, no_content


@api_handler(Adapters.build)
def handler(event: HttpEvent, adapters: Adapters) -> Response:
    delete_video(event.claims(), event.path_parameters.get("job_id", ""), jobs=adapters.jobs, storage=adapters.storage)
    return no_content()
