"""GET /v1/videos and GET /v1/videos/{job_id}."""

from __future__ import annotations

from lambdas.runtime.http import HttpEvent, Response, api_handler, ok
from lambdas.view_video.adapters import build
from lambdas.view_video.logic import Videos
from lambdas.view_video.pages import Page


@api_handler(build)
def handler(event: HttpEvent, videos: Videos) -> Response:
    claims = event.claims()
    job_id = event.path_parameters.get("job_id")
    if job_id is None:
        return ok(videos.page(claims, Page.of(event.query)))
    return ok(videos.view(claims, job_id, request_id=event.request_id))
