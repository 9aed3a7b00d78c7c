"""The control API of the stand-in, which the real service does not have. The package's docstring lists it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.standins.fal.answers import refused
from local.standins.fal.cdn import Cdn, Listener
from local.standins.fal.downloads import DownloadFault, RandomFaults
from local.standins.fal.generations import VIDEO_BYTES, Generation, Generations, Outcome
from local.standins.fal.runner import Runner
from local.standins.fal.webhook_delivery import Delivery
from local.standins.fal.webhooks import PublishedKeys, Webhooks
from local.standins.faults import Faults

Model = TypeVar("Model", bound=BaseModel)


class Completion(BaseModel):
    """How `complete` ends a generation, in place of its outcome."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    error: str = ""
    error_type: str = ""
    video_bytes: int = Field(default=VIDEO_BYTES, ge=VIDEO_BYTES)


class Release(BaseModel):
    """How held call-backs are sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    order: Literal["sent", "reversed", "shuffled"] = "sent"
    seed: int = 0
    copies: int = Field(default=1, ge=1, le=1000)


class Control:
    """What tests and the journey tell the stand-in, and ask it."""

    def __init__(
        self, generations: Generations, runner: Runner, cdn: Cdn, webhooks: Webhooks, faults: Faults, silent: Listener
    ) -> None:
        self._generations, self._runner, self._cdn = generations, runner, cdn
        self._webhooks, self._faults, self._silent = webhooks, faults, silent

    def routes(self) -> list[Route]:
        def route(path: str, call: Callable[[Request], Awaitable[Response]], *methods: str) -> Route:
            return Route(f"/_control{path}", _checked(call), methods=list(methods or ("GET",)))

        return [
            Route("/_control/faults", self._faults.control, methods=["GET", "POST", "DELETE"]),
            route("/outcomes", self._outcomes, "GET", "POST", "DELETE"),
            route("/requests", self._requests, "GET", "DELETE"),
            route("/requests/{id}", self._request),
            route("/requests/{id}/complete", self._complete, "POST"),
            route("/requests/{id}/webhook", self._webhook, "POST"),
            route("/requests/{id}/downloads", self._request_downloads, "POST"),
            route("/requests/{id}/expire", self._expire, "POST"),
            route("/uploads", self._uploads, "GET", "DELETE"),
            route("/downloads", self._downloads, "GET", "POST", "DELETE"),
            route("/downloads/random", self._random, "PUT"),
            route("/webhooks/hold", self._hold, "POST"),
            route("/webhooks/release", self._release, "POST"),
            route("/keys", self._keys, "PUT"),
            route("/silent", self._silent_port),
            route("/reset", self._reset, "POST"),
        ]

    # --- generations

    async def _outcomes(self, request: Request) -> Response:
        """`POST` adds outcomes of submits to come, or a list of them; `GET` lists those left; `DELETE` forgets them."""
        outcomes = self._generations.outcomes
        if request.method == "POST":
            outcomes += await _some(request, Outcome)
        elif request.method == "DELETE":
            outcomes.clear()
        return JSONResponse([outcome.model_dump() for outcome in outcomes])

    async def _requests(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._generations.clear()
        return JSONResponse([made.shown() for made in self._generations.all()])

    async def _request(self, request: Request) -> Response:
        return JSONResponse(self._made(request).shown())

    async def _complete(self, request: Request) -> Response:
        """Complete it now and send the call-back once; a completed one is sent again as it was."""
        made, wanted = self._made(request), await _one(request, Completion)
        if not made.done:
            made.outcome = made.outcome.model_copy(update=wanted.model_dump(exclude_unset=True))
            await self._runner.finish(made)
        answered = await self._webhooks.send(made, made.outcome.webhook) if made.webhook else [None]
        return JSONResponse({"webhook_status": answered[0], "webhook_statuses": answered})

    async def _webhook(self, request: Request) -> Response:
        made, delivery = self._made(request), await _one(request, Delivery)
        if not made.done or not made.webhook:
            return refused(409, "the request is not complete, or asked for no webhook")
        return JSONResponse({"statuses": await self._webhooks.send(made, delivery)})

    # --- files

    async def _request_downloads(self, request: Request) -> Response:
        file = self._made(request).file
        if file is None:
            return refused(409, "the request has no result")
        file.faults += await _some(request, DownloadFault)
        return JSONResponse([fault.model_dump() for fault in file.faults])

    async def _expire(self, request: Request) -> Response:
        """The result is gone from now on."""
        file = self._made(request).file
        if file is None:
            return refused(409, "the request has no result")
        file.expires_at = 0.0
        return Response(status_code=204)

    async def _uploads(self, request: Request) -> Response:
        uploads = [file for file in self._cdn.files.all() if not file.owner]
        if request.method == "DELETE":
            for file in uploads:
                file.expires_at = 0.0
        shown = ("content_type", "size", "lifetime_seconds", "uploaded", "alive")
        return JSONResponse(
            [{**{name: getattr(file, name) for name in shown}, "downloads": len(file.downloads)} for file in uploads]
        )

    async def _downloads(self, request: Request) -> Response:
        """`POST` adds faults for whichever results are asked for next; `DELETE` forgets all, random ones too."""
        faults = self._cdn.faults
        if request.method == "POST":
            faults.for_all += await _some(request, DownloadFault)
        elif request.method == "DELETE":
            faults.for_all.clear()
            faults.at_random = None
        return JSONResponse(
            {
                "next": [fault.model_dump() for fault in faults.for_all],
                "random": faults.at_random.model_dump() if faults.at_random else None,
            }
        )

    async def _random(self, request: Request) -> Response:
        self._cdn.faults.at_random = await _one(request, RandomFaults)
        return JSONResponse(self._cdn.faults.at_random.model_dump())

    async def _silent_port(self, _request: Request) -> Response:
        return JSONResponse({"port": self._silent.port})

    # --- call-backs

    async def _hold(self, _request: Request) -> Response:
        self._webhooks.holding = True
        return JSONResponse({"held": len(self._webhooks.held)})

    async def _release(self, request: Request) -> Response:
        wanted = await _one(request, Release)
        return JSONResponse({"statuses": await self._webhooks.release(wanted.order, wanted.seed, wanted.copies)})

    async def _keys(self, request: Request) -> Response:
        self._webhooks.publish(await _one(request, PublishedKeys))
        return JSONResponse(self._webhooks.jwks())

    async def _reset(self, _request: Request) -> Response:
        """Forget everything, as after a start."""
        self._generations.clear()
        self._generations.outcomes.clear()
        self._cdn.files.clear()
        self._cdn.faults.for_all.clear()
        self._cdn.faults.at_random = None
        self._webhooks.reset()
        self._faults.clear()
        return Response(status_code=204)

    def _made(self, request: Request) -> Generation:
        made = self._generations.get(request.path_params["id"])
        if made is None:
            raise LookupError("Request not found")
        return made


def _checked(call: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return await call(request)
        except LookupError as error:
            return refused(404, str(error))
        except ValidationError as error:
            return refused(400, error.errors(include_url=False, include_input=False, include_context=False))

    return endpoint


async def _content(request: Request) -> Any:
    body = await request.body()
    return json.loads(body) if body else {}


async def _one(request: Request, model: type[Model]) -> Model:
    return model.model_validate(await _content(request))


async def _some(request: Request, model: type[Model]) -> list[Model]:
    """One, or a list of them."""
    content = await _content(request)
    some = TypeAdapter(list[model])  # type: ignore[valid-type]  # pydantic reads the type when it runs
    return some.validate_python(content if isinstance(content, list) else [content])
