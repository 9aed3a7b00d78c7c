"""POST /v1/device-check."""

from __future__ import annotations

from lambdas.device_check.adapters import DeviceCheckAdapters
from lambdas.device_check.logic import CheckIn, DeviceCheckRequest, check_in
from lambdas.runtime.errors import DeviceCheckUnavailable
from lambdas.runtime.http import HttpEvent, Response, api_handler, ok
from lambdas.runtime.observability import count, log


@api_handler(DeviceCheckAdapters.build)
def handler(event: HttpEvent, adapters: DeviceCheckAdapters) -> Response:
    try:
        done = check_in(DeviceCheckRequest.of(event.json()), adapters)
    except DeviceCheckUnavailable as error:
        count(type(error).__name__)  # DeviceCheckUnavailable, or DeviceCheckMisconfigured, which pages
        raise
    _measure(done, adapters.free_credits)
    return ok(done.as_json())


def _measure(done: CheckIn, free_credits: int) -> None:
    log().append_keys(auth_user_id=str(done.device.auth_user_id))
    count("CheckIns")
    if done.is_new:
        count("NewUsers")
    if done.granted:
        count("CreditsGranted", free_credits)
