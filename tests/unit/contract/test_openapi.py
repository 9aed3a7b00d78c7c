"""docs/openapi.yaml is a valid contract, and says what the program deploys and the functions answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_spec_validator import validate

from infra.api import ANONYMOUS_UPLOAD, ROUTES
from lambdas.device_check.logic import _DEVICE_ID, _DEVICE_TOKEN
from lambdas.runtime import errors
from lambdas.runtime.image_content import Refusal
from lambdas.runtime.image_keys import CONTENT_TYPES

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


def test_every_code_an_operation_tells_exists() -> None:
    known = {
        kind.code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ApiError)
    }
    assert {"device_not_genuine", "session_expired", "user_unknown", "user_blocked", "unsupported_media_type"} <= known
    text = FILE.read_text()
    for code in ("device_not_genuine", "session_expired", "user_unknown", "user_blocked", "image_too_large"):
        assert f"`{code}`" in text
