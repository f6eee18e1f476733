"""The OpenAPI document is one that tools can read, and tells the routes that there are."""

import pytest
import requests
from openapi_spec_validator import OpenAPIV31SpecValidator


@pytest.fixture(scope="module")
def document(gateway):
    response = requests.get(f"{gateway.http_url}/openapi.json", timeout=10)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    return response.json()


def test_it_is_valid(document):
    assert document.get("openapi", "").startswith("3.1.")
    errors = list(OpenAPIV31SpecValidator(document).iter_errors())
    assert not errors, errors[0]


def test_it_holds_the_routes(document):
    paths = document.get("paths", {})
    assert {"/v1/chat/completions", "/v1/models", "/v1/info", "/errors", "/readyz", "/healthz"} <= set(paths)
    assert any(path.startswith("/v1/models/{") for path in paths)


def test_protected_routes_say_so(document, gateway):
    """What the document says of a token is what a request without one meets."""
    gets = {path: item["get"] for path, item in document.get("paths", {}).items() if "get" in item and "{" not in path}
    assert gets
    for path, operation in gets.items():
        needs_token = bool(operation.get("security", document.get("security")))
        answer = requests.get(gateway.http_url + path, timeout=10)
        assert (answer.status_code == 401) == needs_token, path
