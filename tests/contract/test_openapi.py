"""The API's own description: it is valid, complete, and its examples are what it says."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hub.intake.problems import CONTENT_TYPE
from hub.pages.api_docs import api_docs
from hub.pages.app import build_app
from hub.settings import HubSettings


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The OpenAPI document of the web process."""
    folder: Path = tmp_path_factory.mktemp("openapi")
    council = {"name": "Inventshire", "code": "E06000999", "key": "0123456789abcdef0123"}
    return build_app(HubSettings.model_validate({"council": council, "file": folder / "hub.toml"})).openapi()


def schemas(document: Any) -> Any:
    """Every schema as one JSON Schema whose references resolve."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": document["components"]}


def operations(document: Any) -> list[tuple[str, str, Any]]:
    return [(path, method, each) for path, methods in document["paths"].items() for method, each in methods.items()]


def test_every_schema_is_a_valid_json_schema_and_every_reference_leads_somewhere(document: Any) -> None:
    known = document["components"]["schemas"]
    for schema in known.values():
        jsonschema.Draft202012Validator.check_schema(schema)

    assert set(_references(document)) <= {f"#/components/schemas/{name}" for name in known}
    assert document["openapi"].startswith("3.1")


def _references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [found for value in part.values() for found in _references(value)]
    return [found for value in part for found in _references(value)] if isinstance(part, list) else []


def test_every_example_of_a_body_is_valid(document: Any) -> None:
    seen = 0
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", []):
            reference = schemas(document) | {"$ref": f"#/components/schemas/{name}"}
            jsonschema.validate(example, reference)
            seen += 1
    assert seen >= 4


def test_every_operation_says_what_it_is_what_it_takes_and_how_it_fails(document: Any) -> None:
    for path, method, operation in operations(document):
        assert operation["summary"], path
        assert operation["description"], path
        problems = {status: each for status, each in operation["responses"].items() if status >= "400"}
        assert problems, path
        assert all(list(each["content"]) == [CONTENT_TYPE] for each in problems.values()), path
        if method == "post":
            assert operation["requestBody"]["content"]["application/json"]["schema"]["$ref"], path
            assert "202" in operation["responses"], path


def test_nothing_of_the_frameworks_own_errors_is_promised(document: Any) -> None:
    assert "HTTPValidationError" not in str(document)


def test_every_operation_and_schema_is_on_the_documentation_page(document: Any) -> None:
    page = api_docs(document, "http://127.0.0.1:8600")

    assert [(each.path, each.method.lower()) for each in page.operations] == [each[:2] for each in operations(document)]
    assert {each.name for each in page.schemas} == set(document["components"]["schemas"])
    assert all(each.example for each in page.operations if each.method == "POST")
