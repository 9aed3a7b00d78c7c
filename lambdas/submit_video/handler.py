"""POST /v1/videos."""

from __future__ import annotations

from lambdas.runtime.http import HttpEvent, Response, accepted, api_handler
from lambdas.submit_video.adapters import build
from lambdas.submit_video.logic import Submissions
from lambdas.submit_video.requests import VideoRequest


@api_handler(build)
def handler(event: HttpEvent, submissions: Submissions) -> Response:
    claims = event.claims()
    request = VideoRequest.of(event.json(), event.headers)
    return accepted(submissions.submit(claims, request, request_id=event.request_id).as_json())
