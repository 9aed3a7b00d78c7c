"""docs/openapi.yaml is a valid contract, and says what the program deploys and the functions answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from infra.api import ANONYMOUS_UPLOAD, ROUTES
from lambdas.device_check.logic import _DEVICE_ID, _DEVICE_TOKEN
from lambdas.runtime import errors
from lambdas.runtime.generator import ERROR_CODES
from lambdas.runtime.image_content import Refusal
from lambdas.runtime.image_keys import CONTENT_TYPES
from lambdas.runtime.video_models import MODELS
from lambdas.submit_video.requests import IDEMPOTENCY_KEY, KEY_HEADER, MAXIMUM_PROMPT_CHARACTERS
from lambdas.view_video.pages import DEFAULT_LIMIT, MAXIMUM_LIMIT

FILE = Path(__file__).resolve().parents[3] / "docs" / "openapi.yaml"
CONTRACT: dict[str, Any] = yaml.safe_load(FILE.read_text())
SCHEMAS = CONTRACT["components"]["schemas"]
METHODS = {"get", "put", "post", "delete", "patch"}
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, item in CONTRACT["paths"].items()
    for method, operation in item.items()
    if method in METHODS
}


def test_it_is_valid() -> None:
    validate(CONTRACT)


def test_it_names_every_route_and_no_other() -> None:
    assert OPERATIONS.keys() == {route.key for route in (*ROUTES, ANONYMOUS_UPLOAD)}


@pytest.mark.parametrize("route", [*ROUTES, ANONYMOUS_UPLOAD], ids=lambda route: route.key)
def test_it_asks_for_a_session_where_the_route_does(route: Any) -> None:
    asked = OPERATIONS[route.key].get("security", CONTRACT["security"]) != []
    assert asked is route.session
    if route.session:
        assert {"401", "403"} <= OPERATIONS[route.key]["responses"].keys()


def test_it_has_the_functions_own_words() -> None:
    assert set(SCHEMAS["Image"]["properties"]["reason"]["enum"]) == {*map(str, Refusal), None}
    assert set(SCHEMAS["ContentType"]["enum"]) == set(CONTENT_TYPES)
    check = SCHEMAS["DeviceCheck"]["properties"]
    assert check["device_id"]["pattern"] == f"^{_DEVICE_ID.pattern}$"
    assert check["device_token"]["pattern"] == f"^{_DEVICE_TOKEN.pattern}$"


@pytest.mark.plan("M18")
def test_it_names_the_models_that_are_offered_and_describes_their_settings() -> None:
    offered = [model for model in MODELS.values() if model.offered]
    assert SCHEMAS["VideoRequest"]["properties"]["model"]["enum"] == [model.id for model in offered]
    validator = OAS31Validator({"$ref": "#/components/schemas/Model", "components": CONTRACT["components"]})
    for model in offered:
        validator.validate(model.as_json())
        for setting in model.as_json()["settings"].values():
            assert setting.keys() <= SCHEMAS["Setting"]["properties"].keys()


def test_it_has_the_bounds_of_a_submission_and_of_a_page() -> None:
    assert SCHEMAS["VideoRequest"]["properties"]["prompt"]["maxLength"] == MAXIMUM_PROMPT_CHARACTERS
    assert set(SCHEMAS["Video"]["properties"]["error"]["properties"]["code"]["enum"]) == set(ERROR_CODES)
    key = next(it for it in OPERATIONS["POST /v1/videos"]["parameters"] if it.get("name") == KEY_HEADER)
    assert key["schema"]["pattern"] == f"^{IDEMPOTENCY_KEY.pattern}$"
    limit = next(it for it in OPERATIONS["GET /v1/videos"]["parameters"] if it.get("name") == "limit")
    assert (limit["schema"]["default"], limit["schema"]["maximum"]) == (DEFAULT_LIMIT, MAXIMUM_LIMIT)


def test_every_code_an_operation_tells_exists() -> None:
    known = {
        kind.code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ApiError)
    }
    assert {"device_not_genuine", "session_expired", "user_unknown", "user_blocked", "unsupported_media_type"} <= known
    text = FILE.read_text()
    for code in ("device_not_genuine", "session_expired", "user_unknown", "user_blocked", "image_too_large"):
        assert f"`{code}`" in text
