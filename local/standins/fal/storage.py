"""rest.fal.ai: where uploads begin and where the keys of call-backs are published.

As fal's own clients do it: `POST /storage/upload/initiate?storage_type=fal-cdn-v3` with the file's type and name
answers `upload_url` and `file_url`; the bytes go to the first by PUT, without the key, with the same type.
"""

from __future__ import annotations

import json
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.standins.fal.answers import lifetime, refused
from local.standins.fal.cdn import Cdn
from local.standins.fal.webhooks import Webhooks

STORAGE_TYPE = "fal-cdn-v3"
LIFETIME = "x-fal-object-lifecycle"


class Storage:
    """The REST API."""

    def __init__(self, cdn: Cdn, webhooks: Webhooks) -> None:
        self._cdn, self._webhooks = cdn, webhooks

    async def initiate(self, request: Request) -> Response:
        if request.query_params.get("storage_type", STORAGE_TYPE) != STORAGE_TYPE:
            return refused(400, "Invalid storage type")
        try:
            body: Any = json.loads(await request.body())
            name, content_type = body["file_name"], body["content_type"]
        except (ValueError, KeyError, TypeError):
            name = content_type = None
        if not isinstance(name, str) or not isinstance(content_type, str):
            return refused(422, [{"loc": ["body", "file_name"], "msg": "Field required", "type": "missing"}])
        seconds = lifetime(request.headers.get(LIFETIME))
        if seconds is None:
            return refused(400, f"{LIFETIME} is no object with a positive expiration_duration_seconds")
        file = self._cdn.files.add(re.sub(r"[^\w.-]", "_", name)[-100:] or "file", content_type, seconds)
        file.uploaded = False
        return JSONResponse({"upload_url": self._cdn.upload_url(file), "file_url": self._cdn.url(file)})

    async def jwks(self, _request: Request) -> Response:
        return JSONResponse(self._webhooks.jwks())
